"""Gates fitted to text: the weights under which the person's next tokens were likeliest.

What is fitted to is `Seen`: at one place of a text, the model's probability of the token that came,
and what every source had said before it came. The loss is the mean of -ln P(token) over places,
`P` as `weights.py` defines it, every text counted alike whatever its length. It is smooth in the
coefficients, of which there are a few dozen, so BFGS (Nocedal & Wright 2006, algorithm 6.1) finds
the minimum in seconds. A small penalty keeps a source that hardly ever matched from wild gates.

Drafts are plain logistic regression, on whether what followed most often was the model's choice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np

from tecla.errors import OptionError
from tecla.personal.base import Matched
from tecla.personal.weights import FEATURES, SOURCES, Floats64, Origin, Source, Weights, features

LEAST_PLACES: Final = 200
_STEPS: Final = 200
_PENALTY: Final = 1e-4
_ENOUGH: Final = 1e-5  # of the gradient, where the search ends
_LEAST_STEP: Final = 1e-8

Loss = Callable[[Floats64], tuple[float, Floats64]]


class Seen(NamedTuple):
    """One place: what came, what the model said of it and would have taken, what was seen before.

    Places of the same `text`, any number, share its weight.
    """

    text: int
    token: int
    probability: float  # of `token`, by the model
    choice: int  # the model's likeliest token
    found: Sequence[tuple[Source, Sequence[Matched]]]


def fit(places: Sequence[Seen], origin: Origin | None = None) -> Weights:
    """The weights under which what came was likeliest.

    Raises `OptionError` for fewer than `LEAST_PLACES` places.
    """
    if len(places) < LEAST_PLACES:
        raise OptionError(
            f"{len(places)} places are too few to fit weights to; give text of {LEAST_PLACES} "
            "tokens or more"
        )
    sources = tuple(source for source in SOURCES if any(_levels(each, source) for each in places))
    scale = _scale(places, sources)
    table = _Table(places, sources, scale)
    start = np.zeros((len(sources), len(FEATURES)))
    start[:, 0] = -2.0
    gates = minimised(table.loss, start.ravel()).reshape(start.shape) / scale
    return Weights(
        tuple((source, tuple(row.tolist())) for source, row in zip(sources, gates, strict=True)),
        tuple(_draft(places, source) for source in sources),
        origin or Origin(),
    )


def minimised(loss: Loss, start: Floats64) -> Floats64:
    """Where a smooth function with its gradient is least, from `start` on; BFGS."""
    at = start.copy()
    value, slope = loss(at)
    inverse = np.eye(len(at))
    for _ in range(_STEPS):
        if float(np.abs(slope).max()) < _ENOUGH:
            break
        way = -inverse @ slope
        if float(way @ slope) >= 0:
            inverse, way = np.eye(len(at)), -slope
        size = 1.0
        while size > _LEAST_STEP:
            there = at + size * way
            found, new_slope = loss(there)
            if found <= value + 1e-4 * size * float(way @ slope):
                break
            size /= 2
        else:
            break
        step, turn = there - at, new_slope - slope
        at, value, slope = there, found, new_slope
        along = float(step @ turn)
        if along > 1e-12:
            left = np.eye(len(at)) - np.outer(step, turn) / along
            inverse = left @ inverse @ left.T + np.outer(step, step) / along
    return at


class _Table:
    """All places as arrays; slots are levels in the order they are put on."""

    def __init__(self, places: Sequence[Seen], sources: Sequence[Source], scale: Floats64) -> None:
        most = max(sum(len(levels) for _, levels in each.found) for each in places)
        self._model = np.array([each.probability for each in places])
        self._looks = np.zeros((len(places), most, len(FEATURES)))  # [places, slots, features]
        self._shares = np.zeros((len(places), most))  # of what came, [places, slots]
        self._source = np.zeros((len(places), most), dtype=np.int64)
        self._used = np.zeros((len(places), most), dtype=bool)
        self._n_sources = len(sources)
        counts: defaultdict[int, int] = defaultdict(int)
        for each in places:
            counts[each.text] += 1
        self._weights = np.array([1 / counts[each.text] for each in places]) / len(counts)
        for row, each in enumerate(places):
            slot = 0
            for number, source in enumerate(sources):
                levels = _levels(each, source)[::-1]
                end = slot + len(levels)
                if levels:
                    self._looks[row, slot:end] = features(levels) / scale
                    self._shares[row, slot:end] = [_share(level, each.token) for level in levels]
                    self._source[row, slot:end] = number
                    self._used[row, slot:end] = True
                slot = end

    def loss(self, flat: Floats64) -> tuple[float, Floats64]:
        """The mean of -ln P and its gradient."""
        gates_of = flat.reshape(self._n_sources, -1)
        gate = 1 / (1 + np.exp(-np.einsum("psf,psf->ps", self._looks, gates_of[self._source])))
        gate = np.where(self._used, gate, 0.0)
        below = np.empty_like(gate)  # P before each slot is put on
        so_far = self._model
        for slot in range(gate.shape[1]):
            below[:, slot] = so_far
            so_far = (1 - gate[:, slot]) * so_far + gate[:, slot] * self._shares[:, slot]
        total = -float(self._weights @ np.log(so_far)) + _PENALTY * float(flat @ flat)
        slope = np.zeros_like(gates_of)
        above = -self._weights / so_far  # derivative of the loss by P behind the slot
        for slot in range(gate.shape[1] - 1, -1, -1):
            own = gate[:, slot]
            by_logit = above * (self._shares[:, slot] - below[:, slot]) * own * (1 - own)
            np.add.at(slope, self._source[:, slot], by_logit[:, None] * self._looks[:, slot])
            above = above * (1 - own)
        return total, slope.ravel() + 2 * _PENALTY * flat


def _draft(places: Sequence[Seen], source: Source) -> tuple[Source, tuple[float, ...]]:
    """The logistic regression of one source's drafts."""
    longest = [(levels[0], each) for each in places if (levels := _levels(each, source))]
    looks = features([level for level, _ in longest])
    right = np.array([level.ids[level.counts.argmax()] == each.choice for level, each in longest])
    scale = np.abs(looks).max(axis=0)
    scale[scale == 0] = 1.0
    looks /= scale

    def loss(at: Floats64) -> tuple[float, Floats64]:
        values = looks @ at
        total = float(np.mean(np.logaddexp(0, values) - right * values))
        slope = looks.T @ (1 / (1 + np.exp(-values)) - right) / len(right)
        return total + _PENALTY * float(at @ at), slope + 2 * _PENALTY * at

    return source, tuple((minimised(loss, np.zeros(len(FEATURES))) / scale).tolist())


def _scale(places: Sequence[Seen], sources: Sequence[Source]) -> Floats64:
    """The size of each feature, so that all weigh alike in the search, `[features]`."""
    looks = np.concatenate(
        [features(levels) for each in places for of, levels in each.found if of in sources]
    )
    sizes = np.sqrt((looks**2).mean(axis=0))
    sizes[sizes == 0] = 1.0
    found: Floats64 = sizes
    return found


def _levels(place: Seen, source: Source) -> Sequence[Matched]:
    return [level for of, levels in place.found if of == source for level in levels]


def _share(level: Matched, token: int) -> float:
    at = int(np.searchsorted(level.ids, token))
    if at == len(level.ids) or level.ids[at] != token:
        return 0.0
    return float(level.counts[at]) / level.count
