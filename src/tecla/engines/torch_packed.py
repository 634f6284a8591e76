"""A batch of any feeds, packed without padding: which cells each token reads.

The feeds are divided into rows, and each row is one call of PyTorch's fused attention per layer.
A row reads a span of cells, as a view of KV memory without a copy where its cells lie close to one
another, and as a gathered copy where they do not. What a token may not see is masked.

Feeds that share cells (the branches of a fork) can be one row: their common cells are then read
once for all of them, at the price of masked products between each token and the others' cells.
Which is less is decided by counting, in products of one query with one cell. To fetch a cell from
memory is taken for two of them (at one token a row, attention waits for memory), to copy it first
for three more. So a row of T tokens over U cells costs U * (T + 2), or U * (T + 5) with a copy.
Branches of 500 common cells are joined; unrelated texts never are: two of 500 cells would cost
4,000 where 3,000 are wanted. One block mask over all cells in use was rejected for that reason:
beside 63 others each token would look at 64 times its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from tecla.engines.torch_attention import KeyValues, fold, unfold

Cells = npt.NDArray[np.int64]
_Four = tuple[int, int, int, int]

_FETCH_COST, _COPY_COST = 2, 3  # of one cell, in products of one query with one cell
_SPARSEST: Final = 1.5  # a span of cells is read as it is if it is at most this much too long


@dataclass(frozen=True, slots=True)
class PackedFeed:
    """The tokens of one feed: where they stand in the batch and what they read.

    `cells` are those of the whole slot in order, the new tokens' last.
    """

    first_token: int
    n_tokens: int
    cells: Cells


class Row:
    """Feeds that attend in one call."""

    def __init__(self, feeds: Sequence[PackedFeed]) -> None:
        """Lay out the cells that `feeds`, which stand next to one another, read."""
        self.feeds = feeds
        self.first_token = feeds[0].first_token
        self.n_tokens = sum(feed.n_tokens for feed in feeds)
        cells = feeds[0].cells if len(feeds) == 1 else np.concatenate([f.cells for f in feeds])
        self.is_view = len(feeds) == 1 and bool((np.diff(cells) == 1).all())
        self.cells = cells
        if self.is_view:  # the usual text, whose cells follow one another
            return
        low, high = int(cells.min()), int(cells.max()) + 1
        distinct = np.unique(cells)
        self.is_view = high - low <= _SPARSEST * len(distinct)
        self.cells = np.arange(low, high) if self.is_view else distinct

    @property
    def cost(self) -> int:
        """Products of a query with a cell; fetching and copying in the same measure."""
        copying = 0 if self.is_view else _COPY_COST
        return len(self.cells) * (self.n_tokens + _FETCH_COST + copying)

    def visible(self, window: int | None) -> npt.NDArray[np.bool_]:
        """Which cells each token sees, `[tokens, cells]`."""
        rows = []
        for feed in self.feeds:
            length = len(feed.cells)
            position_of = np.full(len(self.cells), length, dtype=np.int64)  # none: never seen
            position_of[np.searchsorted(self.cells, feed.cells)] = np.arange(length)
            positions = np.arange(length - feed.n_tokens, length)[:, None]
            seen = position_of <= positions
            if window is not None:
                seen &= position_of > positions - window
            rows.append(seen)
        return np.concatenate(rows)


def divide(feeds: Sequence[PackedFeed]) -> list[Row]:
    """Rows over `feeds`: those that share their first cell together where that costs less.

    Feeds can share cells only if they share the first one, because only forks share. They must
    stand next to one another in the batch.
    """
    rows: list[Row] = []
    at = 0
    while at < len(feeds):
        end = at + 1
        while end < len(feeds) and feeds[end].cells[0] == feeds[at].cells[0]:
            end += 1
        apart = [Row([feed]) for feed in feeds[at:end]]
        if len(apart) > 1:
            joined = Row(feeds[at:end])
            if joined.cost < sum(row.cost for row in apart):
                apart = [joined]
        rows += apart
        at = end
    return rows


class PackedAttention:
    """`Attention` of a batch that was divided into rows."""

    def __init__(
        self, memory: KeyValues, rows: Sequence[Row], written: Cells, device: torch.device
    ) -> None:
        """`written` are the cells of the new tokens, in the order of the batch."""
        self._memory, self._rows, self._device = memory, rows, device
        self._written = torch.from_numpy(written).to(device)
        self._copied = [
            None if row.is_view else torch.from_numpy(row.cells).to(device) for row in rows
        ]
        self._places: dict[tuple[int, int], list[tuple[_Four, _Four, int]]] = {}
        self._is_step = all(row.n_tokens == 1 for row in rows)
        self._masks: dict[tuple[int | None, int], list[torch.Tensor | None]] = {}

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """See `Attention.attend`."""
        self._memory.write(layer, self._written, key, value)
        keys, values = self._memory.keys[layer], self._memory.values[layer]
        heads, kv_heads = query.shape[1], key.shape[1]
        reads = zip(self._reads(keys), self._reads(values), strict=True)
        masks = self._masks_of(window, heads // kv_heads, query.dtype)
        attend = functional.scaled_dot_product_attention
        attended = [
            attend(part, key_cells, value_cells, attn_mask=mask, scale=scale)
            for part, (key_cells, value_cells), mask in zip(
                self._queries(query, kv_heads), reads, masks, strict=True
            )
        ]
        if self._is_step:
            return torch.cat(attended).reshape(1, len(attended), heads, -1)
        return torch.cat([unfold(each, heads) for each in attended], dim=1)

    def _queries(self, query: torch.Tensor, kv_heads: int) -> Sequence[torch.Tensor]:
        """What each row asks, `[1, kv heads, heads per kv head times tokens, dim]`.

        With one token a row, as in most steps, one split makes them all: with many rows a step
        would spend more on making views than on attention.
        """
        if self._is_step:
            tokens, dim = query.shape[2:]
            each = query[0].transpose(0, 1).reshape(tokens, kv_heads, -1, dim)
            return list(torch.split(each, 1))
        return [
            fold(query[:, :, row.first_token : row.first_token + row.n_tokens], kv_heads)
            for row in self._rows
        ]

    def _reads(self, memory: torch.Tensor) -> list[torch.Tensor]:
        """The keys or values of each row, `[1, heads, cells, dim]`: a few microseconds a view."""
        heads, dim = memory.shape[1:]
        places = self._places.get((heads, dim))
        if places is None:
            strides = (0, dim, heads * dim, 1)
            places = self._places[heads, dim] = [
                ((1, heads, len(row.cells), dim), strides, int(row.cells[0]) * heads * dim)
                for row in self._rows
            ]
        view = memory.as_strided
        return [
            view(*place) if copied is None else memory.index_select(0, copied).transpose(0, 1)[None]
            for place, copied in zip(places, self._copied, strict=True)
        ]

    def _masks_of(
        self, window: int | None, repeats: int, dtype: torch.dtype
    ) -> list[torch.Tensor | None]:
        """`_mask` of every row; kept for all layers."""
        key = (window, repeats)
        if key not in self._masks:
            self._masks[key] = [
                self._mask(at, window, repeats, dtype) for at in range(len(self._rows))
            ]
        return self._masks[key]

    def _mask(
        self, at: int, window: int | None, repeats: int, dtype: torch.dtype
    ) -> torch.Tensor | None:
        """What is added to the products of a row, `[repeats * tokens, cells]`; `None`: nothing.

        Added and not boolean, so that the kernel need not convert it in every layer.
        """
        seen = self._rows[at].visible(window)
        if seen.all():
            return None
        hidden = torch.from_numpy(~seen).to(self._device)
        mask = torch.zeros(seen.shape, dtype=dtype, device=self._device)
        return mask.masked_fill_(hidden, -torch.inf).repeat(repeats, 1)
