"""Words, sentences and lines of a text: where a suggestion may end.

Words follow UAX #29 through the `regex` library (scripts written without spaces therefore get
one word per character or script run). A sentence ends at a terminator with its closing quotes
and brackets, followed by white space; a full stop after an abbreviation, an initial or the
number of a list item, or inside a number, does not end one. Terminators of CJK scripts need
nothing behind them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import regex

# Scripts that are written without spaces, for a set of a pattern.
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(r"(?w)\b\w[^\s\x1c-\x1f]*?\b")
_LINE_BREAK = regex.compile(r"[\n\r\v\f\x85\u2028\u2029]")
_SENTENCE_END = regex.compile(r"(?:[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？｡]+[」』”）]*)")
_LAST_WORD = regex.compile(r"([\p{L}\p{M}.]+)\.$")
_ABBREVIATIONS = frozenset({
    "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "etc", "e.g", "i.e", "a.m", "p.m",
    "u.s", "u.k", "vol", "fig", "inc", "ltd", "co", "corp", "dept", "approx", "p",
    "sra", "srta", "dra", "ud", "uds", "ee.uu", "p.ej", "ej", "pág", "núm", "av",
})  # fmt: skip
_LIST_NUMBER = regex.compile(r"(?:^|[\n\r])[ \t]*\d{1,3}\.$")


class Span(NamedTuple):
    """Char offsets, half-open."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class WordEnd:
    """A word boundary of a continuation.

    `char_offset` counts the code points of the text up to the end of the word; `probability`
    is that of the text running up to here and the word ending here, `spaced` that of a space
    following as well (`None` where nobody looked).
    """

    char_offset: int
    probability: float
    spaced: float | None = None


def words(text: str) -> list[Span]:
    """The words of `text`, in order."""
    return [Span(*match.span()) for match in _WORD.finditer(text)]


def line_break(text: str) -> int | None:
    """Char offset of the first line break."""
    match = _LINE_BREAK.search(text)
    return None if match is None else match.start()


def sentence_end(before: str, text: str) -> int | None:
    """Char offset in `text` behind the first sentence end; `before` is what precedes it."""
    for match in _SENTENCE_END.finditer(text):
        one_stop = match.group().startswith(".") and not match.group().startswith("..")
        up_to_stop = before[-32:] + text[: match.start() + 1]
        if one_stop and (_is_abbreviated(up_to_stop) or _LIST_NUMBER.search(up_to_stop)):
            continue
        return int(match.end())
    return None


def _is_abbreviated(text: str) -> bool:
    """Whether the full stop at the end of `text` belongs to an abbreviation or an initial."""
    match = _LAST_WORD.search(text)
    if match is None:
        return False
    word = match.group(1)
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper() and word != "I")
