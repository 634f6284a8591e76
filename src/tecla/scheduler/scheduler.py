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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tecla.decode.request import CaretWork, Completed, StopReason
from tecla.engines.base import Engine, Scores
from tecla.errors import AdjusterError, KVFullError, OptionError, TeclaError
from tecla.scheduler.admission import Admission, common_head
from tecla.scheduler.batch import Batch
from tecla.scheduler.cost import StepCost
from tecla.scheduler.job import Job
from tecla.scheduler.kvmemory import KVMemory
from tecla.scheduler.overload import Overload
from tecla.scheduler.position import Position
from tecla.scheduler.terms import Terms
from tecla.scheduler.threads import ThreadTuner
from tecla.scheduler.ticket import SessionKey, Ticket
from tecla.text.base import Tokenizer


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
        self.memory.share(common_head(engine, tokenizer, self.terms.common))
        self.counts: Counter[str] = Counter()
        self.cost = StepCost()
        self._clock = clock
        self._tuner = ThreadTuner(engine)
        self._overload = Overload(self.terms.deadline_ms)
        self._waiting: list[Ticket] = []
        self._cancelled: list[Ticket] = []
        self._jobs: dict[Ticket, Job] = {}
        self._admission = Admission(engine, tokenizer, self.memory, self.terms, self.counts)

    @property
    def idle(self) -> bool:
        """Whether a step would do nothing, now."""
        busy = self._jobs or self._waiting or self._cancelled
        return not (busy or self._admission.reads_ahead)

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

        Raises `OverloadedError` when too many wait, and what is wrong with the request itself.
        Under the heaviest load a request that would have to be computed fails with the same
        error when it is admitted; one whose answer is known is answered.
        """
        self.counts["requests"] += 1
        if self.room <= 0:
            self.counts["refused"] += 1
            raise self._overload.refusal(self.pending)
        self._admission.check(ticket)
        self._waiting.append(ticket)

    def cancel(self, ticket: Ticket) -> None:
        """Give up a request; it is answered as cancelled by the next step."""
        self._cancelled.append(ticket)

    def give_up(self, key: SessionKey, revision: int) -> None:
        """Answer a session's requests up to a revision as cancelled, and read nothing ahead.

        What it holds stays, for the day it is typed at again.
        """
        for ticket in [*self._waiting, *self._jobs]:
            if ticket.session == key and ticket.revision <= revision:
                self._cancelled.append(ticket)
        self._admission.read_no_further(key, revision)

    def close_session(self, key: SessionKey) -> None:
        """Answer what a session asked for as cancelled, and give up all that it held alone."""
        for ticket in [*self._waiting, *self._jobs]:
            if ticket.session == key:
                self._end(ticket, "cancelled")
        self._admission.forget(key)

    def forget_scope(self, scope: object) -> None:
        """Give up everything held for a scope; its requests must have been answered."""
        self.memory.forget_scope(scope)

    def save_session(self, key: SessionKey) -> bytes:
        """The KV state of a session's text so far, for `restore_session`.

        Raises `OptionError` if nothing of it is held.
        """
        head = self._admission.newest(key)
        if head is None or head.held().parent is None:
            raise OptionError("nothing of this session is in memory; ask for a suggestion first")
        return self.memory.save(head)

    def restore_session(self, key: SessionKey, tokens: Sequence[int], state: bytes) -> bool:
        """Make a saved state known to a session's scope; whether there was room for it."""
        position = self.memory.pin(self.memory.at(key.scope, tokens))
        try:
            return position.slots != 0 or self.memory.adopt(position, state)
        finally:
            self.memory.unpin(position)

    def step(self) -> None:
        """Run every phase once."""
        self._cancel()
        self._admit()
        picked = self._pick()
        self._answer()  # what was known already does not wait for the model
        batch = self._build_batch(picked)
        scores = self._evaluate(batch) if batch else None
        if scores is not None:
            self._advance(batch, scores)
        elif picked:
            self._give_up(picked)
        for job in picked:
            self.counts["drafted_in_vain"] += job.drop_drafts()
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
            "sessions": self._admission.sessions,
            "threads": self._tuner.threads,
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
                known = newest.get(ticket.session, self._admission.revision(ticket.session))
                newest[ticket.session] = max(known, ticket.revision)
        for ticket in [*self._waiting, *self._jobs]:
            if ticket.session is not None and ticket.revision < newest[ticket.session]:
                self._end(ticket, "superseded")

    def _admit(self) -> None:
        """Begin with waiting requests, those with a deadline first, while there is room."""
        self._waiting.sort(key=lambda ticket: ticket.deadline_at is None)
        while self._waiting and len(self._jobs) < self.terms.most_jobs:
            ticket = self._waiting[0]  # it waits until it is a job: whatever happens, it is known
            try:
                job = self._admission.begin(ticket, self._overload.load)
            except TeclaError as error:
                self._waiting.pop(0)
                self.counts["failed"] += 1
                ticket.fail(error)
                continue
            self._jobs[self._waiting.pop(0)] = job
            if self._overload.refuses(job):
                self.counts["refused"] += 1
                self._drop(ticket, job)
                ticket.fail(self._overload.refusal(self.pending))

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
                if job.ticket.deadline_at is not None:
                    self._overload.relieve(job)
                    self.counts["shortened"] += job.search.done
        return sorted((job for job in active if not job.search.done), key=lambda job: job.urgency)

    def _build_batch(self, picked: Sequence[Job]) -> Batch:
        """The most urgent wishes of all jobs, or text read ahead when there are none."""
        batch = Batch(self.memory, self._budget(picked))
        drafts: list[tuple[Job, list[tuple[Position, float]]]] = []
        drafts_pay = not self._overload.load and self.cost.saves(1.0, len(picked) or 1)
        for job in picked:
            tokens = prefilled = 0
            with self._failing_alone(job):
                wishes = job.wishes()
                if drafts_pay:
                    drafts.append((job, job.drafts()))
            if job.ticket not in self._jobs:
                continue
            if self._overload.load and job.search.is_ordered:
                del wishes[1:]  # what is foreseen waits until it is asked for
            for position in wishes:
                lacking = job.head.lacking
                added = batch.add(position)
                slot = batch.slot_of(position)
                if slot is not None:
                    job.slots.add(slot)
                    self.memory.own(slot, job.ticket.session)
                tokens, prefilled = tokens + added, prefilled + min(added, lacking)
            if tokens:
                job.count(tokens)
                self.counts["prefill_tokens"] += prefilled
                self.counts["search_tokens"] += tokens - prefilled
        if batch:
            for job, foreseen in drafts:
                self._add_drafts(batch, job, foreseen, len(picked))
        elif not picked:
            self._admission.read_ahead(batch)
        return batch

    def _add_drafts(
        self, batch: Batch, job: Job, foreseen: Sequence[tuple[Position, float]], sharing: int
    ) -> None:
        """Drafts of a request, where each probably saves more than it costs."""
        deadline, added = job.ticket.deadline_at, 0
        for position, probability in foreseen:
            ends_at = self._clock() + self.cost.ms(len(batch) + 1) / 1000
            is_late = deadline is not None and ends_at >= deadline
            if not is_late and self.cost.saves(probability, sharing):
                added += batch.add(position)
        if added:
            job.count_drafts(added)
            self.counts["drafted_tokens"] += added

    def _evaluate(self, batch: Batch) -> Scores | None:
        """One call of the engine; `None` if it found no room where by our count there was some."""
        started = self._clock()
        try:
            scores = self.engine.eval(batch.feeds())
        except KVFullError:
            self.memory.make_room(self.engine.kv_tokens - self.memory.cells + len(batch), ())
            return None
        took_ms = (self._clock() - started) * 1000
        self._tuner.observe(took_ms, self.cost.ms(len(batch)))
        self.cost.observe(len(batch), took_ms)
        self.counts["steps"] += 1
        return scores

    def _advance(self, batch: Batch, scores: Scores) -> None:
        """Hand every row to those who wait for it."""
        for row, position in batch.evaluated():
            takers = [job for job in self._jobs.values() if job.wants(position)]
            handle, at = scores, row
            if any(job.keeps_scores or job.search.is_ordered for job in takers):
                handle, at = scores.detach([row]), 0
            if any(job.keeps_scores for job in takers):
                self.memory.keep(position, handle)
            for job in takers:
                with self._failing_alone(job):
                    job.take(position, handle, at)
        for job in list(self._jobs.values()):
            with self._failing_alone(job):
                job.wishes()

    def _answer(self) -> None:
        """Answer what is done, and pass on text that became certain."""
        for ticket, job in list(self._jobs.items()):
            if ticket.stream is not None:
                text = job.search.new_text()
                tokens = job.search.new_tokens()
                if text or tokens:
                    ticket.stream.put(text, tokens)
            if job.search.done:
                self._finish(ticket, job)

    # What the phases are made of

    def _budget(self, picked: Sequence[Job]) -> int:
        """Most tokens of the next batch: few while many type, else all that fit."""
        hurried = sum(job.ticket.deadline_at is not None for job in picked)
        if picked and not hurried:
            return self.engine.batch_tokens
        terms = self.terms
        return self.cost.tokens_within(max(terms.step_ms, terms.lone_step_ms / (hurried or 2)))

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

    @contextmanager
    def _failing_alone(self, job: Job) -> Iterator[None]:
        """An adjuster came with one request; if it fails, so does that request and no other."""
        try:
            yield
        except AdjusterError as error:
            self._drop(job.ticket, job)
            self.counts["failed"] += 1
            job.ticket.fail(error)

    def _drop(self, ticket: Ticket, job: Job) -> None:
        """Let go of a job and of what it held on to."""
        del self._jobs[ticket]
        self._admission.ended(job)
        job.release(shared={slot for other in self._jobs.values() for slot in other.slots})
        self.memory.drop_if_empty(ticket.scope)

    def _finish(self, ticket: Ticket, job: Job) -> None:
        """Answer a job and let go of it."""
        completed = job.result()
        self._drop(ticket, job)
        self.counts["answered"] += 1
        ticket.resolve(completed)
