"""The character model: sums over ways on, beginnings, completions."""

from __future__ import annotations

import pytest

from tecla.ngram.spelling import Spelling, train_spelling

WORDS = sorted({" the", " then", " there", " thick", " thin", " a", " an", " and", " ant", "été"})


@pytest.fixture(scope="module")
def spelling() -> Spelling:
    return Spelling(*train_spelling(WORDS))


@pytest.mark.parametrize("text", ["", " ", " th", " the", " zebra", "été", "猫"])
def test_a_beginning_weighs_what_goes_on_from_it_weighs(spelling: Spelling, text: str) -> None:
    chars = {char for word in WORDS for char in word}
    known = sum(spelling.beginning(text + char) for char in chars)
    one_unknown = spelling.beginning(text + "☃")
    whole = spelling.probability(text) + known + one_unknown * (0x110000 - len(chars))
    assert whole == pytest.approx(spelling.beginning(text), rel=1e-5)


def test_many_words_at_once_are_as_one_by_one(spelling: Spelling) -> None:
    one_by_one = [spelling.probability(word) for word in WORDS]
    assert list(spelling.of_all(WORDS)) == pytest.approx(one_by_one)
    assert sum(one_by_one) < 1


def test_what_is_like_the_words_is_more_probable(spelling: Spelling) -> None:
    assert spelling.probability(" thing") > 100 * spelling.probability(" gniht")
    assert spelling.probability("猫☃") > 0


def test_completions_go_on_from_what_is_typed(spelling: Spelling) -> None:
    found = spelling.completions(" th", 3)
    assert len(found) == 3
    assert all(word.startswith(" th") and len(word) > 3 for word, _ in found)
    assert [p for _, p in found] == pytest.approx([spelling.probability(word) for word, _ in found])
    assert [p for _, p in found] == sorted((p for _, p in found), reverse=True)
