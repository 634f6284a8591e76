"""How often each token is in a row of tokens: exactly, or in a sample where the row is long."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tecla.engines.base import TokenIds
from tecla.personal.base import EXACT, Counts, Matched

_SORTED_UP_TO = 4096  # tokens; beyond, a count for every id of the vocabulary is quicker


def matched(length: int, follow: npt.NDArray[np.unsignedinteger]) -> Matched:
    """What followed an end of `length` tokens, given the tokens behind every occurrence."""
    count = len(follow)
    if count <= EXACT:
        return Matched(length, count, *distinct(follow))
    ids, counts = distinct(follow[np.arange(EXACT) * count // EXACT])
    counts = counts * count // EXACT
    counts[int(counts.argmax())] += count - int(counts.sum())  # what rounding took
    return Matched(length, count, ids, counts)


def distinct(tokens: npt.NDArray[np.unsignedinteger]) -> tuple[TokenIds, Counts]:
    """The ids in `tokens` (at least one), ascending, and how often each is there."""
    if len(tokens) > _SORTED_UP_TO:
        by_id = np.bincount(tokens)
        found = np.flatnonzero(by_id)
        return found.astype(np.int32), by_id[found]
    row = np.sort(tokens)
    ends = np.append(np.flatnonzero(row[1:] != row[:-1]), len(row) - 1)
    return row[ends].astype(np.int32), np.diff(ends, prepend=-1)


def together(length: int, parts: list[Matched]) -> Matched:
    """What several parts say of one end, as one."""
    if len(parts) == 1:
        only = parts[0]
        return Matched(length, only.count, only.ids, only.counts)
    ids, places = np.unique(np.concatenate([part.ids for part in parts]), return_inverse=True)
    counts = np.zeros(len(ids), np.int64)
    np.add.at(counts, places, np.concatenate([part.counts for part in parts]))
    return Matched(length, sum(part.count for part in parts), ids, counts)
