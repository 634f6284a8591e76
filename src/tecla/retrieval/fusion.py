"""Two rankings made one: reciprocal rank fusion.

Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank
Learning Methods" (SIGIR 2009): a passage at rank r of a list has 1 / (k + r) from it, and the sum
over the lists is its score. Only ranks count, because the scores of BM25 and of a cosine have no
common measure. What was tried in its place is in `docs/decisions/0022-retrieval.md`.

Knows no passages: what is ranked are ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

FLATTENS: Final = 10  # k: the larger, the less the first ranks of one list outweigh the other list


def fused(
    lists: Sequence[Sequence[int]],
    weights: Sequence[float] | None = None,
    *,
    flattens: int = FLATTENS,
) -> list[tuple[int, float]]:
    """Every id of the lists with its score, best first; of equal ones the smaller id first.

    Each list has its best id first, and no id twice. `weights` of the lists, all 1 by default.
    """
    scores: dict[int, float] = {}
    for ranked, weight in zip(lists, weights or [1.0] * len(lists), strict=True):
        for rank, each in enumerate(ranked, 1):
            scores[each] = scores.get(each, 0.0) + weight / (flattens + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
