"""The n-gram predictor: words, phrases, unknown words, recent words."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tecla.classic.ngram import Ngram
from tecla.ngram.lexer import lex
from tecla.ngram.train import train_ngram
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context

DOCUMENTS = [
    "Thank you very much for your help.\nThank you very much for your time.",
    "Thank you for the fish. I am looking forward to seeing you soon.",
    "I am looking forward to the weekend. I'll thank them for the flowers.",
    "I am not sure.\nI'm sure that they think so.",
]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Ngram:
    path = tmp_path_factory.mktemp("ngram") / "thanks.ngram"
    train_ngram(DOCUMENTS * 3, path)
    return Ngram.open(path)


def ask(predictor: Ngram, before: str, n: int = 5, max_words: int = 1) -> list[Candidate]:
    return predictor.predict(Context(before), Budget(n=n, max_words=max_words))


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("Than", "k"),
        ("Thank you ve", "ry"),
        ("Thank you ", "very"),
        ("Thank you", " very"),
        ("I am looking forw", "ard"),
        ("Thank you for the fish. I am looking", " forward"),
        ("I'", "ll"),
        ("", "Thank"),
        ("I am not sure.\n", "I'm"),
        ("I am not sure.\nI'", "m"),
    ],
)
def test_the_next_word(predictor: Ngram, before: str, text: str) -> None:
    assert text in [each.text for each in ask(predictor, before)[:2]]


def test_a_whole_phrase(predictor: Ngram) -> None:
    best = ask(predictor, "I am looking forw", max_words=4)[0]
    assert best.text.startswith("ard to ")
    assert [end.char_offset for end in best.words][:2] == [3, 6]
    probabilities = [end.probability for end in best.words]
    assert probabilities == sorted(probabilities, reverse=True)
    assert len(best.words) <= 4


def test_a_phrase_ends_with_its_line(predictor: Ngram) -> None:
    best = ask(predictor, "Thank you very much for your h", max_words=9)[0]
    assert "\n" not in best.text
    assert best.text == "elp."


def test_unlikely_further_words_are_left_out(predictor: Ngram) -> None:
    context, least = Context("I am looking forw"), 0.7
    whole = predictor.predict(context, Budget(n=1, max_words=4))[0]
    cut = predictor.predict(context, Budget(n=1, max_words=4, min_next=least))[0]
    chances = [each.probability for each in whole.words]
    likely = [other >= least * one for one, other in pairwise(chances)]
    assert True in likely
    assert False in likely
    assert cut.words == whole.words[: 1 + likely.index(False)]
    assert whole.text.startswith(cut.text)


def test_what_is_typed_may_be_a_word_already(predictor: Ngram) -> None:
    """Behind "the" stand other words, but "them" and "they" may be meant too."""
    found = {each.text: each.probability for each in ask(predictor, "I'll thank the", n=9)}
    assert "m" in found
    assert any(text.startswith(" ") for text in found)


def test_the_probability_is_that_of_the_model(predictor: Ngram) -> None:
    """No word is "Than" here, so what it becomes is "Thank" or a word that was never seen."""
    model = predictor.model
    start = model.state([], starts_text=True)
    typed = model.lexicon.beginning(" Than")
    whole = model.probability(start, " Thank")
    total = whole + model.unknown_mass(start, " Than", typed)
    assert ask(predictor, "Than")[0].probability == pytest.approx(whole / total)


def test_unknown_words_are_spelt_out(predictor: Ngram) -> None:
    found = ask(predictor, "I am looking forward to forwa")
    assert found
    other = ask(predictor, "The zebras loo")
    assert "king" in [each.text for each in other]
    for each in ask(predictor, "thankf"):
        assert predictor.model.lexicon.find(" thankf" + each.text) == len(predictor.model.lexicon)


def test_words_of_the_text_so_far_are_likelier(predictor: Ngram) -> None:
    before = "Thank you, Okonkwo. I am looking forward to seeing Ok"
    best = ask(predictor, before)[0]
    assert best.text == "onkwo"
    assert best.probability > 0.5
    assert ask(predictor, "I am looking forward to seeing Ok")[:1] != [best]


def test_two_words_are_never_glued(predictor: Ngram) -> None:
    for before in ("I am", "thank", "for", "Thank you very much"):
        for each in ask(predictor, before, n=20, max_words=3):
            tokens = lex(before + each.text)
            assert "".join(tokens)[1:] == before + each.text
            glued = each.text[0].isalpha() and not any(
                word.startswith(tokens[-1]) for word in tokens
            )
            assert not glued


def test_more_candidates_are_more_and_budgets_are_kept(predictor: Ngram) -> None:
    few, many = ask(predictor, "th", n=2), ask(predictor, "th", n=6)
    assert [each.text for each in many[:2]] == [each.text for each in few]
    assert sum(each.probability for each in many) <= 1 + 1e-9


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="train it with `tecla train ngram`"):
        Ngram.open(tmp_path / "none.ngram")
