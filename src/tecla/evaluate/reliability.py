"""How far the probability of what is shown can be believed.

The event is that the person's text runs through all of the ghost text. *Calibration error*: events
are put into 15 bins of equal mass by their probability; the mean over bins of |mean probability -
share that is right| (Nixon et al. 2019; with bins of equal width Naeini et al. 2015).
*Brier score* (Brier 1950): the mean of (probability - right)²; that of a constant, the share that
is right, stands beside it. *AUC*: how often a right one has a higher probability than a wrong one,
ties counted half; 0.5 for a constant. Intervals are from drawing passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tecla.evaluate.answers import Record
from tecla.evaluate.bootstrap import Estimate
from tecla.evaluate.typists import right_chars

BINS: Final = 15
_DRAWS: Final = 500
_NONE: Final = Estimate(None)
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Reliability:
    """Of one system on one text; all `None` where nothing was shown."""

    events: int
    right: float | None = None
    error: Estimate = _NONE
    brier: float | None = None
    brier_constant: float | None = None
    auc: float | None = None


def reliability(records: Sequence[Record], seed: int) -> Reliability:
    """The figures over all that was shown."""
    probabilities, right, passages = _events(records)
    if not len(probabilities):
        return Reliability(0)
    order = np.argsort(probabilities, kind="stable")
    probabilities, right, passages = probabilities[order], right[order], passages[order]
    share = float(right.mean())
    generator = np.random.default_rng(seed)
    count = len(records)
    draws = generator.multinomial(count, np.full(count, 1 / count), size=_DRAWS)
    errors = [_error(probabilities, right, draw[passages].astype(float)) for draw in draws]
    low, high = np.nanpercentile(errors, [2.5, 97.5]) if count > 1 else (None, None)
    return Reliability(
        len(right),
        share,
        Estimate(
            _error(probabilities, right, np.ones(len(right))),
            None if low is None else float(low),
            None if high is None else float(high),
        ),
        float(((probabilities - right) ** 2).mean()),
        share * (1 - share),
        _auc(probabilities, right),
    )


def _events(records: Sequence[Record]) -> tuple[_Floats, _Floats, npt.NDArray[np.int64]]:
    """Probabilities, whether each was right, and the number of its passage."""
    rows = []
    for number, record in enumerate(records):
        text = record.passage.text
        for at, answer in enumerate(record.answers):
            if answer.offers:
                best = answer.offers[0]
                is_right = right_chars(text, at, best) == len(best.text)
                rows.append((best.probability, float(is_right), number))
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
    return table[:, 0], table[:, 1], table[:, 2].astype(np.int64)


def _error(probabilities: _Floats, right: _Floats, weights: _Floats) -> float:
    """The calibration error of weighted events, which are sorted by probability."""
    total = weights.sum()
    if not total:
        return float("nan")
    middle = np.cumsum(weights) - weights / 2
    bins = np.minimum(BINS - 1, (BINS * middle / total).astype(np.int64))
    gaps = np.bincount(bins, weights * (probabilities - right), BINS)
    return float(np.abs(gaps).sum() / total)


def _auc(probabilities: _Floats, right: _Floats) -> float | None:
    """Mann & Whitney 1947, ties counted half; `None` if all or none are right."""
    n_right = right.sum()
    n_wrong = len(right) - n_right
    if not n_right or not n_wrong:
        return None
    _, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float((ranks[right == 1].sum() - n_right * (n_right + 1) / 2) / (n_right * n_wrong))
