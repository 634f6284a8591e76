"""The words of the text so far."""

from __future__ import annotations

import pytest

from tecla.ngram.recency import Recency


def followed(*texts: str) -> Recency:
    recency = Recency()
    for text in texts:
        recency.follow(text)
    return recency


def test_a_text_that_grows_is_as_one_that_is_new() -> None:
    text = "The invoice for Mr Okonkwo, and the invoice for you"
    grown = followed("The", "The invoice for", "The invoice for Mr Okonkwo", text)
    assert grown.beginning(" ") == pytest.approx(followed(text).beginning(" "))
    assert grown.share == pytest.approx(followed(text).share)


def test_a_text_that_changes_is_read_anew() -> None:
    changed = followed("The first text about whales", "Another")
    assert changed.beginning(" ") == {" Another": 1.0}


def test_newer_words_and_repeated_words_weigh_more() -> None:
    found = followed("alpha beta beta alphabet").beginning(" ")
    assert found[" beta"] > found[" alphabet"] > found[" alpha"]
    assert sum(found.values()) == pytest.approx(1)
    assert set(followed("alpha beta alphabet").beginning(" alp")) == {" alpha", " alphabet"}


def test_no_text_has_no_share_and_much_text_a_tenth() -> None:
    assert followed("").share == 0
    assert followed("...").share == 0
    assert 0.005 > followed("one").share > 0
    assert 0.1 > followed("so many words " * 1000).share > 0.09


def test_very_long_texts_stay_in_range() -> None:
    recency = followed("old " * 100_000 + "new")
    assert recency.beginning(" new")[" new"] > 0
    text = "word " * 2_000
    for _ in range(40):
        text += "word " * 2_000
        recency.follow(text)
    assert recency.beginning(" word") == {" word": pytest.approx(1)}
