"""Interpolated modified Kneser–Ney smoothing of counted n-grams.

    p(w | context) = share(context w) + rest(context) * p(w | context without its first word)

`share` is the discounted count of the n-gram over the count of its context, `rest` what the
discounts of a context (and what was pruned behind it) leave over. At the highest order, and for
n-grams at the beginning of a text, counts are occurrences; below it they are continuation
counts: in how many different entries of the level above the n-gram is the end. Below single
words stands a base distribution given by the caller. There are three discounts an order,
estimated from how many n-grams were counted once, twice, three and four times.

Source: Chen & Goodman 1999 (An empirical study of smoothing techniques for language modeling),
section 3; pruning and the treatment of the beginning of a text as in Heafield et al. 2013.
Shares are kept instead of sums, so that the probability of a whole range of words is a sum of
slices, level by level.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tecla.ngram.counts import Level

Array = npt.NDArray[Any]

_FALLBACK = (0.5, 1.0, 1.5)  # where too few n-grams were counted to estimate a discount


def smooth(
    levels: Sequence[Level], start: int, min_counts: Sequence[int], folder: Path
) -> dict[str, Array]:
    """The arrays of a model from its counts; level 1 lacks the base distribution still.

    Every level n above the first has `word` and `share` of its entries; every level but the
    highest `rest`, and `child`: where the entries begin that go on from an entry, one level up,
    with one place more than there are entries. `rest0` is for the base distribution.
    `min_counts[n - 1]` is how often an n-gram must occur to be kept; it never falls with n, so
    the ends of what is kept are kept. `discounts` has three a level.
    """
    arrays: dict[str, Array] = {}
    discounts = []
    begin = _starting(levels, start)
    kept_below = np.ones(len(levels[0]), bool)
    for n, level in enumerate(levels, start=1):
        counts = _adjusted(levels, n, begin[n - 1])
        if n == 1:
            counts[start] = 0
        discount = _discounts(counts)
        discounts.append(discount[1:])
        if n == 1:
            shares = np.maximum(counts - _by_count(discount, counts), 0) / max(counts.sum(), 1)
            arrays["share1"], arrays["rest0"] = shares, np.array([1 - shares.sum()])
            continue
        keep = np.asarray(level.counts >= min_counts[n - 1])
        rest = np.ones(len(levels[n - 2]))
        children = np.zeros(len(levels[n - 2]), np.int64)
        shares = _column(folder, f"share{n}", np.float32, len(level))
        totals = np.zeros(len(rest))
        for piece in level.pieces():
            totals += np.bincount(level.context(piece), counts[piece], len(rest))
        for piece in level.pieces():
            context, kept = level.context(piece), keep[piece]
            left = np.maximum(counts[piece] - _by_count(discount, counts[piece]), 0)
            shares[piece] = left / totals[context]
            rest -= np.bincount(context, shares[piece] * kept, len(rest))
            children += np.bincount(context, kept, len(rest)).astype(np.int64)
        arrays[f"rest{n - 1}"] = np.maximum(rest[kept_below], 0).astype(np.float32)
        arrays[f"child{n - 1}"] = _ends(children[kept_below])
        arrays[f"word{n}"] = _kept(folder, f"word{n}", level, keep, level.word)
        arrays[f"share{n}"] = _kept(folder, f"kept{n}", level, keep, shares.__getitem__)
        kept_below = keep
    arrays["discounts"] = np.array(discounts)
    return arrays


def _starting(levels: Sequence[Level], start: int) -> list[slice]:
    """The entries of each level whose first word is `start`: sorted, they lie side by side."""
    places = [slice(start, start + 1)]
    for level in levels[1:]:
        bounds = np.array([places[-1].start, places[-1].stop], np.uint64) * np.uint64(level.words)
        low, high = np.searchsorted(level.keys, bounds)
        places.append(slice(int(low), int(high)))
    return places


def _adjusted(levels: Sequence[Level], n: int, begin: slice) -> Array:
    """Occurrences at the highest order and at the beginning of a text, else continuations."""
    level = levels[n - 1]
    if n == len(levels):
        return np.asarray(level.counts)
    above = levels[n]
    counts = np.zeros(len(level), np.uint32)
    for piece in above.pieces():
        counts += np.bincount(above.suffix[piece], minlength=len(level)).astype(np.uint32)
    counts[begin] = level.counts[begin]
    return counts


def _discounts(counts: Array) -> Array:
    """What is taken off a count of 0, 1, 2, and 3 or more  # [4] float64."""
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == k)) for k in (1, 2, 3, 4))
    if not (n1 and n2 and n3):
        return np.array((0.0, *_FALLBACK))
    y = n1 / (n1 + 2 * n2)
    found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
    usable = all(0 < value < k for k, value in enumerate(found, start=1))
    return np.array((0.0, *(found if usable else _FALLBACK)))


def _by_count(discount: Array, counts: Array) -> Array:
    return discount[np.minimum(counts, 3).astype(np.intp)]


def _ends(children: Array) -> Array:
    """Where the children of each entry begin, and where the last end  # [entries + 1] uint32."""
    return np.concatenate(([0], np.cumsum(children))).astype(np.uint32)


def _column(folder: Path, name: str, kind: type, length: int) -> Array:
    """An array in a file of the working folder; in memory if it has no entry."""
    if not length:
        return np.empty(0, kind)
    return np.memmap(folder / name, kind, "w+", shape=(length,))


def _kept(folder: Path, name: str, level: Level, keep: Array, values: Any) -> Array:
    """`values(piece)` of the entries that are kept, in a file."""
    first = np.asarray(values(slice(0, 0)))
    column = _column(folder, name, first.dtype.type, int(np.count_nonzero(keep)))
    end = 0
    for piece in level.pieces():
        found = values(piece)[keep[piece]]
        column[end : end + len(found)] = found
        end += len(found)
    return column
