"""Where the texts of each scope begin in the tree of positions, and what is common to all of them.

Scopes share nothing, with one exception: a program may name a text that stands at the beginning of
most texts and belongs to nobody, such as the preamble of a writer. Its tokens are one path, held
once for everybody. Where a text of some scope leaves that path, or ends on it, its last token in
common is a position of the scope's own, a *gate*: its KV memory is computed anew for each scope,
and everything behind it is reached through it alone. So no scope reaches what lies behind another's
gate, and what it finds held before its own says nothing about anybody's text.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterator, Sequence
from typing import Final

from tecla.scheduler.position import Position

_FEW: Final = 256  # so many scopes are not worth a look for those of which nothing is left
_LEAST_COMMON: Final = 2  # tokens; of a single one nothing would be left to share


class Scopes:
    """The beginnings of all scopes."""

    def __init__(self) -> None:
        """Nothing is common."""
        self._roots: dict[Hashable, Position] = {}
        self._gates: dict[Hashable, dict[int, Position]] = {}  # by scope, then tokens in common
        self._common = [Position(None, -1)]  # the root, and the position behind each common token
        self._keys = itertools.count(-2, -1)  # of gates, among children that go by their token
        self._most = _FEW

    def __len__(self) -> int:
        """Scopes of which something may be left."""
        return len({*self._roots, *self._gates})

    def is_common(self, position: Position) -> bool:
        """Whether a position belongs to nobody."""
        return position in self._common

    def share(self, tokens: Sequence[int]) -> None:
        """Texts of all scopes begin with these tokens, or some of them; said once."""
        assert len(self._common) == 1
        for token in tokens:
            self._common.append(self._common[-1].walk([token]))
        self._common[-1].pins += 1  # so the path is there for good

    def at(self, scope: Hashable, tokens: Sequence[int]) -> Position:
        """The position behind `tokens` in a scope, made where it is missing."""
        n_common = self._in_common(tokens)
        if n_common < _LEAST_COMMON:
            return self.root(scope).walk(tokens)
        return self._gate(scope, n_common).walk(tokens[n_common:])

    def root(self, scope: Hashable) -> Position:
        """The empty text of a scope, with nothing in common."""
        if scope not in self._roots:
            self._look_for_empty()
            self._roots[scope] = Position(None, -1)
        return self._roots[scope]

    def beginnings(self, scope: Hashable) -> list[Position]:
        """What everything of a scope lies behind."""
        root = self._roots.get(scope)
        gates = self._gates.get(scope, {}).values()
        return [*([] if root is None else [root]), *filter(_stands, gates)]

    def roots(self) -> Iterator[Position]:
        """The roots of all trees."""
        yield self._common[0]
        yield from self._roots.values()

    def forget(self, scope: Hashable) -> None:
        """Of this scope nothing is left."""
        self._roots.pop(scope, None)
        self._gates.pop(scope, None)

    def drop_if_empty(self, scope: Hashable) -> None:
        """Forget a scope if nothing is left of it."""
        root = self._roots.get(scope)
        if root is not None and not (root.children or root.pins):
            del self._roots[scope]
        gates = self._gates.get(scope)
        if gates is not None and not any(map(_stands, gates.values())):
            del self._gates[scope]

    def _in_common(self, tokens: Sequence[int]) -> int:
        """How many tokens are those that all scopes have in common."""
        most = min(len(tokens), len(self._common) - 1)
        return next((n for n in range(most) if tokens[n] != self._common[n + 1].token), most)

    def _gate(self, scope: Hashable, n_common: int) -> Position:
        if scope not in self._gates:
            self._look_for_empty()
        gates = self._gates.setdefault(scope, {})
        gate = gates.get(n_common)
        if gate is None or not _stands(gate):
            before, token = self._common[n_common - 1], self._common[n_common].token
            gate = gates[n_common] = Position(before, token, next(self._keys))
            before.children[gate.key] = gate
        return gate

    def _look_for_empty(self) -> None:
        """Forget scopes whose last slot went to others; seldom enough to cost nothing."""
        if len(self._roots) + len(self._gates) < self._most:
            return
        for scope in {*self._roots, *self._gates}:
            self.drop_if_empty(scope)
        self._most = max(_FEW, 2 * (len(self._roots) + len(self._gates)))


def _stands(gate: Position) -> bool:
    """Whether a gate is in the tree; `Position.forget` removes one that nobody needs."""
    return gate.parent is not None and gate.parent.children.get(gate.key) is gate
