"""The oracle: a matcher that counts by looking at every place of every document."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from tecla.personal.base import BOUNDARY, LEVELS, Matched


class Naive:
    """Keeps the rows as they are. Costs tokens times length for each question."""

    def __init__(self, rows: Iterable[Sequence[int]] = ()) -> None:
        self.rows = [list(row) for row in rows]

    @property
    def generation(self) -> str:
        return hashlib.blake2b(repr(self.rows).encode()).hexdigest()

    def behind(self, end: Sequence[int]) -> Counter[int]:
        """The tokens behind every occurrence of `end`."""
        found: Counter[int] = Counter()
        for row in self.rows:
            text = [BOUNDARY, *row]
            for place in range(len(end), len(text)):
                if text[place - len(end) : place] == list(end):
                    found[text[place]] += 1
        return found

    def matches(self, tokens: Sequence[int], most: int = LEVELS) -> list[Matched]:
        levels: list[Matched] = []
        for length in range(len(tokens), 0, -1):
            found = self.behind(tokens[-length:])
            if found.total() > (levels[-1].count if levels else 0):
                ids = sorted(found)
                counts = np.array([found[token] for token in ids], np.int64)
                levels.append(Matched(length, found.total(), np.array(ids, np.int32), counts))
        return levels[:most]


def plain(levels: Iterable[Matched]) -> list[tuple[int, int, dict[int, int]]]:
    """Levels as values that compare."""
    found = []
    for level in levels:
        assert level.ids.dtype == np.int32
        assert level.counts.dtype == np.int64
        assert (np.diff(level.ids) > 0).all()
        by_id = dict(zip(level.ids.tolist(), level.counts.tolist(), strict=True))
        found.append((level.length, level.count, by_id))
    return found
