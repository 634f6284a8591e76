"""What is typed of the word, or of the last few words, at a caret."""

from __future__ import annotations

from typing import NamedTuple

import regex

from tecla.text.context import Context
from tecla.text.words import UNSPACED

_CHARS = 256  # of the text before a caret, this much is looked at
_HALF_WORD = regex.compile(r"[\p{L}\p{M}\p{N}_]+(?:['’-][\p{L}\p{M}\p{N}_]+)*['’-]?$")
_OPENING = regex.compile(r"(?:^|[\s\p{Ps}\p{Pi}\p{Pd}\"'/¿¡])$")
_UNSPACED = regex.compile(f"[{UNSPACED}]")
_WORD_START = regex.compile(r"(?<![\p{L}\p{M}\p{N}_'’-])[\p{L}\p{N}]")
_WORD_CHAR = regex.compile(r"[\p{L}\p{M}\p{N}_]")
_LINE = regex.compile(r"[\n\r\v\f\x85\u2028\u2029]")


class Typed(NamedTuple):
    """The half-typed word at a caret ("" where a word may begin) and where it starts."""

    word: str
    char_offset: int


def typed_word(context: Context) -> Typed | None:
    """The half-typed word; `None` where no word can be completed.

    That is inside a word (one goes on behind the caret), and behind a mark that wants a space.
    """
    if _WORD_CHAR.match(context.after):
        return None
    before = context.before
    tail = before[-_CHARS:]
    found = _HALF_WORD.search(tail)
    if found is not None:
        if found.start() == 0 and len(tail) < len(before):
            return None  # no word is as long
        return Typed(found.group(), len(before) - len(tail) + found.start())
    return Typed("", len(before)) if _OPENING.search(tail[-1:]) else None


def is_unspaced(text: str) -> bool:
    """Whether `text` holds characters of a script that is written without spaces."""
    return _UNSPACED.search(text) is not None


def word_starts(before: str, most: int) -> list[int]:
    """Char offsets of the last `most` words of the line before the caret, nearest first."""
    tail = before[-_CHARS:]
    breaks = [match.end() for match in _LINE.finditer(tail)]
    first = breaks[-1] if breaks else 0
    shift = len(before) - len(tail)
    starts = [match.start() for match in _WORD_START.finditer(tail, first)]
    if shift and starts and starts[0] == 0:
        starts = starts[1:]  # it may begin further left
    return [shift + start for start in reversed(starts[-most:])]
