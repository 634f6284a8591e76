"""One suite for every predictor: what a candidate may be, whoever makes it.

To add a predictor, add its factory to `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings

from samples import lines, texts
from tecla.classic.casing import fold
from tecla.classic.dictionary import Dictionary
from tecla.classic.dictionary_file import save_dictionary
from tecla.classic.frequency import Frequency
from tecla.classic.ngram import Ngram
from tecla.classic.querylog import QueryLog
from tecla.classic.querylog_file import Asked
from tecla.errors import OptionError
from tecla.ngram.train import train_ngram
from tecla.personal.words import LearntWords
from tecla.predict.base import Budget, Candidate, Predictor
from tecla.suggest.neural import Neural
from tecla.suggest.suggester import Suggester
from tecla.text.context import Context
from tecla.text.words import words

NOW = 1_800_000_000.0
ENTRIES = {
    "the": 50.0, "that": 20.0, "they": 10.0, "them": 8.0, "think": 6.0, "future": 4.0,
    "artificial": 3.0, "artificial intelligence": 2.0, "article": 2.0, "New York": 3.0,
    "New Zealand": 2.0, "new": 5.0, "árbol": 2.0, "arbitro": 1.0, "corazón": 2.0,
    "Straße": 1.0, "猫": 1.0, "नमस्ते": 1.0, "don't": 3.0, "rock-and-roll": 1.0,
}  # fmt: skip
QUERIES = (
    "how to cook rice", "how to cook pasta", "how to cook", "how to tie a tie", "how are you",
    "however it goes", "The future of artificial intelligence", "the future", "don't panic",
    "what is rock-and-roll", "¿qué hora es?", "東京 天気", "new york weather",
)  # fmt: skip


class Made(NamedTuple):
    """A predictor, and what the suite may expect of it beside the contract."""

    predictor: Predictor
    may_slip: bool = False  # it takes one slip of the finger back
    is_quick: bool = True  # it answers in about a millisecond


Factory = Callable[[pytest.FixtureRequest, Path], Made]


def _frequency(language: str) -> Factory:
    return lambda request, folder: Made(Frequency.open(language, most_words=20_000))


def _dictionary(request: pytest.FixtureRequest, folder: Path) -> Made:
    save_dictionary(folder / "words", ENTRIES)
    return Made(Dictionary.open(folder / "words"), may_slip=True)


def _querylog(request: pytest.FixtureRequest, folder: Path) -> Made:
    log = QueryLog.create(folder / "log", clock=lambda: NOW)
    log.record_all(Asked(text, NOW - 3600 * at, 1 + at % 3) for at, text in enumerate(QUERIES))
    return Made(log)


def _neural(request: pytest.FixtureRequest, folder: Path) -> Made:
    suggester: Suggester = request.getfixturevalue("default_suggester")
    return Made(Neural(suggester, max_tokens=4), is_quick=False)


def _ngram(request: pytest.FixtureRequest, folder: Path) -> Made:
    train_ngram([*QUERIES * 3, " ".join(ENTRIES)], folder / "words", prior=ENTRIES)
    return Made(Ngram.open(folder / "words"))


def _own_words(request: pytest.FixtureRequest, folder: Path) -> Made:
    train_ngram([*QUERIES * 3, " ".join(ENTRIES)], folder / "words", prior=ENTRIES)
    own = LearntWords([*QUERIES, "Best regards,\nÁlvaro Núñez\n", "the artificial 猫 of Straße"])
    return Made(Ngram.open(folder / "words", own=own))


KINDS: dict[str, Factory] = {
    "frequency en": _frequency("en"),
    "frequency es": _frequency("es"),
    "dictionary": _dictionary,
    "n-gram": _ngram,
    "own words": _own_words,
    "query log": _querylog,
    "neural": _neural,
}
SLOW = {"neural"}
BEFORES = (
    "", " ", "\n", "The futu", "the future of artif", "how to c", "how to cook", "how to cook ",
    "How", "THE FUT", "Th", "I live in New Y", "new ", "arb", "árb", "corazo", "a\u0301rb",
    "corazo\u0301", "teh", "artifical", "don'", "don’", "rock-", "rock-and", "zzzz qqqq how to t",
    "¿q", "«th", "(th", "3.1", "x = th", "hello,", "hello, ", "one\r\nth", "one\r\n", "a\tth",
    "😀", "😀 th", "👩\u200d💻", "🇪", "東", "東京 ", "猫", "नम", "नमस्", "सि", "สวัส", "שלו",
    "\u0301", "th\u0301", "<|im_end|>", "�",
)  # fmt: skip
LONG = ("The future of words that they think of. " * 2600)[:99_990] + "\nthe futur"


@pytest.fixture(
    scope="module",
    params=[pytest.param(kind, marks=pytest.mark.slow if kind in SLOW else ()) for kind in KINDS],
)
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    found = KINDS[request.param](request, tmp_path_factory.mktemp("predictor"))
    yield found
    found.predictor.close()
    found.predictor.close()


def ask(made: Made, before: str, after: str = "", **budget: int) -> list[Candidate]:
    return made.predictor.predict(Context(before, after), Budget(**budget))


def one_slip_apart(one: str, other: str) -> bool:
    """Whether one wrong, missing, additional or swapped character turns one into the other."""
    at = 0
    while at < min(len(one), len(other)) and one[at] == other[at]:
        at += 1
    left, right = one[at:], other[at:]
    return (
        left[1:] == right[1:]
        or left == right[1:]
        or left[1:] == right
        or (left[:2] == right[:2][::-1] and left[2:] == right[2:])
    )


def check(made: Made, before: str, found: list[Candidate], budget: Budget) -> None:
    """Everything that holds for every answer."""
    assert len(found) <= budget.n
    spelt = [(each.replaces, each.text) for each in found]
    assert len(set(spelt)) == len(spelt)
    for each in found:
        assert each.text
        assert each.text.encode()
        assert 0 <= each.probability <= 1
        assert 0 <= each.replaces <= len(before)
        check_words(each)
        check_budget(before, each, budget)
        check_kept(made, before, each)
    assert sum_of_alternatives(found) <= 1 + 1e-9
    shown = [each.probability for each in found]
    assert shown == sorted(shown, reverse=True)


def check_words(candidate: Candidate) -> None:
    offsets = [end.char_offset for end in candidate.words]
    shares = [end.probability for end in candidate.words]
    assert offsets == sorted(set(offsets))
    assert all(0 < offset <= len(candidate.text) for offset in offsets)
    assert shares == sorted(shares, reverse=True)
    assert all(candidate.probability - 1e-9 <= share <= 1 for share in shares)


def check_budget(before: str, candidate: Candidate, budget: Budget) -> None:
    """Beside the words that are typed already and only spelt anew."""
    kept = before[: len(before) - candidate.replaces]
    whole = kept[-200:] + candidate.text
    typed_again = len(words(before[-candidate.replaces :])) if candidate.replaces else 0
    inserted = [span for span in words(whole) if span.end > len(kept[-200:])]
    fewest = min(len(inserted), len(words(candidate.text)))  # a mark may join what is before
    assert fewest <= budget.max_words + typed_again


def check_kept(made: Made, before: str, candidate: Candidate) -> None:
    """What is typed is still there, case and accents aside, one slip at most taken back."""
    if not candidate.replaces:
        return
    typed = fold(before[-candidate.replaces :])
    now = fold(candidate.text)
    if now.startswith(typed):
        return
    assert made.may_slip
    assert any(one_slip_apart(typed, now[:end]) for end in range(len(now) + 1))


def sum_of_alternatives(found: list[Candidate]) -> float:
    """Of the candidates that no other one of the same `replaces` begins, shortest first."""
    most = 0.0
    for replaces in {each.replaces for each in found}:
        alike = [each for each in found if each.replaces == replaces]
        apart: list[Candidate] = []
        for each in sorted(alike, key=lambda one: len(one.text)):
            if not any(each.text.startswith(other.text) for other in apart):
                apart.append(each)
        most = max(most, sum(each.probability for each in apart))
    return most


@pytest.mark.parametrize("before", BEFORES)
@pytest.mark.parametrize("max_words", [1, 3])
def test_any_caret(made: Made, before: str, max_words: int) -> None:
    budget = Budget(n=5 if made.is_quick else 2, max_words=max_words)
    check(made, before, made.predictor.predict(Context(before), budget), budget)


@pytest.mark.slow
def test_the_same_again(made: Made) -> None:
    befores = BEFORES if made.is_quick else BEFORES[3:12]
    first, second = ([ask(made, before, n=3, max_words=2) for before in befores] for _ in range(2))
    if made.is_quick:
        assert first == second
    for one, other in zip(first, second, strict=True):
        assert [each.text for each in one] == [each.text for each in other]
        shown = [each.probability for each in other]
        assert [each.probability for each in one] == pytest.approx(shown, rel=0.02)


@pytest.mark.parametrize("n", [1, 2, 50])
def test_as_many_as_asked_for_and_no_more(made: Made, n: int) -> None:
    for before in ("", "how to c", "the future of artif", "th")[: None if made.is_quick else 2]:
        budget = Budget(n=n)
        found = made.predictor.predict(Context(before), budget)
        check(made, before, found, budget)
        if made.is_quick:
            assert found[: n // 2] == ask(made, before, n=max(1, n // 2))[: n // 2]


def test_every_predictor_completes_what_it_knows(made: Made) -> None:
    source = "the future of artif" if made.predictor.name != "frequency:es" else "la hist"
    assert ask(made, source)


def test_a_long_text_is_no_longer_to_answer(made: Made) -> None:
    if not made.is_quick:
        pytest.skip("how much a model reads of a long text is the matter of its own tests")
    budget = Budget(n=5)
    found = made.predictor.predict(Context(LONG), budget)
    check(made, LONG, found, budget)
    assert [each.text for each in found] == [each.text for each in ask(made, LONG[-200:])]


def test_nothing_is_put_into_the_middle_of_a_word(made: Made) -> None:
    if made.is_quick:
        assert ask(made, "the fut", after="re") == []


@pytest.mark.slow
def test_every_caret_of_real_text(made: Made) -> None:
    if not made.is_quick:
        pytest.skip("covered by the tests of the model")
    for line in (*lines("english")[:6], *lines("spanish")[:6], *lines("scripts")):
        for at in range(len(line) + 1):
            budget = Budget(n=4, max_words=1 + at % 3)
            check(made, line[:at], made.predictor.predict(Context(line[:at]), budget), budget)


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=texts())
def test_any_text(made: Made, before: str) -> None:
    if not made.is_quick:
        return
    budget = Budget(n=4, max_words=2)
    found = made.predictor.predict(Context(before), budget)
    check(made, before, found, budget)
    assert made.predictor.predict(Context(before), budget) == found


def test_a_budget_out_of_range_is_refused() -> None:
    for wrong in (
        {"n": 0},
        {"max_words": 0},
        {"n": True},
        {"deadline_ms": "soon"},
        {"min_next": 1.5},
    ):
        with pytest.raises(OptionError):
            Budget(**wrong)  # type: ignore[arg-type]
