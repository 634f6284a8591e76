"""The half-typed word at a caret."""

from __future__ import annotations

import pytest

from tecla.classic.typed import Typed, typed_word, word_starts
from tecla.text.context import Context


@pytest.mark.parametrize(
    ("before", "word"),
    [
        ("", ""), ("one ", ""), ("one tw", "tw"), ("don'", "don'"), ("don't", "don't"),
        ("rock-and", "rock-and"), ("(th", "th"), ("(", ""), ("«", ""), ("¿q", "q"),
        ("a\u0301r", "a\u0301r"),
        ("3.1", "1"), ("a\r\nth", "th"), ("x/", ""), ("नमस्", "नमस्"), ("—th", "th"), ("😀 t", "t"),
    ],
)  # fmt: skip
def test_half_typed_words(before: str, word: str) -> None:
    assert typed_word(Context(before)) == Typed(word, len(before) - len(word))


@pytest.mark.parametrize("before", ["one.", "one,", "😀", "one)", "5%"])
def test_no_word_begins_behind_a_mark(before: str) -> None:
    assert typed_word(Context(before)) is None


@pytest.mark.parametrize(
    ("after", "inside"), [("re", True), (" x", False), ("", False), (".", False)]
)
def test_no_word_is_completed_from_its_inside(after: str, inside: bool) -> None:
    assert (typed_word(Context("the fut", after)) is None) is inside


def test_only_the_end_of_a_long_text_is_looked_at() -> None:
    assert typed_word(Context("x" * 100_000)) is None
    assert typed_word(Context("x " * 50_000 + "th")) == Typed("th", 100_000)


def test_words_before_the_caret() -> None:
    assert word_starts("one two\nthree four fi", 3) == [19, 14, 8]
    assert word_starts("one two\nthree ", 5) == [8]
    assert word_starts("", 3) == []
    assert word_starts("x" * 300 + " two", 3) == [301]
