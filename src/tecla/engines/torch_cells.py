"""Which cells of KV memory hold the tokens of every slot.

A cell is one row of the tensors of keys and values. A slot is a list of cells, one a token, in
order; a fork copies the list and every cell counts how many slots hold it, so forks and trims are
work on integers and what a fork shares is in memory once. A cell that is shared is never written
again: what a slot appends goes into cells of its own.

Cells that follow one another can be read as a view of the tensors, without a copy. So a slot goes
on in the cell behind its last one where that is free, and else as near behind it as possible: the
branches of a fork then lie side by side, and one view spans them all. A new slot begins in the
middle of the longest free run, which leaves room to grow to whoever stands before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tecla.engines.base import Feed
from tecla.engines.slots import Limits, SlotTable
from tecla.errors import KVFullError

Cells = npt.NDArray[np.int64]


class CellTable(SlotTable):
    """A `SlotTable` whose cells are places in memory, each with a count of its holders."""

    def __init__(self, limits: Limits) -> None:
        """Make `limits.n_slots` empty slots over `limits.kv_tokens` free cells."""
        super().__init__(limits)
        # Rows and not lists: a step of many slots would spend more on converting lists to arrays
        # than a GPU on the step.
        self._rows = np.zeros((limits.n_slots, limits.context_tokens), dtype=np.int64)
        self._holders = np.zeros(limits.kv_tokens, dtype=np.int32)  # [cells]
        self._free = limits.kv_tokens

    @property
    def free_cells(self) -> int:
        """Cells that no slot holds."""
        return self._free

    def cells(self, slot: int) -> Cells:
        """The cells of `slot`, one a token, in order; a view, do not write to it."""
        return self._rows[slot, : len(self._tokens[slot])]

    def used_cells(self, *, apart_from: int | None = None) -> int:
        """Cells in use, those shared by forks once; without those only `apart_from` holds."""
        used = len(self._holders) - self._free
        if apart_from is None:
            return used
        return used - int((self._holders[self.cells(apart_from)] == 1).sum())

    def reserve(self, feeds: Sequence[Feed]) -> list[Cells]:
        """Free cells for the tokens of every feed; they are held from here on.

        Raises `KVFullError`, with nothing held, where there are too few. `extend` records them
        as the slots', `release` gives them back.
        """
        wanted = sum(len(feed.tokens) for feed in feeds)
        if wanted > self._free:
            raise KVFullError(
                f"KV memory of {self.limits.kv_tokens} tokens has {self._free} cells free and the "
                f"batch needs {wanted}; clear or trim slots, or raise kv_tokens"
            )
        return [self._take(len(feed.tokens), self.cells(feed.slot)) for feed in feeds]

    def release(self, reserved: Sequence[Cells]) -> None:
        """Give reserved cells back."""
        for cells in reserved:
            self._drop(cells)

    def append(self, feeds: Sequence[Feed], reserved: Sequence[Cells]) -> None:
        """Record that the tokens of `feeds` are in the cells reserved for them."""
        for feed, cells in zip(feeds, reserved, strict=True):
            length = len(self._tokens[feed.slot])
            self._rows[feed.slot, length : length + len(cells)] = cells
            self._tokens[feed.slot].extend(map(int, feed.tokens))

    def replace(self, slot: int, tokens: Sequence[int]) -> None:
        """Record that `slot` now holds `tokens`, in cells of its own."""
        self.cut(slot, 0)
        self._rows[slot, : len(tokens)] = self._take(len(tokens), self.cells(slot))
        self._tokens[slot] = list(tokens)

    def share(self, src: int, dst: int, n_tokens: int) -> None:
        """Record that `dst` now shares the first tokens of `src`."""
        shared = self.cells(src)[:n_tokens]
        self._holders[shared] += 1  # first, as the two slots may be one
        self._drop(self.cells(dst))
        self._rows[dst, :n_tokens] = shared
        self._tokens[dst] = self._tokens[src][:n_tokens]

    def cut(self, slot: int, n_tokens: int) -> None:
        """Record that `slot` keeps only its first tokens."""
        self._drop(self.cells(slot)[n_tokens:])
        del self._tokens[slot][n_tokens:]

    def extend(self, feeds: Sequence[Feed]) -> None:
        """Record that the tokens of `feeds` were appended, in cells that are found here."""
        self.append(feeds, self.reserve(feeds))

    def check_integrity(self) -> None:
        """Raise `AssertionError` unless every count is the number of slots that hold the cell."""
        counted = np.zeros_like(self._holders)
        for slot in range(self.limits.n_slots):
            assert len(set(self.cells(slot).tolist())) == len(self._tokens[slot])
            counted[self.cells(slot)] += 1
        assert (counted == self._holders).all()
        assert self._free == int((counted == 0).sum())

    def _take(self, count: int, behind: Cells) -> Cells:
        """Hold `count` free cells for a slot whose last cell is the last of `behind`."""
        if count == 0:
            return np.empty(0, dtype=np.int64)
        first = int(behind[-1]) + 1 if len(behind) else self._roomiest(count)
        end = first + count
        if end <= len(self._holders) and not self._holders[first:end].any():
            cells = np.arange(first, end)
        else:
            free = np.flatnonzero(self._holders == 0)  # ascending
            nearest = int(np.searchsorted(free, first))
            start = min(nearest, len(free) - count)
            cells = free[start : start + count]
        self._holders[cells] = 1
        self._free -= count
        return cells

    def _roomiest(self, count: int) -> int:
        """Where a new slot of `count` tokens begins: in the middle of the longest free run."""
        used = np.flatnonzero(self._holders)
        if not len(used):
            return 0
        edges = np.concatenate([[-1], used, [len(self._holders)]])
        gaps = np.diff(edges) - 1  # free cells before each cell in use, and behind the last
        longest = int(gaps.argmax())
        spare = int(gaps[longest]) - count
        start = int(edges[longest]) + 1
        return start if longest == 0 else start + max(0, spare // 2)

    def _drop(self, cells: Cells) -> None:
        """Let go of `cells` for one slot."""
        if len(cells):
            self._holders[cells] -= 1
            self._free += int((self._holders[cells] == 0).sum())
