"""Case and accents: folding, following what is typed, the beginning of a sentence."""

from __future__ import annotations

import pytest
from hypothesis import given

from samples import texts
from tecla.classic.casing import fold, follow, lower, starts_sentence, upper


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Árbol", "arbol"), ("a\u0301rbol", "arbol"), ("STRASSE", "strasse"), ("Straße", "strasse"),
        ("ŁÓDŹ", "lodz"), ("İstanbul", "istanbul"), ("ısı", "isi"), ("Ещё", "еще"), ("が", "が"),
        ("नमस्ते", "नमस्ते"), ("한글", "한글"), ("😀", "😀"), ("", ""), ("Ελλάδα", "ελλαδα"),
    ],
)  # fmt: skip
def test_folding(text: str, folded: str) -> None:
    assert fold(text) == folded


@given(texts())
def test_the_folded_form_of_a_beginning_begins_the_folded_form(text: str) -> None:
    whole = fold(text)
    assert all(whole.startswith(fold(text[:end])) for end in range(len(text)))


@given(texts())
def test_lower_case_keeps_every_character_in_its_place(text: str) -> None:
    assert len(lower(text)) == len(text)


@pytest.mark.parametrize(
    ("word", "typed", "language", "expected"),
    [
        ("the", "th", "", "the"), ("the", "Th", "", "The"), ("the", "TH", "", "THE"),
        ("the", "T", "", "The"), ("the", "tH", "", "the"), ("istanbul", "İ", "tr", "İstanbul"),
        ("istanbul", "İS", "tr", "İSTANBUL"), ("ısı", "IS", "tr", "ISI"),
        ("ijs", "Ij", "nl", "IJs"), ("猫", "猫", "", "猫"),
        ("New York", "new", "", "New York"), ("New York", "NEW", "", "NEW YORK"),
        ("don't", "Don'", "", "Don't"),
    ],
)  # fmt: skip
def test_case_follows_what_is_typed(word: str, typed: str, language: str, expected: str) -> None:
    assert follow(word, typed, language) == expected


def test_a_sentence_begins_with_a_capital() -> None:
    assert follow("the", "", at_sentence=True) == "The"
    assert follow("ijs", "", "nl", at_sentence=True) == "IJs"
    assert follow("the", "t", at_sentence=True) == "the"


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("", True), ("Done. ", True), ("Done! ", True), ("“Really?” ", True), ("one\n", True),
        ("one\r\n", True), ("¿", True), ("He said. «", True), ("好。", True), ("one ", False),
        ("one, ", False), ("3.", False), ("(", True), ("one (", False), ("x" * 100 + " ", False),
        (" ", True), ("x" * 100 + ". ", True),
    ],
)  # fmt: skip
def test_beginnings_of_sentences(before: str, expected: bool) -> None:
    assert starts_sentence(before) is expected


def test_turkish_and_other_letters() -> None:
    assert lower("IĞDIR", "tr") == "ığdır"
    assert upper("izmir", "tr") == "İZMİR"
    assert lower("İ") == "İ"  # two characters in lower case: left as it is
