"""Score handles over a tensor, worked on where it is: only results come to the host.

A step on a GPU is over when the host asks for its first result, and every such question waits. So
what the last steps were asked for (the normalisers, the best `k`, the masses of groups) is worked
out for all rows right behind the forward pass and copied to pinned memory, in one queue: the first
question waits once for all of them, and those after it find their answers on the host.

The best tokens come from `torch.topk` over integers that hold a score in their upper and the token
in their lower half, because `topk` of the scores themselves takes any of several that are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from tecla.engines.base import Floats, Groups, TokenIds, TopK
from tecla.engines.sampling import Sampling
from tecla.errors import EngineError, StaleScoresError

_MOST_KINDS = 4  # sizes of top-k that are worked out ahead


@dataclass
class Asked:
    """What the handles of one engine were asked for lately, and what that needs on the device."""

    ks: list[int] = field(default_factory=list)  # latest last
    groups: Groups | None = None
    n_groups: int = 0
    membership: torch.Tensor | None = None  # [vocabulary, groups] float32, 1 where a token is in

    def note_k(self, k: int) -> None:
        """Remember that the best `k` were asked for."""
        self.ks = [*(other for other in self.ks if other != k), k][-_MOST_KINDS:]

    def note_groups(self, groups: Groups, n_groups: int, device: torch.device) -> torch.Tensor:
        """Remember the groups; which token is in which, as a matrix on the device."""
        if self.membership is None or groups is not self.groups or n_groups != self.n_groups:
            self.groups, self.n_groups = groups, n_groups
            of_token = torch.from_numpy(groups.astype(np.int64)).to(device)
            self.membership = torch.nn.functional.one_hot(of_token, n_groups).float()
        return self.membership


class TorchScores:
    """`Scores` over `logits  # [rows, vocabulary] float32` on any device."""

    def __init__(
        self,
        logits: torch.Tensor,
        is_current: Callable[[], bool] | None = None,
        asked: Asked | None = None,
    ) -> None:
        """Wrap `logits` without a copy; with `asked`, work out ahead what it names."""
        self._logits = logits
        self._is_current = is_current
        self._asked = asked if asked is not None else Asked()
        self._normalisers: _Coming | None = None
        self._tops: dict[int, tuple[_Coming, _Coming]] = {}  # by k: ids, raw scores
        self._masses: tuple[Groups, _Coming] | None = None
        if asked is not None and self.rows:
            self._work_ahead(asked)

    @property
    def rows(self) -> int:
        """Number of positions held."""
        return int(self._logits.shape[0])

    def log_normaliser(self, row: int) -> float:
        """Logarithm of the sum of the exponentials of the row's raw scores; cached."""
        self._read()
        return float(self._all_normalisers()[row])

    def top_k(self, k: int) -> TopK:
        """The `k` most probable tokens of every row; cached, so do not write to it."""
        self._read()
        self._asked.note_k(k)
        ids, raw = (coming.numpy() for coming in self._find_top(k))
        normalisers = self._all_normalisers().astype(np.float32).reshape(-1, 1)
        return TopK(ids.astype(np.int32), (raw - normalisers).astype(np.float32, copy=False))

    def gather(self, row: int, ids: TokenIds | None) -> Floats:
        """Log-probabilities of `ids`, or of the whole vocabulary."""
        values = self._read()[row]
        if ids is not None:
            chosen = torch.from_numpy(np.asarray(ids, dtype=np.int64)).to(values.device)
            values = values[chosen]
        found: Floats = values.cpu().numpy() - np.float32(self.log_normaliser(row))
        return found

    def masses(self, row: int, groups: Groups, n_groups: int) -> Floats:
        """The probability of each group of tokens; cached, so do not write to it."""
        self._read()
        known = self._masses
        if known is None or known[0] is not groups or known[1].width != n_groups:
            known = self._masses = groups, self._find_masses(groups, n_groups)
        found: Floats = known[1].numpy()[row]
        return found

    @torch.inference_mode()
    def add(self, row: int, ids: TokenIds, values: Floats) -> None:
        """Add to the raw scores in place."""
        logits = self._read()
        chosen = torch.from_numpy(np.asarray(ids, dtype=np.int64)).to(logits.device)
        added = torch.from_numpy(np.asarray(values, dtype=np.float32)).to(logits.device)
        logits[row].index_put_((chosen,), added, accumulate=True)
        self._normalisers, self._masses = None, None
        self._tops.clear()

    @torch.inference_mode()
    def sample(
        self,
        row: int,
        sampling: Sampling,
        key: int,
        *,
        recent: Sequence[int] = (),
        banned: Sequence[int] = (),
    ) -> tuple[int, float]:
        """Draw one token on the device; see `Scores.sample`.

        The same race as `sampling.choose`, with clocks from the device's own generator: for one
        key this engine draws alike on one kind of device, and otherwise than an engine on numpy.
        """
        raw = self._read()[row].double()
        logprobs = raw - torch.logsumexp(raw, 0)
        weighed = logprobs.clone()
        device = weighed.device
        if recent and sampling.repetition_penalty != 1.0:
            seen = torch.tensor(sorted(set(map(int, recent))), device=device)
            weighed[seen] *= sampling.repetition_penalty
        if len(banned):
            weighed[torch.tensor([int(token) for token in banned], device=device)] = -torch.inf
        best = _best_first(weighed[None].float(), 1)[0, 0]
        chosen = best if sampling.temperature == 0 else _race(weighed, best, sampling, key)
        token, logprob, left = torch.stack(
            [chosen.double(), logprobs[chosen], weighed[best]]
        ).tolist()
        if not left > -np.inf:
            raise EngineError("no token is left to draw: every one is banned")
        return int(token), float(logprob)

    def numpy(self) -> Floats:
        """A copy of the raw scores."""
        found: Floats = self._read().cpu().numpy().copy()
        return found

    @torch.inference_mode()
    def detach(self, rows: Sequence[int] | None = None) -> TorchScores:
        """A handle over a copy of some rows, with what was already worked out for them."""
        logits = self._read()
        chosen = list(range(self.rows)) if rows is None else list(rows)
        kept = TorchScores(logits[torch.tensor(chosen, dtype=torch.int64, device=logits.device)])
        kept._asked = self._asked
        if self._normalisers is not None:
            kept._normalisers = self._normalisers.rows(chosen)
        kept._tops = {
            k: (ids.rows(chosen), raw.rows(chosen)) for k, (ids, raw) in self._tops.items()
        }
        if self._masses is not None:
            kept._masses = self._masses[0], self._masses[1].rows(chosen)
        return kept

    def _read(self) -> torch.Tensor:
        if self._is_current is not None and not self._is_current():
            raise StaleScoresError(
                "these scores were overwritten by a later eval(); call detach() to keep them"
            )
        return self._logits

    def _work_ahead(self, asked: Asked) -> None:
        self._find_normalisers()
        for k in asked.ks:
            self._find_top(k)
        if asked.groups is not None:
            self._masses = asked.groups, self._find_masses(asked.groups, asked.n_groups)

    def _all_normalisers(self) -> npt.NDArray[np.float64]:
        return self._find_normalisers().numpy()

    @torch.inference_mode()
    def _find_normalisers(self) -> _Coming:
        if self._normalisers is None:
            self._normalisers = _Coming(torch.logsumexp(self._logits.double(), 1))
        return self._normalisers

    @torch.inference_mode()
    def _find_top(self, k: int) -> tuple[_Coming, _Coming]:
        if k not in self._tops:
            ids = _best_first(self._logits, min(max(k, 0), self._logits.shape[1]))
            self._tops[k] = _Coming(ids), _Coming(self._logits.gather(1, ids))
        return self._tops[k]

    @torch.inference_mode()
    def _find_masses(self, groups: Groups, n_groups: int) -> _Coming:
        membership = self._asked.note_groups(groups, n_groups, self._logits.device)
        return _Coming(torch.softmax(self._logits, 1) @ membership)


