"""The shapes that forward passes are prepared for: few, and none much too large for a batch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple

from tecla.engines.base import Feed
from tecla.engines.slots import Limits

_BATCHES: Final = {1: (1, 2, 4, 8, 16, 32, 64, 128, 256), 4: (1, 4, 16), 16: (1, 4), 64: (1,),
                   256: (1,)}  # fmt: skip  # by new tokens of a slot
_CELLS: Final = (256, 1024, 4096, 16_384, 65_536)
ALL_ROWS_TOKENS: Final = 16  # up to this many new tokens a slot, each may have its scores
_MOST_PADDING: Final = 4  # times the tokens of the batch


class StepShape(NamedTuple):
    """How much a prepared step holds."""

    batch: int
    tokens: int
    cells: int

    @property
    def rows(self) -> int:
        """Rows of scores it gives: every token's, or of long ones the last token's alone."""
        return self.batch * self.tokens if self.tokens <= ALL_ROWS_TOKENS else self.batch


class Ladder:
    """The shapes there are, within the limits of an engine."""

    def __init__(self, limits: Limits) -> None:
        """Cut the ladder to what slots of this engine can hold."""
        longest = limits.context_tokens
        self._cells = (*(step for step in _CELLS if step < longest), longest)
        self._tokens = tuple(step for step in _BATCHES if step <= limits.batch_tokens)
        self._most_slots = limits.n_slots

    def shapes(self) -> list[StepShape]:
        """All of them, the largest first, so that the memory of one serves the next."""
        found = [
            StepShape(batch, tokens, cells)
            for tokens in self._tokens
            for batch in self._batches(tokens)
            for cells in self._cells
        ]
        return sorted(found, key=lambda shape: shape.batch * shape.tokens * shape.cells)[::-1]

    def smallest(self, feeds: Sequence[Feed], most_cells: int) -> StepShape | None:
        """The smallest shape that holds a batch; `None` where none does without much padding."""
        longest = max(len(feed.tokens) for feed in feeds)
        tokens = _at_least(self._tokens, longest)
        batch = _at_least(self._batches(tokens), len(feeds)) if tokens else None
        cells = _at_least(self._cells, most_cells)
        if tokens is None or batch is None or cells is None:
            return None
        if tokens > ALL_ROWS_TOKENS and any(feed.rows > 1 for feed in feeds):
            return None
        if batch * tokens > _MOST_PADDING * sum(len(feed.tokens) for feed in feeds):
            return None
        return StepShape(batch, tokens, cells)

    def _batches(self, tokens: int) -> tuple[int, ...]:
        steps = _BATCHES[tokens]
        most = _at_least(steps, self._most_slots) or steps[-1]
        return tuple(step for step in steps if step <= most)


def _at_least(steps: Sequence[int], wanted: int) -> int | None:
    """The first of ascending `steps` that is at least `wanted`."""
    at = bisect_left(steps, wanted)
    return steps[at] if at < len(steps) else None
