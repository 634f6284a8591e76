"""The desk: options become a ticket, a ticket is handed in, and its answer is waited for."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Hashable

from tecla.decode.generation import Generation
from tecla.decode.request import Completed, Request
from tecla.engines.sampling import GREEDY
from tecla.errors import OptionError, OverloadedError
from tecla.scheduler.ticket import SessionKey, Sink, Ticket
from tecla.scheduler.worker import Worker
from tecla.suggest.base import Generating
from tecla.suggest.options import SuggestOptions, build_request, deadline_of

_DEFAULT_TOKENS = 12
_AT_THE_DOOR_S = 0.02


class Desk:
    """Between callers of any kind and the thread that owns the engine."""

    def __init__(self, worker: Worker) -> None:
        """In front of one worker."""
        self.worker = worker

    def ask(self, ticket: Ticket) -> Completed:
        """The answer, for threads; without a deadline it waits at the door as well."""
        self.worker.submit(ticket, wait=ticket.deadline_at is None)
        try:
            return ticket.answer.result()
        except BaseException:  # such as Ctrl-C: nobody waits for the answer any more
            self.worker.cancel(ticket)
            raise

    async def aask(self, ticket: Ticket) -> Completed:
        """The answer, for asyncio; cancelling the task gives the request up."""
        await self._submit(ticket)
        try:
            return await asyncio.wrap_future(ticket.answer)
        except asyncio.CancelledError:
            self.worker.cancel(ticket)
            raise

    def generate(self, request: Generation, sink: Sink | None, scope: Hashable = "") -> Generating:
        """Begin without waiting; raises `OverloadedError` or `EngineFailedError`."""
        ticket = whole_ticket(request, sink, scope)
        self.worker.submit(ticket)
        return Generating(ticket.answer, lambda: self.worker.cancel(ticket))

    async def _submit(self, ticket: Ticket) -> None:
        while True:
            try:
                self.worker.submit(ticket)
                return
            except OverloadedError:
                if ticket.deadline_at is not None:
                    raise
            await asyncio.sleep(_AT_THE_DOOR_S)


def make_ticket(
    before: str,
    after: str,
    deadline_ms: float | None,
    options: SuggestOptions,
    session: SessionKey | None = None,
    revision: int = 0,
) -> Ticket:
    """A checked request with its terms."""
    most = options.get("max_tokens", _DEFAULT_TOKENS)
    request = build_request(before, after, GREEDY, most, options)
    deadline = deadline_of(deadline_ms)
    deadline_at = None if deadline is None else time.monotonic() + deadline / 1000
    return Ticket(request, session, revision, deadline_at, seed=seed_of(request))


def whole_ticket(
    request: Request | Generation, stream: Sink | None = None, scope: Hashable = ""
) -> Ticket:
    """A request without session and deadline; raises `OptionError` for what is no request."""
    if not isinstance(request, Request | Generation):
        raise OptionError(f"{type(request).__name__} is no Request; make one, or use suggest()")
    return Ticket(request, scope=scope, seed=seed_of(request), stream=stream)


def seed_of(request: Request | Generation) -> int:
    """The seed of a request, or a fresh one."""
    seed = request.sampling.seed
    return secrets.randbits(63) if seed is None else seed
