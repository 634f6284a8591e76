"""Sources mixed word by word, by hand."""

from __future__ import annotations

import pytest

from tecla.controller.blend import ENDS, blended
from tecla.controller.tree import Alternative
from tecla.text.words import WordEnd, words


def alternative(text: str, *probabilities: float, source: str = "neural") -> Alternative:
    ends = zip(words(text), probabilities, strict=True)
    found = tuple(WordEnd(word.end, p, 0.5 * p) for word, p in ends)
    return Alternative(text, found, source=source)


def probabilities(found: Alternative) -> list[float]:
    return [round(word.probability, 6) for word in found.words]


def test_words_of_both_are_mixed_and_the_likeliest_comes_first() -> None:
    found = blended(
        [alternative("tea", 0.5), alternative("coffee", 0.3)],
        [alternative("coffee", 0.7, source="ngram"), alternative("milk", 0.2, source="ngram")],
        0.25,
    )
    assert [each.text for each in found] == ["coffee", "tea", "milk"]
    assert [each.probability for each in found] == pytest.approx([0.4, 0.375, 0.05])
    assert found[0].words[0].spaced == pytest.approx(0.2)


def test_what_the_model_says_of_a_word_it_did_not_search_for_counts() -> None:
    (tea, milk) = blended([alternative("tea", 0.5)], [alternative("milk", 0.2)], 0.5, {"milk": 0.1})
    assert tea.probability == pytest.approx(0.25)
    assert milk.probability == pytest.approx(0.5 * ENDS * 0.1 + 0.5 * 0.2)


def test_where_both_go_on_alike_both_count() -> None:
    (found,) = blended(
        [alternative("how are you", 0.6, 0.5, 0.4)],
        [alternative("how are they", 0.4, 0.3, 0.1)],
        0.5,
    )
    assert found.text == "how are you"
    assert probabilities(found) == [0.5, 0.4, 0.2]


def test_the_likelier_way_on_is_taken() -> None:
    (found,) = blended(
        [alternative("how is", 0.6, 0.2)], [alternative("how are", 0.6, 0.5, source="ngram")], 0.5
    )
    assert found.text == "how are"
    assert found.source == "ngram"
    assert probabilities(found) == [0.6, 0.25]


def test_where_one_ends_the_other_says_how_it_goes_on() -> None:
    (found,) = blended([alternative("how", 0.2)], [alternative("how are", 0.6, 0.3)], 0.5)
    assert found.text == "how are"
    assert probabilities(found) == [0.4, 0.2]


def test_one_source_alone_stays_as_it_is() -> None:
    alone = [alternative("tea", 0.2), alternative("coffee", 0.3)]
    assert blended(alone, [], 0.5) == blended([], alone, 0.5) == alone[::-1]
