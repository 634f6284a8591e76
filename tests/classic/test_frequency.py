"""Words by frequency: probabilities, one's own counts, case, other scripts."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.classic.frequency import Frequency
from tecla.classic.word_counts import WordCounts
from tecla.errors import ModelError, OptionError, UnknownModelError
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context

LIST = {"the": 0.4, "to": 0.2, "that": 0.1, "then": 0.05, "i": 0.04, "i'm": 0.03, "zoo": 0.02}
UNKNOWN = 1 - sum(LIST.values())


def ask(predictor: Frequency, before: str, n: int = 5) -> list[Candidate]:
    return predictor.predict(Context(before), Budget(n=n))


def shares(predictor: Frequency, before: str, n: int = 5) -> dict[str, float]:
    return {each.text: each.probability for each in ask(predictor, before, n)}


def test_probabilities_are_of_the_prefix_and_leave_room_for_unknown_words() -> None:
    total = 0.4 + 0.1 + 0.05 + UNKNOWN * 3 / 7
    expected = {"e": 0.4 / total, "at": 0.1 / total, "en": 0.05 / total}
    assert shares(Frequency(LIST), "th") == pytest.approx(expected)


def test_the_typed_word_is_no_candidate_but_counts() -> None:
    total = 0.4 + 0.05 + UNKNOWN * 2 / 7
    assert shares(Frequency(LIST), "the") == pytest.approx({"n": 0.05 / total})


def test_ones_own_words_come_to_the_front_in_proportion() -> None:
    counts = WordCounts()
    predictor = Frequency(LIST, counts=counts, prior_words=100)
    counts.count_text("then Then, THEN; thermostat")
    total = 100 * (0.55 + UNKNOWN * 3 / 7) + 4
    found = shares(predictor, "th")
    expected = {"e": 40, "at": 10, "en": 5 + 3, "ermostat": 1}
    assert found == pytest.approx({text: score / total for text, score in expected.items()})
    assert predictor.probability("then") == pytest.approx((5 + 3) / 104)
    counts.count("thermostat", 100)
    assert next(iter(shares(predictor, "th"))) == "ermostat"


@given(
    st.dictionaries(st.text("ab", min_size=1, max_size=4), st.integers(1, 50), max_size=20),
    st.dictionaries(st.text("ab", min_size=1, max_size=4), st.integers(1, 50), max_size=20),
    st.text("ab", max_size=2),
    st.integers(1, 6),
)
def test_the_best_are_those_that_looking_at_every_word_finds(
    listed: dict[str, int], own: dict[str, int], typed: str, n: int
) -> None:
    total = sum(listed.values()) + 10
    counts = WordCounts()
    for word, times in own.items():
        counts.count(word, times)
    predictor = Frequency({word: times / total for word, times in listed.items()}, counts=counts)
    words = {word for word in listed | own if word.startswith(typed) and word != typed}
    best = sorted((predictor.probability(word) for word in words), reverse=True)[:n]
    found = ask(predictor, typed, n)
    scores = [predictor.probability(typed + each.text.lower()) for each in found]
    if typed:
        assert scores == pytest.approx(best)
    assert sum(each.probability for each in found) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("before", "first"),
    [
        ("Th", "e"), ("TH", "E"), ("", "The"), ("Yes. ", "The"), ("yes ", "the"), ("(", "The"),
        ("yes, th", "e"), ("I'", "m"),
    ],
)  # fmt: skip
def test_case_follows_what_is_typed(before: str, first: str) -> None:
    assert ask(Frequency(LIST, "en"), before)[0].text == first


def test_english_writes_i_with_a_capital() -> None:
    assert {"I", "I'm"} <= set(shares(Frequency(LIST, "en"), "yes ", 9))
    assert {"i", "i'm"} <= set(shares(Frequency(LIST), "yes ", 9))


def test_a_curly_apostrophe_is_an_apostrophe() -> None:
    assert ask(Frequency(LIST, "en"), "i’")[0].text == "m"


def test_in_scripts_without_spaces_a_word_may_begin_anywhere() -> None:
    predictor = Frequency({"東京": 0.3, "東北": 0.2, "天気": 0.1})
    assert set(shares(predictor, "今日の東")) == {"京", "北"}


@pytest.mark.parametrize(
    ("language", "before", "first"),
    [("es", "la hist", "oria"), ("de", "ich ge", "gen"), ("tr", "İs", "e"), ("ru", "прив", "ет")],
)
@pytest.mark.slow
def test_lists_of_languages(language: str, before: str, first: str) -> None:
    predictor = Frequency.open(language, most_words=10_000)
    assert predictor.name == f"frequency:{language}"
    assert first in shares(predictor, before)
    assert predictor.unknown_share < 0.3


def test_what_cannot_be_opened_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownModelError, match="no word list for language 'xx'"):
        Frequency.open("xx")
    with pytest.raises(OptionError, match="most_words is 0"):
        Frequency.open("en", most_words=0)
    with pytest.raises(OptionError, match="at most 1"):
        Frequency({"the": 0.7, "to": 0.6})
    with pytest.raises(OptionError, match="above 0"):
        Frequency({"the": 1.0, "to": 0.0})
    with pytest.raises(OptionError, match="prior_words is 0"):
        Frequency(LIST, prior_words=0)
    with pytest.raises(OptionError, match="times is 0"):
        WordCounts().count("the", 0)
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    with pytest.raises(ModelError, match=r"pip install 'tecla\[classic\]'"):
        Frequency.open("en")
