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

from tecla.ngram.counts import CHUNK, Level
from tecla.sections import unload

Array = npt.NDArray[Any]

_FALLBACK = (0.5, 1.0, 1.5)  # where too few n-grams were counted to estimate a discount


def smooth(
    levels: Sequence[Level],
    start: int,
    min_counts: Sequence[int],
    folder: Path,
    chunk: int = CHUNK,
) -> dict[str, Array]:
    """The arrays of a model from its counts; level 1 lacks the base distribution still.

    Every level n above the first has `word` and `share` of its entries; every level but the
    highest `rest`, and `child`: where the entries begin that go on from an entry, one level up,
    with one place more than there are entries. `rest0` is for the base distribution.
    `min_counts[n - 1]` is how often an n-gram must occur to be kept; it never falls with n, so
    the ends of what is kept are kept. `discounts` has three a level. Arrays are files of `folder`.
    """
    begin = _starting(levels, start)
    counts = _adjusted(levels, 1, begin[0], folder, chunk)
    counts[start] = 0
    discounts = [_discounts(counts)]
    shares = np.maximum(counts - _by_count(discounts[0], counts), 0) / max(counts.sum(), 1)
    arrays = {"share1": shares, "rest0": np.array([1 - shares.sum()])}
    kept_below = np.ones(len(levels[0]), bool)
    for n, level in enumerate(levels[1:], start=2):
        counts = _adjusted(levels, n, begin[n - 1], folder, chunk)
        discounts.append(_discounts(counts))
        keep = np.empty(len(level), bool)
        for piece in level.pieces(chunk):
            keep[piece] = level.counts[piece] >= min_counts[n - 1]
        arrays |= _shared_out(level, counts, discounts[-1], keep, kept_below, folder, chunk)
        kept_below = keep
    arrays["discounts"] = np.array(discounts)[:, 1:]
    return arrays


def _shared_out(
    level: Level,
    counts: Array,
    discount: Array,
    keep: Array,
    kept_below: Array,
    folder: Path,
    chunk: int,
) -> dict[str, Array]:
    """`word` and `share` of what is kept of a level, `rest` and `child` of the level below."""
    n, entries = level.order, int(np.count_nonzero(keep))
    word = _column(folder, f"word{n}", np.uint32, entries)
    share = _column(folder, f"share{n}", np.float32, entries)
    rest = _column(folder, f"all_rest{n - 1}", np.float32, len(kept_below))
    child = _column(folder, f"all_child{n - 1}", np.uint32, len(kept_below))
    rest[:], child[:] = 1, 0  # most contexts of the highest levels have no way on
    end = 0
    for piece in level.pieces(chunk):  # all entries of a context lie in one piece
        context, kept = level.context(piece), keep[piece]
        first = int(context[0])
        local = context - np.uint32(first)
        size = int(local[-1]) + 1
        left = np.maximum(counts[piece] - _by_count(discount, counts[piece]), 0)
        shares = (left / np.bincount(local, counts[piece], size)[local]).astype(np.float32)
        taken = np.bincount(local, shares * kept, size)
        rest[first : first + size] = np.maximum(1 - taken, 0)
        child[first : first + size] = np.bincount(local, kept, size)
        here = int(np.count_nonzero(kept))
        word[end : end + here] = level.word(piece)[kept]
        share[end : end + here] = shares[kept]
        end += here
        unload(counts, word, share, rest, child)
    return {
        f"word{n}": word,
        f"share{n}": share,
        f"rest{n - 1}": _only(rest, kept_below, folder / f"rest{n - 1}", chunk),
        f"child{n - 1}": _ends(child, kept_below, folder / f"child{n - 1}", chunk),
    }


def _starting(levels: Sequence[Level], start: int) -> list[slice]:
    """The entries of each level whose first word is `start`: sorted, they lie side by side."""
    places = [slice(start, start + 1)]
    for level in levels[1:]:
        bounds = np.array([places[-1].start, places[-1].stop], np.uint64) * np.uint64(level.words)
        low, high = np.searchsorted(level.keys, bounds)
        places.append(slice(int(low), int(high)))
    return places


def _adjusted(levels: Sequence[Level], n: int, begin: slice, folder: Path, chunk: int) -> Array:
    """Occurrences at the highest order and at the beginning of a text, else continuations."""
    level = levels[n - 1]
    if n == len(levels):
        return np.array(level.counts) if n == 1 else level.counts
    above = levels[n]
    counts = _column(folder, f"adjusted{n}", np.uint32, len(level))
    counts[:] = 0
    for piece in above.pieces(chunk):
        np.add.at(counts, above.suffix[piece], 1)
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


def _only(values: Array, kept: Array, path: Path, chunk: int) -> Array:
    """The values of what is kept."""
    column = _column(path.parent, path.name, values.dtype.type, int(np.count_nonzero(kept)))
    end = 0
    for first in range(0, len(values), chunk):
        found = values[first : first + chunk][kept[first : first + chunk]]
        column[end : end + len(found)] = found
        end += len(found)
        unload(values, column)
    return column


def _ends(children: Array, kept: Array, path: Path, chunk: int) -> Array:
    """Where the children of each kept entry begin, and where the last end  # [entries + 1]."""
    column = _column(path.parent, path.name, np.uint32, int(np.count_nonzero(kept)) + 1)
    column[0] = total = 0
    end = 1
    for first in range(0, len(children), chunk):
        found = children[first : first + chunk][kept[first : first + chunk]]
        column[end : end + len(found)] = total + np.cumsum(found, dtype=np.int64)
        end += len(found)
        total = int(column[end - 1])
        unload(children, column)
    return column


def _column(folder: Path, name: str, kind: type, length: int) -> Array:
    """An array in a file of the working folder; in memory if it has no entry."""
    if not length:
        return np.empty(0, kind)
    return np.memmap(folder / name, kind, "w+", shape=(length,))
