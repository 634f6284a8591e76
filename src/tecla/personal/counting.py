"""How often each token is in a row of tokens: exactly, or in a sample where the row is long."""

from __future__ import annotations

import numpy as np

from tecla.engines.base import TokenIds
from tecla.personal.base import EXACT, Counts, Matched
from tecla.personal.vocabulary import Native

_SORTED_UP_TO = 2048  # tokens; beyond, a count for every id of the vocabulary is quicker


def matched(length: int, follow: Native) -> Matched:
    """What followed an end of `length` tokens, given the token behind every occurrence."""
    count = len(follow)
    if count <= EXACT:
        return Matched(length, count, *distinct(follow))
    step = -(-count // EXACT)
    sample = follow[step // 2 :: step]
    ids, counts = distinct(sample)
    counts = counts * count // len(sample)
    counts[int(counts.argmax())] += count - int(counts.sum())  # what rounding took
    return Matched(length, count, ids, counts)


def distinct(tokens: Native) -> tuple[TokenIds, Counts]:
    """The ids in `tokens` (at least one), ascending, and how often each is there."""
    if len(tokens) > _SORTED_UP_TO:
        by_id = np.bincount(tokens)
        found = (by_id != 0).nonzero()[0]
        return found.astype(np.int32), by_id[found]
    row = np.sort(tokens)
    ends = np.empty(len(row), bool)
    np.not_equal(row[1:], row[:-1], out=ends[:-1])
    ends[-1] = True
    places = ends.nonzero()[0]
    counts = places.copy()
    counts[1:] -= places[:-1]
    counts[0] += 1
    return row[places].astype(np.int32), counts


def together(length: int, parts: list[Matched]) -> Matched:
    """What several parts say of one end, as one."""
    if len(parts) == 1:
        only = parts[0]
        return Matched(length, only.count, only.ids, only.counts)
    ids = np.concatenate([part.ids for part in parts])
    order = ids.argsort(kind="stable")
    ids = ids[order]
    begins = np.empty(len(ids), bool)
    begins[0] = True
    np.not_equal(ids[1:], ids[:-1], out=begins[1:])
    starts = begins.nonzero()[0]
    counts = np.add.reduceat(np.concatenate([part.counts for part in parts])[order], starts)
    ids = ids[starts]
    return Matched(length, sum(part.count for part in parts), ids, counts)
