"""Brackets, quotes and Markdown marks that a suggestion would leave open or close unopened.

What is open at the caret is read off the paragraph before it. Inline marks end with their line.
A closing mark that nothing opened is settled at once; an open one only when its line has ended.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from tecla.filters.base import Finding, View
from tecla.filters.place import OWN_CHARS, Place

_PAIRS = {"(": ")", "[": "]", "{": "}", "“": "”", "«": "»", "„": "“", "「": "」", "『": "』"}
_CLOSERS = frozenset(_PAIRS.values()) - {"“"}
_EVEN = frozenset({'"', "`", "```", "**", "$$"})  # the same mark opens and closes
_INLINE = frozenset({'"', "`", "**"})
_MARK = regex.compile(r"```|\*\*+|\$\$|[()\[\]{}“”«»„「」『』\"`]|\n\s*\n|\n")
_SMILE_OR_ITEM = regex.compile(r"(?:[:;=8xX][-o'^]?|(?:^|[\s(])\w{1,3})$")
_LOOK_AHEAD_CHARS = 400


class _Open:
    """Marks that are open, innermost last, each with where it stands."""

    def __init__(self, marks: list[tuple[str, int]] | None = None) -> None:
        self.marks = list(marks or ())

    def read(self, text: str, start: int, end: int) -> Iterator[int]:
        """Read chars `start` to `end`; yields where a mark is broken."""
        for match in _MARK.finditer(text, start, end):
            mark, at = match.group(), match.start()
            if mark.startswith("\n"):
                left = [each for each in self.marks if each[0] in _INLINE]
                yield from (where for _, where in left if where >= start)
                gone = mark != "\n"
                self.marks = [] if gone else [m for m in self.marks if m[0] not in _INLINE]
            elif mark in _CLOSERS or mark in _EVEN or mark in _PAIRS:
                yield from self._take(text, mark, at)

    def _take(self, text: str, mark: str, at: int) -> Iterator[int]:
        closes = [i for i, (one, _) in enumerate(self.marks) if _closes(one, mark)]
        if closes:
            self.marks = (
                self.marks[: closes[-1]]
                if mark not in _EVEN
                else [each for i, each in enumerate(self.marks) if i != closes[-1]]
            )
        elif mark in _PAIRS or mark in _EVEN:
            measured = mark in ('"', "**") and text[at - 1 : at].isalnum() and at > 0
            if not measured:
                self.marks.append((mark, at))
            elif mark == '"' and not text[at - 1].isdigit():
                yield at
        elif not _SMILE_OR_ITEM.search(text[max(0, at - 5) : at]):
            yield at


def unbalanced(view: View) -> Iterator[Finding]:
    """Marks that the suggestion would break."""
    if _MARK.search(view.text) is None:
        return
    marks = _Open([(mark, -1) for mark in view.place.fact(_open_at_caret)])
    for at in marks.read(view.whole, view.begin, view.end):
        yield Finding(at, at + 1, "unbalanced")
    opened = [(mark, at) for mark, at in marks.marks if at >= 0]
    if view.is_open or not opened:
        return
    closed = view.place.around.after[:_LOOK_AHEAD_CHARS]
    for mark, at in opened:
        if (mark if mark in _EVEN else _PAIRS[mark]) not in closed:
            yield Finding(at, at + 1, "unbalanced")


def _closes(opened: str, mark: str) -> bool:
    return mark == opened if opened in _EVEN else _PAIRS[opened] == mark


def _open_at_caret(place: Place) -> tuple[str, ...]:
    before = place.around.before[-OWN_CHARS:]
    marks = _Open()
    for _ in marks.read(before, 0, len(before)):
        pass
    return tuple(mark for mark, _ in marks.marks)
