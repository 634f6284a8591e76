"""The mixed distribution at one place: what is left of the model, and what is put in its place.

Levels of all sources are put upon the model one after the other (`weights.py`). Whatever the model
says, the result is

    P(token) = kept * model(token) + own(token),   kept + sum of own = 1

that is (1 - w) model + w personal with w = 1 - kept. So one change of the raw scores does it: of
every token with own > 0 by log((kept * model + own) / (kept * model)). Renormalising does the rest,
as all others keep their proportions. Nothing here knows a model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tecla.engines.base import Floats, TokenIds
from tecla.personal.base import Matched
from tecla.personal.weights import Source, Weights

Floats64 = npt.NDArray[np.float64]

_LEAST_KEPT: Final = 1e-6  # of the model, whatever was seen: nothing becomes impossible


@dataclass(frozen=True, slots=True, eq=False)
class Mixed:
    """What the sources say together, apart from any model."""

    kept: float  # what is left of the model, above 0
    ids: TokenIds  # [distinct], ascending
    own: Floats64  # [distinct], above 0; with `kept` they sum to 1

    def changes(self, logprobs: Floats) -> Floats:
        """What is to be added to the raw scores of `ids` that have these log-probabilities.

        What has none (-inf) was forbidden and stays so.
        """
        with np.errstate(invalid="ignore"):
            more = np.log(self.own) - math.log(self.kept) - logprobs.astype(np.float64)
        return np.where(np.isfinite(logprobs), np.logaddexp(0.0, more), 0.0).astype(np.float32)


def mixed(weights: Weights, found: Sequence[tuple[Source, Sequence[Matched]]]) -> Mixed | None:
    """What matches of each source come to; the first source is put on first. `None` for nothing."""
    kept = 1.0
    pieces: list[tuple[float, Matched]] = []
    for source, levels in reversed(found):  # what is put on last is known in full
        gates = weights.gate(source, levels) if levels else None
        if gates is None:
            continue
        for gate, level in zip(np.minimum(gates, 1 - _LEAST_KEPT).tolist(), levels, strict=True):
            pieces.append((kept * gate, level))  # levels come with the longest first
            kept *= 1 - gate
    pieces = [(share, level) for share, level in pieces if share > 0]
    if not pieces or kept <= 0:
        return None
    if kept < _LEAST_KEPT:
        pieces = [(share * (1 - _LEAST_KEPT) / (1 - kept), level) for share, level in pieces]
        kept = _LEAST_KEPT
    ids = np.concatenate([level.ids for _, level in pieces])
    shares = np.concatenate([level.counts * (share / level.count) for share, level in pieces])
    distinct, at = np.unique(ids, return_inverse=True)
    own: Floats64 = np.bincount(at, weights=shares, minlength=len(distinct)).astype(np.float64)
    return Mixed(kept, distinct.astype(np.int32), own)
