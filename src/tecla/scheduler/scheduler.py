"""The scheduler: all requests of one engine, step by step, in named phases.

    admit -> cancel -> pick -> build batch -> evaluate -> advance -> answer

Knows no threads: whoever calls `step` owns the engine (`tecla.scheduler.worker` does, from one
thread). Continuous batching: every step takes what is most urgent of every request, prefill in
chunks beside decode, up to a budget that keeps a step short while somebody types. What a
request wants is looked up among known positions first and evaluated only if it is new, so a
request for a text that another request began goes on where that one was ("riding on").

A request for a typist's next key makes the one before it superfluous: it is answered as
superseded before the next batch is built. When nothing else is to do, long texts that were
answered from a short window are read ahead in chunks.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tecla.decode.prompt import Planned, Prompt
from tecla.decode.request import CaretWork, Completed, StopReason
from tecla.decode.search import Search
from tecla.engines.base import Engine, Scores
from tecla.errors import KVFullError, OptionError, TeclaError
from tecla.scheduler.batch import Batch
from tecla.scheduler.cost import StepCost
from tecla.scheduler.job import Job
from tecla.scheduler.kvmemory import KVMemory
from tecla.scheduler.overload import Load, Overload
from tecla.scheduler.position import Position
from tecla.scheduler.sessions import Caret, Carets
from tecla.scheduler.ticket import SessionKey, Ticket
from tecla.text.base import Tokenizer

_SESSION_SHARE = 8  # of the window, the part a session leaves for what is produced


@dataclass(frozen=True, slots=True)
class Terms:
    """What a scheduler holds itself to.

    deadline_ms: what load is measured against. step_ms: a step aims to be this short while
    somebody with a deadline waits. short_tokens: the window a newly opened long text is first
    answered from; 0 reads the whole text first. score_mb: memory for scores that are kept.
    most_jobs, most_waiting: requests at work at once, and waiting to be. most_sessions:
    sessions remembered.
    """

    deadline_ms: float = 150.0
    step_ms: float = 50.0
    short_tokens: int = 64
    score_mb: int = 48
    most_jobs: int = 128
    most_waiting: int = 256
    most_sessions: int = 4096


class Scheduler:
    """Many requests on one engine."""

    def __init__(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        terms: Terms | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take over all slots of `engine`."""
        self.engine, self.tokenizer = engine, tokenizer
        self.terms = terms or Terms()
        self.memory = KVMemory(engine, score_bytes=self.terms.score_mb << 20)
        self.counts: Counter[str] = Counter()
        self.cost = StepCost()
        self._clock = clock
        self._overload = Overload(self.terms.deadline_ms)
        self._waiting: list[Ticket] = []
        self._cancelled: list[Ticket] = []
        self._jobs: dict[Ticket, Job] = {}
        self._carets = Carets(self.terms.most_sessions, self._new_caret)

    @property
    def idle(self) -> bool:
        """Whether a step would do nothing, now."""
        return not (self._jobs or self._waiting or self._cancelled or self.reads_ahead)

    @property
    def reads_ahead(self) -> bool:
        """Whether some text is still to be read in idle time."""
        return bool(self._carets.reading_ahead())

    @property
    def pending(self) -> int:
        """Requests that were taken and not answered."""
        return len(self._jobs) + len(self._waiting)

    @property
    def room(self) -> int:
        """How many more requests may wait."""
        return self.terms.most_waiting - len(self._waiting)

    def submit(self, ticket: Ticket) -> None:
        """Take a request; it is answered by a later `step`, or refused at once.

        A refusal (`OverloadedError`) and whatever is wrong with the request itself is raised.
        """
        self.counts["requests"] += 1
        if self.room <= 0 or (ticket.deadline_at and self._overload.load == Load.REFUSED):
            self.counts["refused"] += 1
            raise self._overload.refusal(self.pending)
        self._check(ticket)
        self._waiting.append(ticket)

    def cancel(self, ticket: Ticket) -> None:
        """Give up a request; it is answered as cancelled by the next step."""
        self._cancelled.append(ticket)

    def close_session(self, key: SessionKey) -> None:
        """Forget a session and cancel what it asked for."""
        for ticket in [*self._waiting, *self._jobs]:
            if ticket.session == key:
                self.cancel(ticket)
        caret = self._carets.find(key)
        if caret is not None:
            self._forget(caret)

    def forget_scope(self, scope: object) -> None:
        """Give up everything held for a scope; its requests must have been answered."""
        self.memory.forget_scope(scope)

    def save_session(self, key: SessionKey) -> bytes:
        """The KV state of a session's text so far, for `restore_session`.

        Raises `OptionError` if nothing of it is held.
        """
        caret = self._carets.find(key)
        head = caret.newest if caret is not None else None
        if head is None or head.held().parent is None:
            raise OptionError("nothing of this session is in memory; ask for a suggestion first")
        _, state = self.memory.save(head)
        return state

    def restore_session(self, key: SessionKey, tokens: Sequence[int], state: bytes) -> bool:
        """Make a saved state known to a session's scope; whether there was room for it."""
        position = self.memory.pin(self.memory.root(key.scope).walk(tokens))
        try:
            return position.slots != 0 or self.memory.adopt(position, state)
        finally:
            self.memory.unpin(position)

    def step(self) -> None:
        """Run every phase once."""
        self._cancel()
        self._admit()
        picked = self._pick()
        batch = self._build_batch(picked)
        scores = self._evaluate(batch) if batch else None
        if scores is not None:
            self._advance(batch, scores)
        elif picked:
            self._give_up(picked)
        self._answer()

    def fail_all(self, error: TeclaError) -> None:
        """Answer every request with an error; the engine is not touched any more."""
        for ticket in [*self._waiting, *self._jobs]:
            self.counts["failed"] += 1
            ticket.fail(error)
        self._waiting.clear()
        self._jobs.clear()

    def counters(self) -> dict[str, int]:
        """Everything that is counted, and the sizes of what is held."""
        return {
            **self.counts,
            "evaluated_tokens": self.engine.evaluated_tokens,
            "evicted_slots": self.memory.evicted_slots,
            "kept_rows": self.memory.kept_rows,
            "kv_cells": self.memory.cells,
            "load": int(self._overload.load),
            "pending": self.pending,
            "sessions": len(self._carets),
            "used_slots": self.memory.used_slots,
        }

    # Phases

    def _cancel(self) -> None:
        """Answer requests that were given up, and those a newer revision supersedes."""
        for ticket in self._cancelled:
            self._end(ticket, "cancelled")
        self._cancelled.clear()
        newest: dict[SessionKey, int] = {}
        for ticket in (*self._waiting, *self._jobs):
            if ticket.session is not None:
                caret = self._carets.find(ticket.session)
                known = newest.get(ticket.session, caret.revision if caret else -1)
                newest[ticket.session] = max(known, ticket.revision)
        for ticket in [*self._waiting, *self._jobs]:
            if ticket.session is not None and ticket.revision < newest[ticket.session]:
                self._end(ticket, "superseded")

    def _admit(self) -> None:
        """Begin with waiting requests, those with a deadline first, while there is room."""
        self._waiting.sort(key=lambda ticket: ticket.deadline_at is None)
        while self._waiting and len(self._jobs) < self.terms.most_jobs:
            ticket = self._waiting.pop(0)
            try:
                self._begin(ticket)
            except TeclaError as error:
                self.counts["failed"] += 1
                ticket.fail(error)

    def _pick(self) -> list[Job]:
        """Jobs by urgency; what is due is ended with what it has."""
        now = self._clock()
        for job in self._jobs.values():
            deadline = job.ticket.deadline_at
            if deadline is not None and not job.search.done:
                spare_s = self.cost.ms(1) / 1000 if job.search.has_answer else 0.0
                if now + spare_s >= deadline:
                    self.counts["partial"] += 1
                    job.halt("deadline")
        active = [job for job in self._jobs.values() if not job.search.done]
        if self._overload.measure(active, self.cost):
            for job in active:
                if job.ticket.deadline_at is not None and job.search.has_answer:
                    self._overload.relieve(job)
                    self.counts["shortened"] += job.search.done
        return sorted((job for job in active if not job.search.done), key=lambda job: job.urgency)

    def _build_batch(self, picked: Sequence[Job]) -> Batch:
        """The most urgent wishes of all jobs, or text read ahead when there are none."""
        batch = Batch(self.memory, self._budget(picked))
        for job in picked:
            tokens = prefilled = 0
            for position in job.wishes():
                ahead = position if position.depth <= job.head.depth else job.head
                lacking = ahead.depth - ahead.held().depth
                added = batch.add(position)
                tokens, prefilled = tokens + added, prefilled + min(added, lacking)
            if tokens:
                job.count(tokens, prefilled)
                self.counts["prefill_tokens"] += prefilled
                self.counts["search_tokens"] += tokens - prefilled
        if not picked:
            self._read_ahead(batch)
        return batch

    def _evaluate(self, batch: Batch) -> Scores | None:
        """One call of the engine; `None` if it found no room where by our count there was some."""
        started = self._clock()
        try:
            scores = self.engine.eval(batch.feeds())
        except KVFullError:
            self.memory.make_room(self.engine.kv_tokens - self.memory.cells + len(batch), ())
            return None
        self.cost.observe(len(batch), (self._clock() - started) * 1000)
        self.counts["steps"] += 1
        return scores

    def _advance(self, batch: Batch, scores: Scores) -> None:
        """Hand every row to those who wait for it."""
        for row, position in batch.evaluated():
            takers = [job for job in self._jobs.values() if job.wants(position)]
            if any(job.keeps_scores for job in takers):
                kept = scores.detach([row])
                self.memory.keep(position, kept)
                for job in takers:
                    job.take(position, kept, 0)
            else:
                for job in takers:
                    job.take(position, scores, row)
        for job in self._jobs.values():
            job.wishes()

    def _answer(self) -> None:
        """Answer what is done, and pass on text that became certain."""
        for ticket, job in list(self._jobs.items()):
            if ticket.stream is not None:
                for _, text in job.search.new_texts():
                    ticket.stream.put(text)
            if job.search.done:
                self._finish(ticket, job)

    # What the phases are made of

    def _check(self, ticket: Ticket) -> None:
        """Raise `OptionError` for a request that can never fit."""
        request, engine = ticket.request, self.engine
        most = engine.n_slots - 1
        if request.branches > most:
            raise OptionError(
                f"{request.branches!r} alternatives at once; at most {most} fit in the slots"
            )
        reserve = min(request.stopping.max_tokens, engine.context_tokens // 2)
        needed = request.branches * reserve + engine.context_tokens // 4
        if needed > engine.kv_tokens:
            raise OptionError(
                f"{request.branches!r} alternatives of max_tokens={request.stopping.max_tokens!r} "
                f"need {needed} tokens of KV memory; there are {engine.kv_tokens}: lower one of "
                "them"
            )

    def _begin(self, ticket: Ticket) -> None:
        """Plan a request and make it a job."""
        caret = None if ticket.session is None else self._carets.get(ticket.session)
        if caret is None:
            self._jobs[ticket] = self._job(ticket, self._plan_alone(ticket))
            return
        for old in self._carets.superfluous():
            self._forget(old)
        caret.revision = ticket.revision
        job = self._job(ticket, caret.long.plan(ticket.request.context))
        self._aim(caret, job.head)
        if self._is_far(job):
            brief = self._job(ticket, caret.short.plan(ticket.request.context))
            if _lacking(brief.head) < _lacking(job.head):
                job, brief = brief, job
                self.counts["short_windows"] += 1
            brief.release()
        caret.job = self._jobs[ticket] = job

    def _job(self, ticket: Ticket, planned: Planned) -> Job:
        search = Search(
            ticket.request,
            planned,
            self.tokenizer,
            seed=ticket.seed,
            context_tokens=self.engine.context_tokens,
        )
        job = Job(ticket, search, self.memory)
        job.wishes()  # what is known already costs nothing
        return job

    def _plan_alone(self, ticket: Ticket) -> Planned:
        """The plan of a request without a session: as much text as its output leaves room for."""
        engine, request = self.engine, ticket.request
        reserve = min(request.stopping.max_tokens, engine.context_tokens // 2)
        room = min(engine.context_tokens - reserve, engine.kv_tokens - request.branches * reserve)
        return Prompt(self.tokenizer, room).plan(request.context)

    def _new_caret(self, key: SessionKey) -> Caret:
        engine, terms = self.engine, self.terms
        room = min(engine.context_tokens, engine.kv_tokens) * (_SESSION_SHARE - 1) // _SESSION_SHARE
        return Caret(
            key,
            Prompt(self.tokenizer, room),
            Prompt(self.tokenizer, min(room, terms.short_tokens or room)),
        )

    def _is_far(self, job: Job) -> bool:
        """Whether the text of a job is too long to be read before its first answer."""
        short = self.terms.short_tokens
        return short > 0 and job.ticket.deadline_at is not None and _lacking(job.head) > short

    def _aim(self, caret: Caret, head: Position) -> None:
        """Make `head` what is read ahead for a session, and what would be saved of it."""
        for position in (caret.ahead, caret.newest):
            if position is not None:
                self.memory.unpin(position)
        caret.ahead, caret.newest = self.memory.pin(head), self.memory.pin(head)

    def _read_ahead(self, batch: Batch) -> None:
        """Fill the batch with the beginnings of texts that nobody waits for yet."""
        for caret in self._carets.reading_ahead():
            ahead = caret.ahead
            assert ahead is not None
            if ahead.slots:
                self.memory.unpin(ahead)
                caret.ahead = None
            elif ahead.depth > self.engine.kv_tokens - self.memory.cells + _lacking(ahead):
                self.memory.unpin(ahead)  # it would push out what is in use
                caret.ahead = None
            else:
                self.counts["read_ahead_tokens"] += batch.add(ahead)

    def _budget(self, picked: Sequence[Job]) -> int:
        """Most tokens of the next batch: few while somebody types, else all that fit."""
        hurried = any(job.ticket.deadline_at is not None for job in picked)
        if hurried or not picked:
            return self.cost.tokens_within(self.terms.step_ms)
        return self.engine.batch_tokens

    def _give_up(self, picked: Sequence[Job]) -> None:
        """Nothing could be evaluated: the least urgent job ends, so that the others find room."""
        self.counts["kv_full"] += 1
        picked[-1].halt("context_full")

    def _end(self, ticket: Ticket, reason: StopReason) -> None:
        """Answer a request at once, at work or not."""
        if ticket in self._jobs:
            self._jobs[ticket].halt(reason)
            self._finish(ticket, self._jobs[ticket])
        elif ticket in self._waiting:
            self._waiting.remove(ticket)
            ticket.resolve(Completed((), reason, 0, CaretWork(1.0, 0.0, 0), partial=True))
        else:
            return
        self.counts[reason] += 1

    def _finish(self, ticket: Ticket, job: Job) -> None:
        """Answer a job and let go of what it held on to."""
        del self._jobs[ticket]
        caret = None if ticket.session is None else self._carets.find(ticket.session)
        if caret is not None and caret.job is job:
            caret.job = None
        completed = job.result()
        job.release()
        self.counts["answered"] += 1
        ticket.resolve(completed)

    def _forget(self, caret: Caret) -> None:
        for position in (caret.ahead, caret.newest):
            if position is not None:
                self.memory.unpin(position)
        self._carets.pop(caret.key)
        self.memory.drop_if_empty(caret.key.scope)


def _lacking(position: Position) -> int:
    """Tokens between a position and the last one before it that is held."""
    return position.depth - position.held().depth
