"""Decoding: many requests at once over one engine, in named phases.

    plan -> prefill -> caret -> branch -> step, step, step ... -> answers

Requests that fit together in slots and KV memory run as one wave and share every batch, whatever
their lengths. The result of a request does not depend on what else is in its wave: random
numbers come from its own streams, and on an engine whose scores do not depend on the batch the
answers are identical to those given alone.

One decoder owns all slots of its engine and is used from one thread at a time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from tecla.decode.job import Branch, Job
from tecla.decode.request import Completed, Request
from tecla.decode.slotpool import SlotPool
from tecla.engines.base import Engine, Feed, Scores
from tecla.errors import OptionError
from tecla.text.base import Tokenizer

_NODE_SLOTS = 6  # slots a request is given for its caret search, when waves are formed
_TOLERANCE = 1e-3  # share of probability a caret search may leave out


@dataclass(frozen=True, slots=True)
class NewText:
    """Certain text of one alternative of the request at `index`."""

    index: int
    alternative: int
    text: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer to the request at `index`."""

    index: int
    completed: Completed


Event = NewText | Answer


class Decoder:
    """Completes requests on one engine with the tokenizer of its model."""

    def __init__(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        *,
        tolerance: float = _TOLERANCE,
        fresh_seed: Callable[[], int] = lambda: secrets.randbits(63),
    ) -> None:
        """Take over all slots of `engine`. `tolerance` 0 makes every caret search exhaustive."""
        self.engine, self.tokenizer = engine, tokenizer
        self.steps = 0  # batches evaluated
        self._pool = SlotPool(engine)
        self._tolerance = tolerance
        self._fresh_seed = fresh_seed

    def complete(self, requests: Sequence[Request]) -> list[Completed]:
        """Answers in the order of `requests`.

        Raises `InvalidTextError` or `OptionError` before anything is evaluated.
        """
        answers: dict[int, Completed] = {}
        for event in self.events(requests, stream=False):
            if isinstance(event, Answer):
                answers[event.index] = event.completed
        return [answers[index] for index in range(len(requests))]

    def events(
        self, requests: Sequence[Request], *, stream: bool = True
    ) -> Generator[Event, None, None]:
        """Text as it becomes certain and answers as they are ready.

        With `stream=False` only answers. Closing the iterator frees all slots.
        """
        jobs = [self._plan(index, request) for index, request in enumerate(requests)]
        for wave in self._waves(jobs):
            try:
                yield from self._run(wave, stream)
            finally:
                self._release(wave)

    def _plan(self, index: int, request: Request) -> Job:
        engine = self.engine
        most = engine.n_slots - _NODE_SLOTS
        if request.n > most:
            raise OptionError(f"n is {request.n!r}; at most {most} alternatives fit at once")
        reserve = min(request.stopping.max_tokens, engine.context_tokens // 2)
        needed = request.n * reserve + engine.context_tokens // 4
        if needed > engine.kv_tokens:
            raise OptionError(
                f"n={request.n!r} alternatives of max_tokens={request.stopping.max_tokens!r} need "
                f"{needed} tokens of KV memory; there are {engine.kv_tokens}: lower one of them"
            )
        room = min(engine.context_tokens - reserve, engine.kv_tokens - request.n * reserve)
        seed = request.sampling.seed
        seed = self._fresh_seed() if seed is None else seed
        return Job(index, request, seed, self.tokenizer, room)

    def _waves(self, jobs: Sequence[Job]) -> Iterator[list[Job]]:
        """Cut `jobs` into groups that fit in the engine together."""
        wave: list[Job] = []
        slots = tokens = 0
        for job in jobs:
            more_slots = 1 + job.request.n + _NODE_SLOTS
            more_tokens = self._most_tokens(job)
            full = (
                slots + more_slots > self._pool.free or tokens + more_tokens > self.engine.kv_tokens
            )
            if wave and full:
                yield wave
                wave, slots, tokens = [], 0, 0
            wave.append(job)
            slots, tokens = slots + more_slots, tokens + more_tokens
        if wave:
            yield wave

    def _most_tokens(self, job: Job) -> int:
        """KV tokens a job may need: its head, its caret and its branches."""
        stopping, engine = job.request.stopping, self.engine
        grown = min(stopping.max_tokens, engine.context_tokens - len(job.head))
        caret = sum(len(cut.path) for cut in job.plan.cuts)
        return len(job.head) + caret + job.request.n * (grown + len(job.plan.full_path))

    def _run(self, wave: Sequence[Job], stream: bool) -> Iterator[Event]:
        self._prefill(wave)
        self._search(wave)
        for job in wave:
            job.begin_branches()
            self._open_branches(job)
        running = list(wave)
        while running:
            if stream:
                yield from _new_texts(running)
            for job in [job for job in running if not _active(job)]:
                running.remove(job)
                yield Answer(job.index, job.result())
            if running:
                self._step(running)

    def _prefill(self, wave: Sequence[Job]) -> None:
        """Evaluate the heads in full batches; each search takes the scores of its root."""
        waiting: list[tuple[Job, list[int]]] = []
        for job in wave:
            job.begin_search(self._tolerance)
            job.slots[()] = self._pool.take()
            waiting.append((job, [*job.head, *job.foreseen]))
        while waiting:
            feeds: list[Feed] = []
            finished: list[Job] = []
            left = self.engine.batch_tokens
            rows_left = self.engine.score_rows
            for job, tokens in list(waiting):
                rows = 1 + len(job.foreseen)
                chunk = tokens[:left]
                if len(tokens) > left:  # keep the scored tokens together in a later batch
                    chunk = tokens[: max(0, min(left, len(tokens) - rows))]
                elif rows > rows_left:
                    break
                if not chunk:
                    break
                done = len(chunk) == len(tokens)
                feeds.append(Feed(job.slots[()], chunk, rows if done else 0))
                left -= len(chunk)
                if done:
                    rows_left -= rows
                    finished.append(job)
                    waiting.remove((job, tokens))
                else:
                    waiting[waiting.index((job, tokens))] = (job, tokens[len(chunk) :])
                    break
            scores = self._eval(feeds)
            self._observe_roots(finished, scores)

    def _observe_roots(self, finished: Sequence[Job], scores: Scores) -> None:
        row = 0
        for job in finished:
            job.search.observe((), scores, row)
            row += 1
            if job.foreseen:
                root = job.slots[()]
                path = job.foreseen
                job.slots[path] = self._pool.take()
                self.engine.fork(root, job.slots[path], len(job.head) + len(path))
                self.engine.trim(root, len(job.head))
                job.search.observe(path, scores, row)
                row += 1

    def _search(self, wave: Sequence[Job]) -> None:
        """Evaluate caret nodes, of all jobs together, until every search has enough."""
        reserved = sum(job.request.n for job in wave)
        while True:
            feeds: list[Feed] = []
            nodes: list[tuple[Job, tuple[int, ...]]] = []
            for job in wave:
                most = min(
                    self._pool.free - reserved,
                    self.engine.score_rows - len(nodes),
                    self.engine.batch_tokens - len(nodes),
                )
                for path in job.search.wanted(most) if most > 0 else ():
                    slot = job.slots[path] = self._pool.take()
                    parent = job.slots[path[:-1]]
                    self.engine.fork(parent, slot, self.engine.length(parent))
                    feeds.append(Feed(slot, [path[-1]]))
                    nodes.append((job, path))
            if not feeds:
                return
            scores = self._eval(feeds)
            for row, (job, path) in enumerate(nodes):
                job.search.observe(path, scores, row)

    def _open_branches(self, job: Job) -> None:
        """Give every branch its slot, behind the path of its cover; free the other slots."""
        for branch in job.branches:
            if branch.stop is None:
                source = job.slots[branch.cover.path]
                branch.slot = self._pool.take()
                self.engine.fork(source, branch.slot, self.engine.length(source))
        for slot in job.slots.values():
            self._pool.give_back(slot)
        job.slots.clear()

    def _step(self, running: Sequence[Job]) -> None:
        """Evaluate one token of every branch, in as many batches as it takes."""
        branches = [branch for job in running for branch in job.branches if branch.stop is None]
        for branch in branches:
            if self.engine.length(_slot(branch)) + 1 > self.engine.context_tokens:
                branch.stop = "context_full"
        branches = [branch for branch in branches if branch.stop is None]
        most = min(self.engine.score_rows, self.engine.batch_tokens)
        for at in range(0, len(branches), most):
            group = branches[at : at + most]
            scores = self._eval([Feed(_slot(branch), branch.pending) for branch in group])
            for row, branch in enumerate(group):
                branch.advance(scores, row)
        self._close_stopped(running)

    def _close_stopped(self, running: Sequence[Job]) -> None:
        for job in running:
            for branch in job.branches:
                if branch.stop is not None and branch.slot is not None:
                    self._pool.give_back(branch.slot)
                    branch.slot = None

    def _release(self, wave: Sequence[Job]) -> None:
        for job in wave:
            slots = [*job.slots.values()]
            slots += [branch.slot for branch in job.branches if branch.slot is not None]
            job.slots.clear()
            for branch in job.branches:
                branch.slot = None
            for slot in slots:
                self._pool.give_back(slot)

    def _eval(self, feeds: Sequence[Feed]) -> Scores:
        self.steps += 1
        return self.engine.eval(feeds)


def _slot(branch: Branch) -> int:
    assert branch.slot is not None
    return branch.slot


def _active(job: Job) -> bool:
    return any(branch.stop is None for branch in job.branches)


def _new_texts(jobs: Sequence[Job]) -> Iterator[NewText]:
    for job in jobs:
        for branch in job.branches:
            text = branch.new_text()
            if text:
                yield NewText(job.index, branch.alternative, text)
