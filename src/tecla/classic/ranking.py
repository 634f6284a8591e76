"""Weights in a fixed order, with the sum and the largest of any stretch in microseconds.

The order is that of sorted texts, so everything that begins with a prefix is one stretch. Blocks
of 256 weights keep their sum and their largest; a stretch is two ragged ends and whole blocks in
between, so nothing scans 50,000 weights for a key. The largest few come out best first: the
stretch is split around the largest, and the halves wait in a heap by their own largest.

Weights may change and new ones be put in between (a copy of the row: 50 µs for 50,000).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_BLOCK = 256


class Stretch(NamedTuple):
    """Places side by side, half-open."""

    start: int
    stop: int


class Ranked(NamedTuple):
    """A place and its weight."""

    place: int
    weight: float


class Ranking:
    """Non-negative weights by place."""

    def __init__(self, weights: Array) -> None:
        """`weights`: # [places] float; copied only when it changes."""
        self._weights = weights
        self._summarise()

    def __len__(self) -> int:
        """How many places there are."""
        return len(self._weights)

    def __getitem__(self, index: int) -> float:
        """The weight of one place."""
        return float(self._weights[index])

    def mass(self, stretch: Stretch) -> float:
        """The sum of the weights of `stretch`."""
        start, stop = stretch
        first, last = -(-start // _BLOCK), stop // _BLOCK
        if first >= last:
            return float(self._weights[start:stop].sum())
        found = self._block_mass[first:last].sum()
        found += self._weights[start : first * _BLOCK].sum()
        return float(found + self._weights[last * _BLOCK : stop].sum())

    def top(self, stretch: Stretch) -> Iterator[Ranked]:
        """The places of `stretch`, largest weight first, the earlier place first among equals.

        Lazy: about ten microseconds for each that is taken.
        """
        if stretch.start >= stretch.stop:
            return
        heap = [self._entry(*stretch)]
        while heap:
            negative, index, start, stop = heapq.heappop(heap)
            yield Ranked(index, -negative)
            if start < index:
                heapq.heappush(heap, self._entry(start, index))
            if index + 1 < stop:
                heapq.heappush(heap, self._entry(index + 1, stop))

    def change(self, index: int, weight: float) -> None:
        """Set the weight of one place."""
        if not self._weights.flags.writeable:
            self._weights = self._weights.copy()
        self._weights[index] = weight
        block = index // _BLOCK
        part = self._weights[block * _BLOCK : (block + 1) * _BLOCK]
        self._block_mass[block], self._block_most[block] = part.sum(), part.max()

    def insert(self, index: int, weight: float) -> None:
        """Put a new place before the one at `index`."""
        self._weights = np.insert(self._weights, index, weight)
        self._summarise()

    def _summarise(self) -> None:
        starts = np.arange(0, len(self._weights), _BLOCK)
        if not len(starts):
            self._block_mass = self._block_most = np.empty(0)
            return
        self._block_mass = np.add.reduceat(self._weights, starts, dtype=np.float64)
        self._block_most = np.maximum.reduceat(self._weights, starts)

    def _entry(self, start: int, stop: int) -> tuple[float, int, int, int]:
        """A heap entry: the largest weight of a stretch (negative), its place, the stretch."""
        first, last = -(-start // _BLOCK), stop // _BLOCK
        if first >= last:
            index = start + int(self._weights[start:stop].argmax())
            return (-float(self._weights[index]), index, start, stop)
        block = first + int(self._block_most[first:last].argmax())
        inner = block * _BLOCK
        found = [inner + int(self._weights[inner : inner + _BLOCK].argmax())]
        if start < first * _BLOCK:
            found.append(start + int(self._weights[start : first * _BLOCK].argmax()))
        if last * _BLOCK < stop:
            found.append(last * _BLOCK + int(self._weights[last * _BLOCK : stop].argmax()))
        index = min(found, key=lambda each: (-self._weights[each], each))
        return (-float(self._weights[index]), index, start, stop)
