"""How one token is drawn from next-token scores.

Owns the sampling options and the arithmetic of a draw on one row; knows neither text nor
slots. The order of the steps is that of transformers' `generate`: repetition penalty,
temperature, top-k, top-p, min-p. The draw is a race of exponential clocks: every token has a
number of its own that depends on the key alone, and the token whose number divided by its
weight is least wins (the Gumbel-max trick without logarithms; Maddison et al. 2014, section 2).
Two rows whose scores differ by rounding therefore give the same token unless two tokens are
within rounding of a tie: far rarer than a number that falls on one of 49,000 edges.

The repetition penalty multiplies log-probabilities (p becomes p to the power of the
penalty). CTRL's original rule divides positive raw scores and multiplies negative ones,
which depends on an arbitrary zero of the scores (Keskar et al. 2019, section 4.1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tecla.checks import number, whole
from tecla.errors import OptionError

Logprobs = npt.NDArray[np.floating]

_SORTED_FIRST = 1024  # top-p sorts this many of the best tokens before it sorts them all


@dataclass(frozen=True, slots=True)
class Sampling:
    """Options of a draw.

    temperature: 0 takes the most probable token; 1 draws from the model's distribution.
    top_k: keep this many of the best tokens; 0 keeps all.
    top_p: keep the fewest best tokens whose probabilities reach this sum; 1 keeps all.
    min_p: keep tokens at least this fraction as probable as the best one; 0 keeps all.
    repetition_penalty: above 1 makes tokens among the last `penalty_tokens` less probable.
    seed: makes draws repeatable; `None` takes fresh randomness for every request.
    """

    temperature: float = 0.7
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    penalty_tokens: int = 64
    seed: int | None = None

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        if number("temperature", self.temperature) < 0:
            raise OptionError(
                f"temperature is {self.temperature!r}; it must be a number of 0 or more "
                "(0 takes the most probable token)"
            )
        whole("top_k", self.top_k, 0, " (keep all)")
        if not 0 < number("top_p", self.top_p) <= 1:
            raise OptionError(
                f"top_p is {self.top_p!r}; it must be above 0 and at most 1 (keep all)"
            )
        if not 0 <= number("min_p", self.min_p) <= 1:
            raise OptionError(f"min_p is {self.min_p!r}; it must be between 0 (keep all) and 1")
        if number("repetition_penalty", self.repetition_penalty) <= 0:
            raise OptionError(
                f"repetition_penalty is {self.repetition_penalty!r}; it must be above 0 (1 is none)"
            )
        whole("penalty_tokens", self.penalty_tokens, 0)
        if self.seed is not None:
            whole("seed", self.seed, 0)


GREEDY = Sampling(temperature=0.0)


def penalise(
    logprobs: Logprobs, ids: npt.NDArray[np.int32] | None, recent: Sequence[int], penalty: float
) -> Logprobs:
    """`logprobs` with the repetition penalty on `recent` tokens, as a new array if it changes.

    `ids` names the token of each entry; `None` means entry i is token i.
    """
    if penalty == 1.0 or not recent:
        return logprobs
    seen = np.unique(np.asarray(recent, dtype=np.int64))
    hit = seen if ids is None else np.flatnonzero(np.isin(ids, seen))
    changed = logprobs.copy()
    changed[hit] *= penalty
    return changed


def choose(logprobs: Logprobs, sampling: Sampling, key: int) -> int | None:
    """Index of the entry drawn under `key`; `None` if no entry is possible.

    `logprobs` need not be normalised and may hold -inf for entries that cannot be drawn.
    """
    best = int(np.argmax(logprobs))
    if not logprobs[best] > -math.inf:
        return None
    if sampling.temperature == 0:
        return best
    with np.errstate(over="ignore"):  # a temperature next to 0 makes -inf of all but the best
        scaled = (logprobs.astype(np.float64) - float(logprobs[best])) / sampling.temperature
    weights = np.exp(scaled)  # [entries], the best one weighs 1
    kept = _kept(weights, sampling)
    clocks = np.random.Generator(np.random.PCG64(key)).standard_exponential(len(weights))
    if kept is not None:
        weights, clocks = weights[kept], clocks[kept]
    with np.errstate(divide="ignore"):  # a weight of 0 never wins
        at = int(np.argmin(clocks / weights))
    return at if kept is None else int(kept[at])


def _kept(weights: npt.NDArray[np.float64], sampling: Sampling) -> npt.NDArray[np.intp] | None:
    """Indices that survive top-k, top-p and min-p, ascending; `None` for all of them."""
    kept: npt.NDArray[np.intp] | None = None
    if 0 < sampling.top_k < len(weights):
        kept = _best(weights, sampling.top_k)
    if sampling.top_p < 1:
        kept = _nucleus(weights, kept, sampling.top_p)
    if sampling.min_p > 0:
        if kept is None:
            kept = np.flatnonzero(weights >= sampling.min_p)
        else:
            kept = kept[weights[kept] >= sampling.min_p]
    return None if kept is None else np.sort(kept)


def _best(weights: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.intp]:
    """Indices of the `k` largest weights, largest first."""
    best = np.argpartition(weights, len(weights) - k)[-k:] if k < len(weights) else None
    if best is None:
        return np.argsort(-weights, kind="stable")
    return best[np.argsort(-weights[best], kind="stable")]


def _nucleus(
    weights: npt.NDArray[np.float64], kept: npt.NDArray[np.intp] | None, top_p: float
) -> npt.NDArray[np.intp]:
    """The fewest of the best entries whose weights reach `top_p` of the total."""
    if kept is not None:
        order, total = kept, float(weights[kept].sum())
    else:
        order, total = _best(weights, min(_SORTED_FIRST, len(weights))), float(weights.sum())
    reached = np.cumsum(weights[order])
    if kept is None and reached[-1] < top_p * total:
        order = _best(weights, len(weights))
        reached = np.cumsum(weights[order])
    count = int(np.searchsorted(reached, top_p * total, side="left")) + 1
    return order[:count]
