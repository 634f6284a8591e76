"""One batch: which wanted positions are evaluated together, within the budgets of a step.

Wishes come in order of urgency. Each is reached from the longest beginning that a slot holds;
a long way is cut to what is left of the budget, so a long text moves forward step by step
beside everybody else's. No position is evaluated twice in a batch: a wish that continues what
another wish of the same batch evaluates is appended to it, and one that shares a part of its
way waits for the next step, when that part is held.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tecla.engines.base import Feed
from tecla.scheduler.kvmemory import KVMemory
from tecla.scheduler.position import Position

_MOST_EXTRA_ROWS = 8  # rows nobody asked for, between two wished positions of one feed


class Score(NamedTuple):
    """A row of the scores of the batch and the position it belongs to."""

    row: int
    position: Position


@dataclass(slots=True)
class _Draft:
    """A feed while it is put together."""

    slot: int
    positions: list[Position] = field(default_factory=list)  # to be evaluated, in order
    again: bool = False  # held already and evaluated for its scores alone
    first_wished: int | None = None  # index into `positions`

    @property
    def rows(self) -> int:
        return 0 if self.first_wished is None else len(self.positions) - self.first_wished


class Batch:
    """Feeds for one evaluation, put together wish by wish."""

    def __init__(self, memory: KVMemory, budget_tokens: int) -> None:
        """Begin empty; at most `budget_tokens` tokens, and what the engine allows."""
        engine = memory.engine
        self._memory = memory
        self._left = min(budget_tokens, engine.batch_tokens)
        self._rows_left = engine.score_rows
        self._drafts: dict[int, _Draft] = {}  # by slot
        self._scheduled: dict[Position, _Draft] = {}

    def __len__(self) -> int:
        """Number of tokens to be evaluated."""
        return len(self._scheduled)

    def add(self, position: Position) -> int:
        """Schedule a position, or a part of the way to it; tokens that were added for it."""
        if self._left <= 0 or self._rows_left <= 0:
            return 0
        known = self._last_known(position)
        draft = self._scheduled.get(known)
        if draft is not None:
            return self._append(draft, known, position)
        place = self._memory.place(position, self._drafts)
        if place is None:
            return 0
        way = place.way[: self._left]
        if not self._memory.make_room(len(self) + len(way), {*self._drafts, place.slot}):
            return 0
        draft = self._drafts[place.slot] = _Draft(place.slot, again=position.slots != 0)
        self._extend(draft, way)
        self._wish(draft, position)
        return len(way)

    def slot_of(self, position: Position) -> int | None:
        """The slot in which a position, or the way to it, is evaluated by this batch."""
        draft = self._scheduled.get(self._last_known(position))
        return None if draft is None else draft.slot

    def feeds(self) -> list[Feed]:
        """The feeds, each with the rows that were wished for."""
        return [
            Feed(draft.slot, [at.token for at in draft.positions], draft.rows)
            for draft in self._drafts.values()
        ]

    def evaluated(self) -> list[Score]:
        """Record that the batch was evaluated; positions whose scores it gives, parents first."""
        scores: list[Score] = []
        row = 0
        for draft in self._drafts.values():
            self._memory.extended(draft.slot, draft.positions)
            if draft.first_wished is not None:
                for position in draft.positions[draft.first_wished :]:
                    scores.append(Score(row, position))
                    row += 1
        return scores

    def _last_known(self, position: Position) -> Position:
        """The last position up to here that is held or about to be."""
        at = position
        while at.parent is not None and not at.slots and at not in self._scheduled:
            at = at.parent
        return at

    def _append(self, draft: _Draft, known: Position, position: Position) -> int:
        """Add a wish that begins with what `draft` evaluates."""
        if known is position:
            self._wish(draft, position)
            return 0
        if draft.again or draft.positions[-1] is not known:
            return 0  # it leaves the way of another wish: once that is held, it can fork
        way = position.way_from(known)
        if len(way) > min(self._left, _MOST_EXTRA_ROWS) or len(way) > self._rows_left:
            return 0
        if not self._memory.make_room(len(self) + len(way), self._drafts):
            return 0
        self._extend(draft, way)
        self._wish(draft, position)
        return len(way)

    def _extend(self, draft: _Draft, way: Iterable[Position]) -> None:
        before = draft.rows
        for at in way:
            draft.positions.append(at)
            self._scheduled[at] = draft
            self._left -= 1
        self._rows_left -= draft.rows - before

    def _wish(self, draft: _Draft, position: Position) -> None:
        """Ask for the scores of a scheduled position, if it is reached and rows are left."""
        if self._scheduled.get(position) is not draft:
            return
        index = draft.positions.index(position)
        if draft.first_wished is not None and draft.first_wished <= index:
            return
        rows = len(draft.positions) - index
        if rows <= _MOST_EXTRA_ROWS and rows - draft.rows <= self._rows_left:
            self._rows_left -= rows - draft.rows
            draft.first_wished = index
