"""The filter contract: a check reads a suggestion in its place and names what must not be shown.

Owns the values that pass between a judge (`tecla.filters.judge`) and the checks beside this
file. Knows no model and no search. Every check is a function of a `View` alone, and linear in
its length.

A view is *open* while the suggestion may still grow. A check then names only what is settled: of
whatever begins like this text, nothing beyond the finding may be shown. That one rule is what
lets a search give a branch up early without ever losing a suggestion that would have been kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from tecla.filters.place import Place

Reason = Literal[
    "offensive", "denied", "personal", "secret", "gender", "repetition", "echo_before",
    "echo_after", "language", "unbalanced", "digits", "url", "control", "special_token",
    "template", "slow_pattern",
]  # fmt: skip
Action = Literal["keep", "shorten", "drop"]


class Finding(NamedTuple):
    """Something that must not be shown: chars `start` to `end` of a view's `whole`."""

    start: int
    end: int
    reason: Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be shown: all (`keep`), the first `end` chars (`shorten`), or nothing (`drop`)."""

    action: Action
    end: int
    reason: Reason | None = None


class View:
    """A suggestion with as much of the text around it as a check may look at.

    `whole` is the end of the text before the caret, the suggestion at `begin` to `end`, and,
    unless the view is open, the beginning of the text after the caret.
    """

    __slots__ = ("begin", "end", "is_open", "place", "text", "whole")

    def __init__(self, text: str, place: Place, *, is_open: bool) -> None:
        """Put `text` into its place."""
        self.text, self.place, self.is_open = text, place, is_open
        self.begin = len(place.tail)
        self.end = self.begin + len(text)
        self.whole = place.tail + text + ("" if is_open else place.head)

    def touches(self, start: int, end: int) -> bool:
        """Whether some of chars `start` to `end` would be written by the suggestion."""
        return start < self.end and end > self.begin

    def since(self, chars: int) -> int:
        """Where the word (or other run of non-spaces) `chars` before the caret begins."""
        return self.place.since(chars)

    def is_settled(self, end: int) -> bool:
        """Whether what ends at `end` has ended for good: more text cannot lengthen it."""
        return not self.is_open or end < len(self.whole)


Check: TypeAlias = Callable[[View], Iterable[Finding]]
