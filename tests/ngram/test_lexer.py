"""Tokens of a text and of a caret."""

from __future__ import annotations

import pytest
from hypothesis import given

from samples import texts
from tecla.ngram.lexer import is_word, join, lex, split_caret


@given(texts())
def test_the_tokens_of_a_text_spell_it(text: str) -> None:
    assert join(lex(text)) == text
    assert all(lex(text))


@given(texts())
def test_a_letter_more_belongs_to_the_open_token(text: str) -> None:
    caret = split_caret(text)
    assert caret.starts_text
    assert lex(text + "x")[len(caret.tokens) :] == [(caret.open or "") + "x"]
    assert lex(text + "x")[: len(caret.tokens)] == caret.tokens
    assert caret.open.endswith(text[len(text) - caret.open_chars :])


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, world!", [" Hello", ",", " world", "!"]),
        ('"Yes..." (no)', [' "', "Yes", "...", '"', " (", "no", ")"]),
        ("I don't", [" I", " don't"]),
        ("l’été à 5 km", [" l’été", " à", " 5", " km"]),
        ("two\n\nlines", [" two", "\n", "\n", " lines"]),
        ("a  b", [" a", " ", " b"]),
        ("東京 へ", [" 東", "京", " へ"]),
        ("e\u0301a", [" e\u0301a"]),
        ("", []),
    ],
)
def test_words_and_marks_carry_the_space_before_them(text: str, tokens: list[str]) -> None:
    assert lex(text) == tokens


@pytest.mark.parametrize(
    ("before", "tokens", "opened", "chars"),
    [
        ("I am", [" I"], " am", 3),
        ("I am ", [" I", " am"], " ", 1),
        ("I am. ", [" I", " am", "."], " ", 1),
        ("I am.", [" I", " am", "."], "", 0),
        ("don'", [], " don'", 4),
        ("", [], " ", 0),
        ("one\n", [" one", "\n"], " ", 0),
        ("one\ntw", [" one", "\n"], " tw", 2),
        ("(no", [" ("], "no", 2),
    ],
)
def test_carets(before: str, tokens: list[str], opened: str, chars: int) -> None:
    caret = split_caret(before)
    assert (caret.tokens, caret.open, caret.open_chars) == (tokens, opened, chars)


def test_of_a_long_text_only_the_end_is_read() -> None:
    end = " and then the last few wo"
    long = split_caret("word " * 20_000 + end)
    assert not long.starts_text
    assert len(long.tokens) < 200
    assert (long.tokens[-2:], long.open) == ([" last", " few"], " wo")
    assert long.tokens[0] == " word"


def test_a_line_is_a_fair_place_to_cut() -> None:
    long = split_caret("x" * 1000 + "\nHello the" + "re " * 100)
    assert long.tokens[:2] == [" Hello", " there"]


def test_words_are_told_from_marks() -> None:
    assert [is_word(token) for token in (" a", "a", " 5", " é", "京", " .", "\n", " ", "🙂")] == [
        *([True] * 5),
        *([False] * 4),
    ]
