"""Characters and graphemes: validity, half characters, and where a text may be cut."""

from __future__ import annotations

import re

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from samples import texts
from tecla.errors import InvalidTextError
from tecla.text.unicode import (
    begins_text,
    completions,
    cut_graphemes,
    drop_dangling,
    incomplete_suffix_bytes,
    last_grapheme_start,
    to_bytes,
)

FAMILY = "👨\u200d👩\u200d👧\u200d👦"
CODER = "👩🏽\u200d💻"
SPAIN, JAPAN = "🇪🇸", "🇯🇵"
SCOTLAND = "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"
DECOMPOSED = "e\u0301"
HANGUL = "\u1112\u1161\u11ab"  # one syllable, decomposed
CONJUNCT = "क्षे"
GRAPHEMES = [
    FAMILY,
    CODER,
    SPAIN,
    SCOTLAND,
    DECOMPOSED,
    HANGUL,
    CONJUNCT,
    "\r\n",
    "a",
    "猫",
    "👍🏿",
]

# Both ends of every range of lead bytes, and characters all over each plane.
CODE_POINTS = sorted(
    {0, 0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xD7FF, 0xE000, 0xFFFD, 0xFFFF}
    | {0x10000, 0x3FFFF, 0x40000, 0xFFFFF, 0x100000, 0x10FFFF}
    | {point for point in range(0, 0x110000, 389) if not 0xD800 <= point <= 0xDFFF}
)


def is_valid(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize(
    ("text", "at", "half"), [("\ud800", 0, "D800"), ("año \udcff!", 4, "DCFF")]
)
def test_lone_surrogates_are_named_with_their_offset(text: str, at: int, half: str) -> None:
    with pytest.raises(InvalidTextError, match=f"header holds U\\+{half} at char offset {at}:"):
        to_bytes(text, "header")


def test_the_text_itself_is_not_in_the_message() -> None:
    with pytest.raises(InvalidTextError) as caught:
        to_bytes("my secret \ud83d")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", [b"bytes", None, 3])
def test_what_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(InvalidTextError, match=re.escape(type(value).__name__)):
        to_bytes(value)  # type: ignore[arg-type]


@given(st.text(st.characters(codec="utf-8")))
def test_valid_text_becomes_utf8(text: str) -> None:
    assert to_bytes(text) == text.encode()


def test_half_characters_are_measured_everywhere() -> None:
    for point in CODE_POINTS:
        whole = chr(point).encode()
        assert incomplete_suffix_bytes(b"a" + whole) == 0
        for length in range(1, len(whole)):
            for before in (b"", b"a", "é".encode(), "😀".encode()):
                assert incomplete_suffix_bytes(before + whole[:length]) == length
    assert incomplete_suffix_bytes(b"") == 0


@pytest.mark.slow
def test_completions_are_exactly_the_valid_next_bytes() -> None:
    partials = {chr(point).encode()[:length] for point in CODE_POINTS for length in (1, 2, 3)}
    partials = {partial for partial in partials if incomplete_suffix_bytes(partial)}
    for partial in sorted(partials):
        found = list(completions(partial))
        needed = 2 if partial[0] < 0xE0 else 3 if partial[0] < 0xF0 else 4
        fill = b"\xa0" * (needed - len(partial) - 1)
        possible = [
            bytes([byte]) + fill for byte in range(256) if is_valid(partial + bytes([byte]) + fill)
        ]
        assert found == possible, partial
        assert len(found) <= 64


def test_every_lead_byte_is_completed() -> None:
    for lead in (*range(0xC2, 0xE0), *range(0xE0, 0xF0), *range(0xF0, 0xF5)):
        assert list(completions(bytes([lead])))


@given(st.binary(max_size=6))
def test_knows_how_a_text_may_begin(data: bytes) -> None:
    ends = [b"", *(chr(point).encode()[n:] for point in CODE_POINTS[::97] for n in (1, 2, 3))]
    ends += [bytes([first]) + b"\xa0" * n for first in range(0x80, 0xC0) for n in range(3)]
    assert begins_text(data) == any(is_valid(data + end) for end in ends)


@pytest.mark.parametrize("last", GRAPHEMES)
@pytest.mark.parametrize("before", ["", "x", "word ", FAMILY, SPAIN, "é\n", "x" * 100, JAPAN * 50])
def test_the_last_grapheme_is_found_whole(before: str, last: str) -> None:
    assert last_grapheme_start(before + last) == len(before)


def test_the_last_of_many_flags_is_a_whole_flag() -> None:
    for count in range(1, 90):
        assert last_grapheme_start("x" + "🇪" * count) == 1 + (count - 1) // 2 * 2


def test_an_empty_text_has_no_grapheme() -> None:
    assert last_grapheme_start("") == 0


@given(texts())
def test_the_last_grapheme_is_that_of_the_whole_text(text: str) -> None:
    starts = [match.start() for match in regex.finditer(r"\X", text)]
    assert last_grapheme_start(text) == (starts[-1] if starts else 0)


@pytest.mark.parametrize("grapheme", GRAPHEMES)
def test_graphemes_are_never_cut(grapheme: str) -> None:
    for limit in range(len(grapheme)):
        assert cut_graphemes(grapheme, limit) == ""
        assert cut_graphemes("ab" + grapheme + "c", 2 + limit) == "ab"
    assert cut_graphemes(grapheme + "c", len(grapheme)) == grapheme


@given(texts(), st.integers(0, 30))
def test_as_many_graphemes_as_fit_are_kept(text: str, limit: int) -> None:
    kept = cut_graphemes(text, limit)
    graphemes = regex.findall(r"\X", text)
    counts = [sum(map(len, graphemes[:count])) for count in range(len(graphemes) + 1)]
    assert text.startswith(kept)
    assert len(kept) == max(count for count in counts if count <= limit)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("plain", "plain"),
        (FAMILY, FAMILY),
        (FAMILY + "\u200d", FAMILY),
        ("👩\u200d", "👩"),
        ("x\u200d\u200d", "x"),
        (SPAIN, SPAIN),
        (SPAIN + "🇯", SPAIN),
        ("🇪", ""),
        ("x" + SPAIN + JAPAN, "x" + SPAIN + JAPAN),
        ("line\r", "line"),
        ("line\r\n", "line\r\n"),
        ("x\u200d🇪", "x"),
        ("x\r\u200d", "x"),
        ("x🇪\r", "x"),
    ],
)
def test_what_needs_a_following_character_is_dropped(text: str, kept: str) -> None:
    assert drop_dangling(text) == kept


@given(texts())
def test_nothing_dangles_twice(text: str) -> None:
    kept = drop_dangling(text)
    assert text.startswith(kept)
    assert drop_dangling(kept) == kept
    assert all(char in "\u200d\r" or "🇦" <= char <= "🇿" for char in text[len(kept) :])
