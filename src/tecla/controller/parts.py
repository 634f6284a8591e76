"""Taking a ghost text piece by piece: by word, by line, whole. Nothing is lost between steps."""

from __future__ import annotations

from typing import Final, Literal

from tecla.text.words import line_break, words

Part = Literal["all", "word", "line"]
PARTS: Final[tuple[Part, ...]] = ("all", "word", "line")


def end_of(text: str, part: Part) -> int:
    """How many characters of a text the next step takes.

    A word is one of UAX #29, with the space before it; marks before a word are a step of their own.
    White space that would be left over at the end goes with the last step. A line ends before its
    line break, and a break that comes first is a step.
    """
    if part == "line":
        at = line_break(text)
        return len(text) if at is None else at or _break_length(text)
    spans = words(text) if part == "word" else []
    if not spans:
        return len(text)
    first = spans[0]
    marks = text[: first.start].rstrip()
    end = len(marks) or first.end
    return end if text[end:].strip() else len(text)


def _break_length(text: str) -> int:
    return 2 if text.startswith("\r\n") else 1
