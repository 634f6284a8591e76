"""A smoothed model of sequences of ids: probabilities of single ids, of ranges, and the best.

It reads the arrays that `kneser_ney.smooth` makes and knows nothing of what ids mean. A state is
what the model remembers of a history: for 1, 2, … last ids the entry of that n-gram, as far as
there are entries.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tecla.ngram.lexicon import IdRange
from tecla.ngram.remembered import Remembered

Array = npt.NDArray[Any]
State = tuple[int, ...]

_TOP_RANGES = 4096  # ranges whose most frequent ids are remembered


class Backoff:
    """p(id | state), interpolated over all orders."""

    def __init__(self, arrays: Mapping[str, Array], base: Array) -> None:
        """`base`: the distribution below single ids  # [ids] float64."""
        share = arrays["share1"]
        self.order = 1 + sum(f"word{n}" in arrays for n in range(2, len(arrays)))
        self._rest0 = float(arrays["rest0"][0])
        self._single = share + self._rest0 * base  # p(id) with no history  # [ids] float64
        self._summed = np.concatenate(([0.0], np.cumsum(self._single)))
        orders = range(1, self.order)
        self._rest = [arrays[f"rest{n}"] for n in orders]
        self._child = [arrays[f"child{n}"] for n in orders]
        self._word = [arrays[f"word{n + 1}"] for n in orders]
        self._share = [arrays[f"share{n + 1}"] for n in orders]
        # The same, for one number at a time: numpy takes four times as long for that.
        self._rest_at = [each.data for each in self._rest]
        self._child_at = [each.data for each in self._child]
        self._word_at = [each.data for each in self._word]
        self._share_at = [each.data for each in self._share]
        self._best: Remembered[tuple[int, int, int], Array] = Remembered(_TOP_RANGES)

    def state(self, ids: Iterable[int]) -> State:
        """The state behind `ids`."""
        state: State = ()
        for each in ids:
            state = self.advance(state, each)
        return state

    def advance(self, state: State, index: int) -> State:
        """The state when `index` follows."""
        if self.order == 1:
            return ()
        entries = [index]
        for n, entry in enumerate(state[: self.order - 2]):
            found = self._find(n, entry, index)
            if found is None:
                break
            entries.append(found)
        return tuple(entries)

    def probability(self, state: State, index: int) -> float:
        """p(index | state)."""
        result = float(self._single[index])
        for n, entry in enumerate(state):
            result *= self._rest_at[n][entry]
            found = self._find(n, entry, index)
            if found is not None:
                result += self._share_at[n][found]
        return result

    def base_weight(self, state: State) -> float:
        """With what weight the base distribution stands in p( | state)."""
        weight = self._rest0
        for n, entry in enumerate(state):
            weight *= self._rest_at[n][entry]
        return weight

    def mass(self, state: State, ids: IdRange) -> float:
        """Probability of all ids of a range together."""
        result = float(self._summed[ids.stop] - self._summed[ids.start])
        for n, entry in enumerate(state):
            low, high = self._children(n, entry, ids)
            result = result * self._rest_at[n][entry] + float(self._share[n][low:high].sum())
        return result

    def top(self, state: State, ids: IdRange, k: int) -> list[tuple[int, float]]:
        """The `k` most probable ids of a range with their probabilities, exactly.

        What a longer history knows, the shortest knows too, so the best are among what that
        knows and the `k` most frequent ids of the range.
        """
        slices = [self._children(n, entry, ids) for n, entry in enumerate(state)]
        candidates = self._most_frequent(ids, k)
        if slices:
            known = self._word[0][slice(*slices[0])]
            at = np.searchsorted(known, candidates)
            fresh = known[np.minimum(at, len(known) - 1)] != candidates if len(known) else at == 0
            candidates = np.concatenate([known, candidates[fresh]])
        values = self._single[candidates]
        for n, (entry, (low, high)) in enumerate(zip(state, slices, strict=True)):
            values *= self._rest[n][entry]
            if high > low:  # the first places of `candidates` are sorted and hold all of these
                places = np.searchsorted(known, self._word[n][low:high])
                values[places] += self._share[n][low:high]
        if len(values) > k:
            best = np.argpartition(values, len(values) - k)[-k:]
            candidates, values = candidates[best], values[best]
        ranked = np.lexsort((candidates, -values))
        return [(int(candidates[at]), float(values[at])) for at in ranked if values[at] > 0]

    def distribution(self, state: State) -> Array:
        """p(id | state) for every id  # [ids] float64."""
        values = self._single.copy()
        everything = IdRange(0, len(values))
        for n, entry in enumerate(state):
            low, high = self._children(n, entry, everything)
            values *= self._rest[n][entry]
            values[self._word[n][low:high]] += self._share[n][low:high]
        return values

    def of_row(self, row: Array, start: int) -> Array:
        """Probabilities of every id of `row` behind those before it; texts begin with `start`.

        All at once, for long rows: `row` is [ids] of whole numbers, the result [ids] float64.
        """
        ids = len(self._single)
        found: Array = self._single[row].copy()
        ends = row.astype(np.int64)
        for rest, child, word, share in zip(
            self._rest, self._child, self._word, self._share, strict=True
        ):
            context = np.concatenate(([-1], ends[:-1]))
            context[row == start] = -1
            known = context >= 0
            found[known] *= rest[context[known]]
            ways: npt.NDArray[np.int64] = np.diff(child).astype(np.int64)
            keys = np.repeat(np.arange(len(rest)), ways) * ids + word
            wanted = context * ids + row
            at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
            hit = known & (keys[at] == wanted) if len(keys) else np.zeros(len(row), bool)
            found[hit] += share[at[hit]]
            ends = np.where(hit, at, -1)
        return found

    def _most_frequent(self, ids: IdRange, k: int) -> Array:
        """The `k` ids of a range that are most probable with no history."""
        size = ids.stop - ids.start
        if size <= k:
            return np.arange(ids.start, ids.stop)
        key = (ids.start, ids.stop, k)
        best = self._best.get(key)
        if best is None:
            values = self._single[ids.start : ids.stop]
            best = self._best.keep(key, np.argpartition(values, size - k)[-k:] + ids.start)
        return best

    def _children(self, n: int, entry: int, ids: IdRange) -> tuple[int, int]:
        """The entries that go on from an entry with an id of a range."""
        low, high = self._child_at[n][entry], self._child_at[n][entry + 1]
        first = bisect_left(self._word_at[n], ids.start, low, high)
        return first, bisect_left(self._word_at[n], ids.stop, first, high)

    def _find(self, n: int, entry: int, index: int) -> int | None:
        """The entry that goes on from an entry with `index`."""
        low, high = self._child_at[n][entry], self._child_at[n][entry + 1]
        at = bisect_left(self._word_at[n], index, low, high)
        return at if at < high and self._word_at[n][at] == index else None
