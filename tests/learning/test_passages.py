"""Passages are the text, cut where a reader would pause."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.files import PROSE
from tecla.learning.cleaning import cleaned
from tecla.learning.lines import unwrapped
from tecla.learning.passages import LEAST_WORDS, MOST_CHARS, MOST_WORDS, passages, sentences

WORDS = st.lists(st.sampled_from(["a", "word", "ends.", "Mr.", "\n", "\n\n", "日本", "x" * 300]))
TEXTS = st.text(max_size=500) | WORDS.map(" ".join) | WORDS.map(lambda words: " ".join(words * 9))


@pytest.mark.slow
@given(TEXTS)
@settings(max_examples=80)
def test_joined_they_are_the_text(text: str) -> None:
    found = passages(text)
    assert "".join(found) == text
    assert all(found)
    assert all(len(each) <= MOST_CHARS for each in found)
    assert all(len(each.split()) <= MOST_WORDS + LEAST_WORDS // 4 for each in found)
    assert passages(text) == found


@pytest.mark.slow
@given(TEXTS)
@settings(max_examples=60)
def test_sentences_joined_are_the_text(text: str) -> None:
    assert "".join(text[span.start : span.end] for span in sentences(text)) == text


def test_paragraphs_stay_together() -> None:
    paragraph = " ".join([PROSE] * 4) + "\n\n"  # 64 words
    found = passages(paragraph * 9)
    assert [each.count("\n\n") for each in found] == [2, 2, 2, 2, 1]
    assert all(each.endswith("\n\n") for each in found)


def test_long_paragraphs_are_cut_between_sentences() -> None:
    found = passages(" ".join([PROSE] * 40))
    assert all(each.rstrip().endswith("roof.") for each in found)
    assert all(LEAST_WORDS <= len(each.split()) <= MOST_WORDS for each in found[:-1])


def test_a_last_short_line_is_not_alone() -> None:
    text = " ".join([PROSE] * 8) + "\n\nThe end."
    assert passages(text) == [text]


def test_text_without_spaces_is_cut_at_graphemes() -> None:
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{BOY}"
    found = passages(family * 900)
    assert all(each == family * (len(each) // len(family)) for each in found)


@given(st.text(max_size=300))
@settings(max_examples=60)
def test_cleaned_text_is_what_keys_make(text: str) -> None:
    clean = cleaned(text)
    assert clean == clean.strip()
    assert unicodedata.is_normalized("NFC", clean)
    assert not set(clean) & set("\r\t\x00\x7f\u00a0\u00ad\ufeff\u200b\ufffd")
    assert "\n\n\n" not in clean
    assert cleaned(clean) == clean


def test_cleaned_text_keeps_what_is_written() -> None:
    family = "\N{MAN}\N{ZERO WIDTH JOINER}\N{WOMAN}"
    assert cleaned(f"Café {family}\u00a0und  zwei") == f"Café {family} und  zwei"
    assert cleaned("a\ud800b \nc") == "ab\nc"


@given(st.text(st.sampled_from("ab .-\n"), max_size=400))
@settings(max_examples=60)
def test_joining_lines_changes_white_space_alone(text: str) -> None:
    assert unwrapped(text).split() == text.split()
