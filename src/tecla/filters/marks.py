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
_EVEN = frozenset({'"', "`", "```", "**"})  # the same mark opens and closes
_INLINE = frozenset({"`", "**"})
_MARK = regex.compile(r"```|\*\*+|[()\[\]{}“”«»„「」『』\"`]|\n\s*\n|\n")
_SMILE_OR_ITEM = regex.compile(r"(?:[:;=8xX][-o'^]?|(?:^|[\s(])\w{1,3})$")
_LOOK_AHEAD_CHARS = 400
_MOST_OPEN = 32  # nested deeper, nobody reads it


class _Open:
    """Marks that are open, innermost last, each with where it stands."""

    def __init__(self, marks: list[tuple[str, int]] | None = None) -> None:
        self.marks = list(marks or ())

    def read(self, text: str, start: int, end: int) -> Iterator[int]:
        """Read chars `start` to `end`; yields where a mark is broken."""
        for match in _MARK.finditer(text, start, end):
            mark, at = match.group(), match.start()
            if mark.startswith("\n"):
                yield from (where for one, where in self.marks if one in _INLINE and where >= start)
                stay = [each for each in self.marks if each[0] not in _INLINE]
                self.marks = stay if mark == "\n" else []
            elif mark in _CLOSERS or mark in _EVEN or mark in _PAIRS:
                yield from self._take(text, mark, at)

    def _take(self, text: str, mark: str, at: int) -> Iterator[int]:
        closed = next(
            (i for i in reversed(range(len(self.marks))) if _closes(self.marks[i][0], mark)), None
        )
        if closed is not None:
            inner = [at for one, at in self.marks[closed + 1 :] if one in _PAIRS and at >= 0]
            yield from inner[:1] if mark not in _EVEN else ()
            del self.marks[closed : closed + 1 if mark in _EVEN else None]
        elif mark in _PAIRS or mark in _EVEN:
            inside = at > 0 and text[at - 1].isalnum()
            if mark in _INLINE and (inside or text[at - 1 : at] == "*"):
                return  # an accent, a power, a rule of stars
            if mark == '"' and inside:
                if not text[at - 1].isdigit():  # inches
                    yield at
            elif len(self.marks) < _MOST_OPEN:
                self.marks.append((mark, at))
            else:
                yield at
        elif mark != ")" or not _SMILE_OR_ITEM.search(text[max(0, at - 5) : at]):
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
