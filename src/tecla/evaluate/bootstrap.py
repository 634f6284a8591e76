"""How sure a figure is: the bootstrap over passages (Efron & Tibshirani 1993, chapters 6 and 13).

Every figure here is a ratio of two sums over passages. Keys of one passage depend on each other,
so passages are drawn, never keys: with replacement, as many as there are. The 95 % interval is
that of the percentiles 2.5 and 97.5. For the difference of two systems both get the same draws
(paired), so what is hard about a passage cancels out. Counting how often each passage is drawn
makes all draws one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

DRAWS: Final = 2000
_BLOCK_CELLS: Final = 4_000_000
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval.

    All are `None` where the denominator is 0; the interval is, too, of a single passage.
    """

    value: float | None
    low: float | None = None
    high: float | None = None


def ratio(parts: Sequence[float], wholes: Sequence[float], seed: int) -> Estimate:
    """`sum(parts) / sum(wholes)`, one of each for every passage."""
    sums = np.array([parts, wholes], dtype=np.float64).T  # [passages, 2]
    part, whole = sums.sum(axis=0)
    if whole == 0:
        return Estimate(None)
    if len(sums) == 1:
        return Estimate(float(part / whole))
    drawn = _draws(sums, seed)
    return _estimate(part / whole, _ratios(drawn[:, 0], drawn[:, 1]))


def difference(
    first: tuple[Sequence[float], Sequence[float]],
    second: tuple[Sequence[float], Sequence[float]],
    seed: int,
) -> Estimate:
    """The first ratio less the second, on the same passages in the same order."""
    sums = np.array([*first, *second], dtype=np.float64).T  # [passages, 4]
    part, whole, other_part, other_whole = sums.sum(axis=0)
    if whole == 0 or other_whole == 0:
        return Estimate(None)
    value = part / whole - other_part / other_whole
    if len(sums) == 1:
        return Estimate(float(value))
    drawn = _draws(sums, seed)
    values = _ratios(drawn[:, 0], drawn[:, 1]) - _ratios(drawn[:, 2], drawn[:, 3])
    return _estimate(value, values)


def _draws(sums: _Floats, seed: int) -> _Floats:
    """The sums of every draw of passages: [draws, columns of `sums`] float64."""
    generator = np.random.default_rng(seed)
    count = len(sums)
    shares = np.full(count, 1 / count)
    block = max(1, _BLOCK_CELLS // count)
    drawn = [
        generator.multinomial(count, shares, size=min(block, DRAWS - begun)) @ sums
        for begun in range(0, DRAWS, block)
    ]
    return np.concatenate(drawn)


def _ratios(parts: _Floats, wholes: _Floats) -> _Floats:
    """Ratios of the draws; nan where nothing was drawn to divide by."""
    return np.divide(parts, wholes, out=np.full_like(parts, np.nan), where=wholes != 0)


def _estimate(value: float, draws: _Floats) -> Estimate:
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