class _Coming:
    """A small result on its way to the host."""

    def __init__(self, found: torch.Tensor) -> None:
        self.width = int(found.shape[-1]) if found.ndim > 1 else 1
        self._arrived: torch.cuda.Event | None = None
        if found.device.type == "cuda":
            self._host = torch.empty(found.shape, dtype=found.dtype, pin_memory=True)
            self._host.copy_(found, non_blocking=True)
            self._arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # not annotated
            self._arrived.record()
        else:
            self._host = found

    def numpy(self) -> npt.NDArray[Any]:
        """The result; waits for it the first time."""
        if self._arrived is not None:
            self._arrived.synchronize()
            self._arrived = None
        return self._host.numpy()

    def rows(self, chosen: Sequence[int]) -> _Coming:
        """A copy of some rows."""
        return _Coming(torch.from_numpy(self.numpy()[list(chosen)]))


def _best_first(scores: torch.Tensor, k: int) -> torch.Tensor:
    """Ids of the `k` largest of each row, largest first, ties to the lower id: `[rows, k]`.

    The bits of a float, read as an integer with those of negative numbers turned round, are in
    the order of the floats; adding 0 makes one zero of the two.
    """
    n_vocab = scores.shape[1]
    bits = (scores + 0.0).view(torch.int32)
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)
    last_first = torch.arange(n_vocab - 1, -1, -1, device=scores.device)
    keys = (ordered.long() << 32) + last_first
    return n_vocab - 1 - (torch.topk(keys, k, dim=1).values & 0xFFFFFFFF)


def _race(weighed: torch.Tensor, best: torch.Tensor, sampling: Sampling, key: int) -> torch.Tensor:
    """The token whose clock divided by its weight is least, among those that are kept."""
    weights = torch.exp((weighed - weighed[best]) / sampling.temperature)
    generator = torch.Generator(weighed.device).manual_seed(key)
    clocks = torch.empty_like(weights).exponential_(generator=generator)
    return torch.where(_kept(weights, sampling), clocks / weights, torch.inf).argmin()


def _kept(weights: torch.Tensor, sampling: Sampling) -> torch.Tensor:
    """Which tokens survive top-k, top-p and min-p, `[vocabulary]`; see `sampling.choose`."""
    kept = weights >= sampling.min_p
    if 0 < sampling.top_k < len(weights) or sampling.top_p < 1:
        order = torch.sort(weights, descending=True, stable=True).indices
        if sampling.top_k > 0:
            order = order[: sampling.top_k]
        reached = weights[order].cumsum(0)
        before = torch.cat([torch.zeros_like(reached[:1]), reached[:-1]])
        # A token is needed as long as those before it do not reach the sum.
        share = sampling.top_p if sampling.top_p < 1 else torch.inf
        kept &= torch.zeros_like(kept).index_put_((order,), before < share * reached[-1])
    return kept
