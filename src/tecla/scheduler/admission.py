"""Admission: from a ticket to a job, and what is remembered of every session between two keys.

A session's text is planned in its window (`tecla.decode.prompt`). A text of which much is not
held yet is answered from a short window and becomes something to be read ahead, in idle time;
so does the text of a request whose deadline passed before it was read.
"""

from __future__ import annotations

from collections import Counter

from tecla.decode.generation import Generation, Generator
from tecla.decode.prompt import Planned, Prompt, header_room
from tecla.decode.request import Request
from tecla.decode.search import Search
from tecla.engines.base import Engine
from tecla.errors import AdjusterError, OptionError
from tecla.scheduler.batch import Batch
from tecla.scheduler.job import Job
from tecla.scheduler.kvmemory import KVMemory
from tecla.scheduler.overload import Load
from tecla.scheduler.position import Position
from tecla.scheduler.sessions import Caret, Carets
from tecla.scheduler.terms import Terms
from tecla.scheduler.ticket import SessionKey, Ticket
from tecla.text.base import Tokenizer
from tecla.text.caret import Path
from tecla.text.context import Context

_GROWTH = 3  # a short window grows to so many times the size it begins with
_SESSION_SHARE = 8  # of the window, the part a session leaves for what is produced


class Admission:
    """Makes jobs of tickets, with what is known of their sessions."""

    def __init__(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        memory: KVMemory,
        terms: Terms,
        counts: Counter[str],
    ) -> None:
        """No session is known yet; `counts` is shared with the scheduler."""
        self._engine, self._tokenizer, self._memory = engine, tokenizer, memory
        self._terms, self._counts = terms, counts
        self._carets = Carets(terms.most_sessions, self._new_caret)
        common = tokenizer.encode(terms.common.encode())  # a short window is to have all of it
        self._common_room = header_room(len(common)) if common else 0

    @property
    def sessions(self) -> int:
        """Number of sessions remembered."""
        return len(self._carets)

    @property
    def reads_ahead(self) -> bool:
        """Whether some text is still to be read in idle time."""
        return bool(self._carets.reading_ahead())

    def revision(self, key: SessionKey) -> int:
        """The newest revision of a session that was begun; -1 if there is none."""
        caret = self._carets.find(key)
        return -1 if caret is None else caret.revision

    def newest(self, key: SessionKey) -> Position | None:
        """The head of the newest text of a session."""
        caret = self._carets.find(key)
        return None if caret is None else caret.newest

    def check(self, ticket: Ticket) -> None:
        """Raise `OptionError` for a request that can never fit."""
        request, engine = ticket.request, self._engine
        most = engine.n_slots - 1
        if request.branches > most:
            raise OptionError(
                f"{request.branches!r} alternatives at once; at most {most} fit in the slots"
            )
        reserve = min(_most_tokens(request), engine.context_tokens // 2)
        needed = request.branches * reserve + engine.context_tokens // 4
        if needed > engine.kv_tokens:
            raise OptionError(
                f"{request.branches!r} alternatives of max_tokens={_most_tokens(request)!r} "
                f"need {needed} tokens of KV memory; there are {engine.kv_tokens}: lower one of "
                "them"
            )

    def begin(self, ticket: Ticket, load: Load) -> Job:
        """Plan a request and make it a job; what is known of it already is taken."""
        scope, request = ticket.scope, ticket.request
        if isinstance(request, Generation):
            work = Generator(
                request,
                self._tokenizer,
                seed=ticket.seed,
                context_tokens=self._engine.context_tokens,
            )
            return self._job(ticket, work, self._memory.at(scope, work.head))
        if ticket.session is None:
            planned = self._plan_alone(request)
            return self._search(ticket, request, planned, self._memory.at(scope, planned.head))
        caret = self._carets.get(ticket.session)
        for old in self._carets.superfluous():
            self.forget(old.key)
        caret.revision = ticket.revision
        planned = caret.long.plan(request.context)
        head = self._memory.at(scope, planned.head)
        self._aim(caret, head)
        if self._is_far(ticket, head.lacking):
            keep = self._terms.short_tokens >> load  # the busier, the shorter
            brief = caret.short.plan(request.context, keep)
            brief_head = self._memory.at(scope, brief.head)
            if brief_head.lacking < head.lacking:
                planned, head = brief, brief_head
                self._counts["short_windows"] += 1
            else:
                brief_head.forget()
        caret.job = self._search(ticket, request, planned, head)
        return caret.job

    def ended(self, job: Job) -> None:
        """Note that a job is answered."""
        caret = None if job.ticket.session is None else self._carets.find(job.ticket.session)
        if caret is not None and caret.job is job:
            caret.job = None

    def read_ahead(self, batch: Batch) -> None:
        """Fill the batch with the beginnings of texts that nobody waits for yet."""
        for caret in self._carets.reading_ahead():
            ahead = caret.ahead
            assert ahead is not None
            added = 0 if ahead.slots else batch.add(ahead)
            self._counts["read_ahead_tokens"] += added
            slot = batch.slot_of(ahead)
            if slot is not None:
                self._memory.own(slot, caret.key)
            if not added and not batch:  # it is held, or there is no room for it
                self._memory.unpin(ahead)
                caret.ahead = None

    def read_no_further(self, key: SessionKey, revision: int) -> None:
        """Read nothing ahead for a session, unless a later revision was begun."""
        caret = self._carets.find(key)
        if caret is not None and caret.ahead is not None and caret.revision <= revision:
            ahead, caret.ahead = caret.ahead, None
            self._memory.unpin(ahead)

    def forget(self, key: SessionKey) -> None:
        """Forget a session and what is held for it alone."""
        caret = self._carets.pop(key)
        if caret is None:
            return
        for position in (caret.ahead, caret.newest):
            if position is not None:
                self._memory.unpin(position)
        self._memory.forget_owner(key)
        self._memory.drop_if_empty(key.scope)

    def _search(self, ticket: Ticket, request: Request, planned: Planned, head: Position) -> Job:
        search = Search(
            request,
            planned,
            self._tokenizer,
            seed=ticket.seed,
            context_tokens=self._engine.context_tokens,
        )
        return self._job(ticket, search, head)

    def _job(self, ticket: Ticket, search: Search | Generator, head: Position) -> Job:
        job = Job(ticket, search, self._memory, head)
        try:
            job.wishes()  # what is known already costs nothing
        except AdjusterError:
            job.release(shared=set())
            raise
        return job

    def _plan_alone(self, request: Request) -> Planned:
        """The plan of a request without a session: as much text as its output leaves room for."""
        engine = self._engine
        reserve = min(request.stopping.max_tokens, engine.context_tokens // 2)
        room = min(engine.context_tokens - reserve, engine.kv_tokens - request.branches * reserve)
        return Prompt(self._tokenizer, room).plan(request.context)

    def _new_caret(self, key: SessionKey) -> Caret:
        engine, terms = self._engine, self._terms
        room = _session_room(engine)
        short = max(_GROWTH * terms.short_tokens, self._common_room) if terms.short_tokens else room
        return Caret(key, Prompt(self._tokenizer, room), Prompt(self._tokenizer, min(room, short)))

    def _is_far(self, ticket: Ticket, lacking: int) -> bool:
        """Whether too much of a text is not held for it to be read before its first answer."""
        near = self._terms.short_tokens // 2
        return near > 0 and ticket.deadline_at is not None and lacking > near

    def _aim(self, caret: Caret, head: Position) -> None:
        """Make `head` what is read ahead for a session, and what would be saved of it."""
        old = caret.ahead, caret.newest
        caret.ahead, caret.newest = self._memory.pin(head), self._memory.pin(head)
        for position in old:  # only now: the new head may stand on the old one's way
            if position is not None:
                self._memory.unpin(position)


def common_head(engine: Engine, tokenizer: Tokenizer, common: str) -> Path:
    """The tokens that all texts below a header begin with."""
    if not common:
        return ()
    return Prompt(tokenizer, _session_room(engine)).plan(Context("", "", common)).head


def _session_room(engine: Engine) -> int:
    """Most tokens a session reads."""
    room = min(engine.context_tokens, engine.kv_tokens)
    return room * (_SESSION_SHARE - 1) // _SESSION_SHARE


def _most_tokens(request: Request | Generation) -> int:
    return request.max_tokens if isinstance(request, Generation) else request.stopping.max_tokens
