"""Positions: every token sequence that somebody holds, wants or remembers, as one tree.

A position is a token behind its parent; from the root of a *scope* it spells a beginning of
some text. What is common to two texts of a scope is one path here, whoever asked for it, so
"is this already known" is a walk and never a comparison of texts. Where texts of a scope begin, and
what scopes share, is up to `tecla.scheduler.scopes`.

A position is there as long as a slot holds it (`slots`), its scores are kept (`scores`), a
request names it (`pins`) or something lies behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tecla.engines.base import Scores


class Position:
    """One token of some text."""

    __slots__ = ("children", "depth", "key", "parent", "pins", "scores", "slots", "token")

    def __init__(self, parent: Position | None, token: int, key: int | None = None) -> None:
        """A position nobody holds yet; the root of a scope has no parent.

        `key`: what it goes by among its parent's children, if that is not its token.
        """
        self.parent = parent
        self.token = token
        self.key = token if key is None else key
        self.depth: int = 0 if parent is None else parent.depth + 1  # tokens up to here
        self.children: dict[int, Position] = {}
        self.slots = 0  # bit i: slot i holds this position
        self.scores: Scores | None = None  # kept next-token scores, one row
        self.pins = 0

    def walk(self, tokens: Iterable[int]) -> Position:
        """The position behind `tokens`, made where it is missing."""
        at = self
        for token in tokens:
            child = at.children.get(token)
            if child is None:
                child = at.children[token] = Position(at, token)
            at = child
        return at

    def upwards(self) -> Iterator[Position]:
        """This position and all before it, the root of the scope last."""
        at: Position | None = self
        while at is not None:
            yield at
            at = at.parent

    def way_from(self, ancestor: Position) -> list[Position]:
        """The positions behind an ancestor up to and with this one, in order."""
        found = []
        at = self
        while at is not ancestor:
            found.append(at)
            assert at.parent is not None
            at = at.parent
        return found[::-1]

    @property
    def root(self) -> Position:
        """The root of the scope."""
        at = self
        while at.parent is not None:
            at = at.parent
        return at

    def lies_behind(self, ancestor: Position) -> bool:
        """Whether the text up to here begins with that up to `ancestor`."""
        return any(at is ancestor for at in self.upwards())

    @property
    def lacking(self) -> int:
        """How many of the tokens up to here no slot holds."""
        return self.depth - self.held().depth

    def held(self) -> Position:
        """The last position up to here that some slot holds, or the root of the scope."""
        at = self
        while not at.slots and at.parent is not None:
            at = at.parent
        return at

    def forget(self) -> None:
        """Remove this position, and what stood only for it, if nobody needs it."""
        at: Position | None = self
        while at is not None and at.parent is not None:
            if at.slots or at.pins or at.children or at.scores is not None:
                return
            assert at.parent.children.get(at.key) is at, "a position was removed twice"
            del at.parent.children[at.key]
            at = at.parent
