"""Score handles over a numpy array, for engines whose logits are in host memory.

The array may be a view of memory that the engine overwrites at its next `eval`; the handle
compares the engine's step count with its own and refuses to read what is no longer there.

The best tokens are found without sorting the row: the row is seen as a table whose columns
are interleaved blocks (`id = block + j * n_blocks`), the maximum of each block is one
vectorised pass, and only blocks whose maximum is among the k best (or equal to the k-th) can
hold one of the k best tokens. On a vocabulary of 49,152 this is several times faster than
`argpartition` on the row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from tecla.engines.base import Floats, Groups, TokenIds, TopK
from tecla.engines.sampling import Sampling, choose, penalise
from tecla.errors import EngineError, StaleScoresError

_BLOCK_ROWS = 64  # tokens per interleaved block


class NumpyScores:
    """`Scores` over `logits  # [rows, vocabulary] float32`."""

    def __init__(self, logits: Floats, is_current: Callable[[], bool] | None = None) -> None:
        """Wrap `logits` without a copy; `is_current` says whether they are still there."""
        self._logits = logits
        self._is_current = is_current
        self._log_normalisers: dict[int, float] = {}
        self._tops: dict[int, TopK] = {}  # every row's best, asked for row by row in a batch
        self._masses: dict[tuple[int, int], tuple[Groups, Floats]] = {}  # by row and groups

    @property
    def rows(self) -> int:
        """Number of positions held."""
        return int(self._logits.shape[0])

    def _read(self) -> Floats:
        if self._is_current is not None and not self._is_current():
            raise StaleScoresError(
                "these scores were overwritten by a later eval(); call detach() to keep them"
            )
        return self._logits

    def log_normaliser(self, row: int) -> float:
        """Logarithm of the sum of the exponentials of the row's raw scores; cached."""
        logits = self._read()
        if row not in self._log_normalisers:
            values = logits[row]
            peak = float(values.max())
            total = float(np.exp(values - np.float32(peak)).sum(dtype=np.float64))
            self._log_normalisers[row] = peak + math.log(total)
        return self._log_normalisers[row]

    def top_k(self, k: int) -> TopK:
        """The `k` most probable tokens of every row; cached, so do not write to it."""
        logits = self._read()
        if k not in self._tops:
            self._tops[k] = self._find_top(logits, k)
        return self._tops[k]

    def _find_top(self, logits: Floats, k: int) -> TopK:
        ids = np.empty((self.rows, min(max(k, 0), logits.shape[1])), dtype=np.int64)  # [rows, k]
        for row in range(self.rows):
            ids[row] = logits[row].argmax() if k == 1 else best_ids(logits[row], ids.shape[1])
        raw = np.take_along_axis(logits, ids, axis=1)
        normalisers = np.array(
            [self.log_normaliser(row) for row in range(self.rows)], dtype=np.float32
        ).reshape(-1, 1)
        return TopK(ids.astype(np.int32), raw - normalisers)

    def gather(self, row: int, ids: TokenIds | None) -> Floats:
        """Log-probabilities of `ids`, or of the whole vocabulary."""
        values = self._read()[row]
        chosen: Floats = values if ids is None else values[ids]
        return chosen - np.float32(self.log_normaliser(row))

    def masses(self, row: int, groups: Groups, n_groups: int) -> Floats:
        """The probability of each group of tokens; cached, so do not write to it."""
        self._read()
        known = self._masses.get((row, n_groups))
        if known is None or known[0] is not groups:
            shares = np.exp(self.gather(row, None))
            found = np.bincount(groups, weights=shares, minlength=n_groups).astype(np.float32)
            known = self._masses[row, n_groups] = groups, found
        return known[1]

    def add(self, row: int, ids: TokenIds, values: Floats) -> None:
        """Add to the raw scores in place."""
        np.add.at(self._read()[row], ids, values)
        self._log_normalisers.pop(row, None)
        self._masses.clear()
        self._tops.clear()

    def sample(
        self,
        row: int,
        sampling: Sampling,
        key: int,
        *,
        recent: Sequence[int] = (),
        banned: Sequence[int] = (),
    ) -> tuple[int, float]:
        """Draw one token; see `Scores.sample`."""
        logprobs = self.gather(row, None)
        weighed = penalise(logprobs, None, recent, sampling.repetition_penalty)
        if len(banned):
            weighed = weighed.copy() if weighed is logprobs else weighed
            weighed[np.asarray(banned, dtype=np.int64)] = -np.inf
        chosen = choose(weighed, sampling, key)
        if chosen is None:
            raise EngineError("no token is left to draw: every one is banned")
        return chosen, float(logprobs[chosen])

    def numpy(self) -> Floats:
        """A copy of the raw scores."""
        return self._read().copy()

    def detach(self, rows: Sequence[int] | None = None) -> NumpyScores:
        """A handle over a copy of some rows, with what was already worked out for them."""
        chosen = range(self.rows) if rows is None else rows
        kept = NumpyScores(self._read()[chosen])
        kept._log_normalisers = {
            at: self._log_normalisers[row]
            for at, row in enumerate(chosen)
            if row in self._log_normalisers
        }
        kept._masses = {
            (at, count): found
            for at, row in enumerate(chosen)
            for (of, count), found in self._masses.items()
            if of == row
        }
        kept._tops = {
            k: TopK(top.ids[chosen], top.logprobs[chosen]) for k, top in self._tops.items()
        }
        return kept

    def take_copy(self) -> None:
        """Go on with a copy of the scores, as the engine is about to overwrite them."""
        self._logits = self._logits.copy()


def best_ids(values: npt.NDArray[np.floating], k: int) -> npt.NDArray[np.int64]:
    """Ids of the `k` largest values, largest first, ties to the lower id."""
    n_blocks = len(values) // _BLOCK_ROWS
    if not 0 < k < n_blocks:
        candidates = np.arange(len(values))
    else:
        body = n_blocks * _BLOCK_ROWS
        maxima = values[:body].reshape(_BLOCK_ROWS, n_blocks).max(axis=0)  # [n_blocks]
        least = np.partition(maxima, n_blocks - k)[n_blocks - k]
        blocks = np.flatnonzero(maxima >= least)  # more than k of them where maxima tie
        inside = (blocks[:, None] + np.arange(_BLOCK_ROWS) * n_blocks).ravel()
        candidates = np.concatenate([inside, np.arange(body, len(values))])
    order = np.lexsort((candidates, -values[candidates]))[:k]
    return candidates[order]
