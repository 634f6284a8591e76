"""Own words in the n-gram model: what a person wrote is offered, half-typed or next."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.classic.ngram import Ngram
from tecla.ngram.lexer import lex
from tecla.ngram.train import train_ngram
from tecla.personal.weights import Weights
from tecla.personal.words import LearntWords
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context

GENERAL = [
    "Thank you very much for your help.\nThank you very much for your time.",
    "I am looking forward to seeing you soon. We will see you at the weekend.",
    "Kind regards",
]
OWN = [
    "Hola Begoña,\n¿vienes a Zumárraga el domingo?\nUn abrazo,\nIñaki",
    "Thank you ever so much for the zarzuela tickets.\nBest wishes from Zumárraga,\nIñaki",
    "Thank you ever so much for coming.\nBest wishes from Zumárraga,\nIñaki",
]
BELIEVING = Weights.constant(0.6)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ngram") / "general.ngram"
    train_ngram(GENERAL * 3, path)
    return path


@pytest.fixture(scope="module")
def own(model: Path) -> Ngram:
    return Ngram.open(model, own=LearntWords(OWN, weights=BELIEVING))


def ask(predictor: Ngram, before: str, n: int = 5, max_words: int = 1) -> list[Candidate]:
    return predictor.predict(Context(before), Budget(n=n, max_words=max_words))


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("Thank you ", "ever"),
        ("Thank you e", "ver"),
        ("We are in Zum", "árraga"),
        ("Best wishes from Zumárraga,\n", "Iñaki"),
        ("Best wishes from Zumárraga,\nI", "ñaki"),
        ("", "Thank"),
        ("Hola ", "Begoña"),
    ],
)
def test_own_words_are_offered(own: Ngram, model: Path, before: str, text: str) -> None:
    assert text in [each.text for each in ask(own, before)[:2]]


def test_words_that_the_model_does_not_know_are_offered_by_own_texts_alone(
    own: Ngram, model: Path
) -> None:
    assert "árraga" in [each.text for each in ask(own, "Zum")]
    assert "árraga" not in [each.text for each in ask(Ngram.open(model), "Zum")]


def test_a_phrase_goes_on_with_own_words(own: Ngram) -> None:
    best = ask(own, "Best wi", max_words=4)[0]
    assert best.text.startswith("shes from Zumárraga")
    assert "\n" not in best.text
    probabilities = [end.probability for end in best.words]
    assert probabilities == sorted(probabilities, reverse=True)


def test_what_the_model_knows_is_still_offered(own: Ngram) -> None:
    assert ask(own, "I am looking forw")[0].text == "ard"
    assert ask(own, "I am looking forw", max_words=3)[0].text.startswith("ard to see")


def test_nothing_learnt_changes_nothing(model: Path) -> None:
    plain, empty = Ngram.open(model), Ngram.open(model, own=LearntWords([], weights=BELIEVING))
    for before in ("Th", "Thank you ", "I am looking forw"):
        assert ask(plain, before, max_words=4) == ask(empty, before, max_words=4)


@given(
    st.sampled_from(
        ["", "Thank you", "Best wishes from", "Un abrazo,\n", "xyz xyz", "Hola Begoña,\n¿"]
    )
)
def test_own_shares_and_the_models_sum_to_1(before: str) -> None:
    learnt = LearntWords(OWN, weights=BELIEVING)
    found = learnt.after(lex(before))
    assert found is not None
    shares = [found.share(word) for word in learnt.words]
    assert math.isclose(found.kept + sum(shares), 1.0, abs_tol=1e-9)
    assert found.kept > 0
    for text in ("", " ", " T", " Zu"):
        mass = sum(s for word, s in zip(learnt.words, shares, strict=True) if word.startswith(text))
        assert math.isclose(found.mass(text), mass, abs_tol=1e-9)
        best = [found.share(word) for word in found.best(text, 5)]
        assert best == sorted(best, reverse=True)
        assert not best or math.isclose(best[0], max(shares) if not text else best[0])


def test_mixed_probabilities_of_first_words_sum_to_at_most_1(own: Ngram) -> None:
    for before in ("Thank you ", "Zum", "Best wishes from ", "B"):
        assert sum(each.probability for each in ask(own, before, n=40)) <= 1 + 1e-6


def test_shipped_weights_for_words_believe_what_is_long(own: Ngram, model: Path) -> None:
    found = Ngram.open(model, own=LearntWords(OWN))
    assert ask(found, "Thank you ever so m")[0].text == "uch"
    assert "umárraga" in [each.text for each in ask(found, "Best wishes from Z")]
