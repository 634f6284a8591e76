"""Exact completion at any caret: which tokens may cover it, and with what probability.

The plan (`tecla.text.caret`) is a small tree: its root is the head of the text, its inner nodes
are canonical tokens of what is typed since, and at every cut hang the tokens that cover the
caret. The probability of a continuation is that of its path times that of its covering token;
what is typed has the sum over all of them.

Nodes are evaluated best first. The probability of a node's path, known from its parent's scores
before the node is evaluated, bounds everything below it, so the search ends when all that is
left is at most `tolerance` of what was found. With tolerance 0 nothing is pruned: that is what
the oracle test compares with full enumeration. On English text about one node is evaluated
beside the root; the figure is printed by `benchmarks/engine.py`.

Continuations must be spelt as the tokenizer would spell them. The most probable are checked
here, so that their sum is right; the rest are checked when one is drawn.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tecla.decode.request import CaretWork
from tecla.decode.streams import Stream
from tecla.engines.base import Scores
from tecla.engines.sampling import Sampling, choose, penalise
from tecla.engines.scores import best_ids
from tecla.text.base import Tokenizer
from tecla.text.caret import CaretPlan, Path
from tecla.text.spelling import Spelling
from tecla.text.unicode import incomplete_suffix_bytes

MOST_SCREENED = 16  # so many of what is likely may be screened out before nothing is shown
_CHECKED_AT_ONCE = 64
_LEAST_SHARE = 0.25  # of the tolerance; continuations with less are checked when they are drawn


class Cover(NamedTuple):
    """One way to go on: `path` after the head, then `token`; its bytes behind the caret.

    `token` is `None` where the model says that the text ends at the caret.
    """

    path: Path
    token: int | None
    beyond: bytes
    logprob: float  # given what is typed


class _Chunk(NamedTuple):
    """All tokens that may cover the caret from one cut."""

    path: Path
    rest_bytes: int
    ids: npt.NDArray[np.int32]  # [n]
    logprobs: npt.NDArray[np.float64]  # [n], joint with the path, given the head


class CaretSearch:
    """Best-first search over the nodes of one plan; the caller evaluates what it wants."""

    def __init__(self, plan: CaretPlan, tokenizer: Tokenizer, tolerance: float) -> None:
        """Begin with nothing evaluated; the root path is `()`."""
        self._plan, self._tokenizer, self._tolerance = plan, tokenizer, tolerance
        self._rests = {cut.path: cut.rest for cut in plan.cuts}
        self._children: dict[Path, set[int]] = defaultdict(set)
        for cut in plan.cuts:
            for depth, token in enumerate(cut.path):
                self._children[cut.path[:depth]].add(token)
        self._frontier: dict[Path, float] = {(): 0.0}  # path -> log-probability given the head
        self._chunks: list[_Chunk] = []
        self._end_logprob = -math.inf
        self._found = -math.inf  # log of the probability found so far
        self.evaluated_nodes = 0

    def observe(self, path: Path, scores: Scores, row: int) -> None:
        """Take the next-token scores after `path`, which must be on the frontier."""
        reached = self._frontier.pop(path)
        self.evaluated_nodes += 1
        children = sorted(self._children[path])
        if children:
            logprobs = scores.gather(row, np.array(children, dtype=np.int32))
            for token, logprob in zip(children, logprobs.tolist(), strict=True):
                self._frontier[*path, token] = reached + logprob
        rest = self._rests.get(path)
        if rest is not None:
            ids = self._tokenizer.table.going_beyond(rest)
            self._add(path, len(rest), ids, reached + scores.gather(row, ids).astype(np.float64))
        if path == self._plan.full_path:
            ends = np.array(sorted(self._tokenizer.end_ids), dtype=np.int32)
            if len(ends):
                self._end_logprob = reached + _log_sum(scores.gather(row, ends))
                self._found = float(np.logaddexp(self._found, self._end_logprob))

    def awaits(self, path: Path) -> bool:
        """Whether the scores after `path` may be observed now."""
        return path in self._frontier

    @property
    def has_found(self) -> bool:
        """Whether some continuation is known already."""
        return self._found > -math.inf

    def wanted(self, most: int) -> list[Path]:
        """Paths to evaluate next, at most `most`; empty when what is left may be pruned."""
        allowed = math.log(self._tolerance) + self._found if self._tolerance else -math.inf
        ranked = sorted(self._frontier.items(), key=lambda item: item[1])
        left = -math.inf
        for dropped, (_, bound) in enumerate(ranked):
            left = float(np.logaddexp(left, bound))
            if left > allowed:
                return [path for path, _ in ranked[dropped:][::-1][:most]]
        return []

    def finish(self) -> CaretDistribution:
        """The distribution over covering tokens, from all that was observed."""
        left = _log_sum(np.array(list(self._frontier.values())))
        chunks = sorted(self._chunks, key=lambda chunk: (chunk.rest_bytes, chunk.path))
        return CaretDistribution(
            self._plan,
            self._tokenizer,
            chunks,
            self._end_logprob,
            self._tolerance,
            pruned=math.exp(left - float(np.logaddexp(left, self._found)))
            if left > -math.inf
            else 0.0,
            evaluated_nodes=self.evaluated_nodes,
        )

    def _add(
        self,
        path: Path,
        rest_bytes: int,
        ids: npt.NDArray[np.int32],
        logprobs: npt.NDArray[np.float64],
    ) -> None:
        self._chunks.append(_Chunk(path, rest_bytes, ids, logprobs))
        self._found = float(np.logaddexp(self._found, _log_sum(logprobs)))


class CaretDistribution:
    """Everything that may follow the caret, given what is typed, and how it is drawn."""

    def __init__(
        self,
        plan: CaretPlan,
        tokenizer: Tokenizer,
        chunks: Sequence[_Chunk],
        end_logprob: float,
        tolerance: float,
        *,
        pruned: float,
        evaluated_nodes: int,
    ) -> None:
        """Join the chunks and check the most probable spellings."""
        self._plan, self._tokenizer, self._chunks = plan, tokenizer, tuple(chunks)
        sizes = [len(chunk.ids) for chunk in chunks]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        end = np.array([end_logprob])
        # entries  # [covers + 1]; the last one is the end of the text
        self._entries = np.concatenate([*(chunk.logprobs for chunk in chunks), end])
        self._ids = np.concatenate([*(chunk.ids for chunk in chunks), np.array([-1], np.int32)])
        self._checked: dict[int, bool] = {len(self._entries) - 1: True}
        self._top = best_ids(self._entries, min(_CHECKED_AT_ONCE, len(self._entries)))
        self._spellings: dict[Path, Spelling] = {}
        unchecked = self._check_best(tolerance)
        self.log_typed = _log_sum(self._entries)  # log-probability of what is typed, given the head
        self.work = CaretWork(pruned, unchecked, evaluated_nodes)

    def best(self) -> Iterator[Cover]:
        """Every canonical continuation, most probable first; ties by cut, then by bytes."""
        for index in self._ranked():
            if self._entries[index] > -math.inf and self._is_canonical(index):
                yield self._cover(index)

    def draw(
        self,
        sampling: Sampling,
        stream: Stream,
        position: int,
        recent: Sequence[int],
        refuses: Callable[[Cover], bool],
    ) -> Cover | None:
        """Draw one continuation; spellings that are not canonical are refused and drawn again.

        So are those that `refuses` names; after `MOST_SCREENED` of them there is none.
        """
        attempt = screened = 0
        while screened < MOST_SCREENED:
            weighed = penalise(self._entries, self._ids, recent, sampling.repetition_penalty)
            index = choose(weighed, sampling, stream.key(position, attempt))
            if index is None:
                return None
            if self._is_canonical(index):
                cover = self._cover(index)
                if not refuses(cover):
                    return cover
                self._entries[index] = -math.inf
                screened += 1
            attempt += 1
        return None

    def checked_texts(self, most: int) -> list[tuple[Path, str, float]]:
        """The best covers that were checked and spell whole characters: path, text, log-prob."""
        found: list[tuple[Path, str, float]] = []
        for index in self._top.tolist():
            if len(found) == most:
                break
            if self._checked.get(index) and self._entries[index] > -math.inf:
                cover = self._cover(index)
                if cover.token is not None and not incomplete_suffix_bytes(cover.beyond):
                    text = cover.beyond.decode("utf-8", errors="replace")
                    found.append(((*cover.path, cover.token), text, cover.logprob))
        return found

    def spelling(self, path: Path) -> Spelling:
        """The text up to the end of `path`, for checking what follows it."""
        if path not in self._spellings:
            plan = self._plan
            shared = (
                plan.head[len(plan.head) - plan.context_tokens :] if plan.context_tokens else ()
            )
            data = plan.context + self._tokenizer.decode(path)
            self._spellings[path] = Spelling(self._tokenizer, data, [*shared, *path])
        return self._spellings[path]

    def _cover(self, index: int) -> Cover:
        logprob = float(self._entries[index] - self.log_typed)
        if index == len(self._entries) - 1:
            return Cover(self._plan.full_path, None, b"", logprob)
        chunk = self._chunk(index)
        token = int(self._ids[index])
        beyond = self._tokenizer.table.pieces[token][chunk.rest_bytes :]
        return Cover(chunk.path, token, beyond, logprob)

    def _chunk(self, index: int) -> _Chunk:
        return self._chunks[int(np.searchsorted(self._starts, index, side="right")) - 1]

    def _is_canonical(self, index: int) -> bool:
        """Whether an entry is canonical; one that is not is removed from the distribution."""
        if index not in self._checked:
            spelling = self.spelling(self._chunk(index).path)
            self._checked[index] = spelling.allows(int(self._ids[index]))
            if not self._checked[index]:
                self._entries[index] = -math.inf
        return self._checked[index]

    def _ranked(self) -> Iterator[int]:
        """Indices of entries by descending probability; the whole order only if it is needed."""
        yield from self._top.tolist()
        seen = set(self._top.tolist())
        for index in self._sorted().tolist():
            if index not in seen:
                yield index

    def _sorted(self) -> npt.NDArray[np.intp]:
        """Indices of all entries, most probable first."""
        return np.argsort(-self._entries, kind="stable")

    def _check_best(self, tolerance: float) -> float:
        """Check entries by descending probability; return the share that was left unchecked."""
        best = self._sorted() if tolerance == 0 else self._top
        total = _log_sum(self._entries)
        if total == -math.inf:
            return 0.0
        shares = np.exp(self._entries[best] - total)
        left = 1.0
        for index, share in zip(best.tolist(), shares.tolist(), strict=True):
            if left <= tolerance or share < tolerance * _LEAST_SHARE:
                break
            self._is_canonical(index)
            left -= share
        return max(0.0, left) if tolerance else 0.0


def _log_sum(logprobs: npt.NDArray[np.floating]) -> float:
    """Logarithm of the sum of exponentials; -inf for none."""
    values = np.asarray(logprobs, dtype=np.float64)
    if not len(values):
        return -math.inf
    peak = float(values.max())
    if peak == -math.inf:
        return peak
    return peak + math.log(float(np.exp(values - peak).sum()))
