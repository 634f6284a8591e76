"""`Suggester`: text in, suggestions out, for many typists on one model.

The facade over the scheduler, for threads and for asyncio alike. `tecla complete` and the three
classes stand on it.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Hashable, Iterator, Sequence
from types import TracebackType
from typing import Self

from typing_extensions import Unpack

from tecla.decode.request import Completed, Request
from tecla.engines.factory import LoadedModel, open_model
from tecla.engines.sampling import GREEDY
from tecla.errors import OverloadedError
from tecla.models.info import ModelInfo
from tecla.scheduler.scheduler import Scheduler
from tecla.scheduler.terms import Terms
from tecla.scheduler.ticket import SessionKey, TextStream, Ticket
from tecla.scheduler.worker import Worker
from tecla.settings import Settings, load
from tecla.suggest.options import EngineOptions, SuggestOptions, build_request, deadline_of
from tecla.suggest.session import Session
from tecla.text.base import Tokenizer

DEFAULT_DEADLINE_MS = 150.0
_DEFAULT_TOKENS = 12
_AT_THE_DOOR_S = 0.02
_numbers = itertools.count(1)


class Suggester:
    """Suggestions from one model, in milliseconds, for any number of threads and tasks."""

    def __init__(self, loaded: LoadedModel, settings: Settings | None = None) -> None:
        """Take over a loaded model; `settings` say how to load it anew after a failure."""
        self.info: ModelInfo = loaded.info
        self.tokenizer: Tokenizer = loaded.tokenizer
        self.context_tokens = loaded.engine.context_tokens
        reopen = None if settings is None else (lambda: open_model(settings))
        terms = Terms() if settings is None else Terms(score_mb=settings.engine.score_mb)
        self._worker = Worker(
            loaded,
            lambda model: Scheduler(model.engine, model.tokenizer, terms),
            reopen,
        )

    @classmethod
    def open(cls, model: str | None = None, **options: Unpack[EngineOptions]) -> Self:
        """Load a model.

        `model` is an alias, a path or a Hugging Face name (`None`: the setting, else the
        embedded default). Options not given take the settings' values. Raises `ModelError` if
        the model cannot be loaded, `ConfigError` for a value out of range.
        """
        settings = load({"model": None if model is None else str(model), **options}).settings
        return cls(open_model(settings), settings)

    @property
    def healthy(self) -> bool:
        """Whether requests are being served; false from a failure until the engine is back."""
        return self._worker.healthy

    def suggest(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = DEFAULT_DEADLINE_MS,
        **options: Unpack[SuggestOptions],
    ) -> Completed:
        """Suggestions for the caret between `before` and `after`.

        Deterministic search unless `temperature` says otherwise. After `deadline_ms` (`None`:
        never) the best valid answer so far comes back and says that it is `partial`. Blocks
        until then. Raises `InputError` for what cannot be asked, `OverloadedError` when too
        many requests wait, `EngineFailedError` when the engine broke down.
        """
        return self.hand_in(self.ticket(before, after, deadline_ms, options)).answer.result()

    async def asuggest(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = DEFAULT_DEADLINE_MS,
        **options: Unpack[SuggestOptions],
    ) -> Completed:
        """`suggest` for asyncio; cancelling the task cancels the request."""
        return await self.wait_for(self.ticket(before, after, deadline_ms, options))

    def session(self, *, scope: Hashable = "") -> Session:
        """A caret that is typed at: each request supersedes the one before it.

        Sessions of one `scope` share what is in KV memory; nothing passes between scopes.
        """
        return Session(self, SessionKey(next(_numbers), scope))

    def complete(self, requests: Sequence[Request]) -> list[Completed]:
        """Whole answers to requests of any kind, in order, sharing every step.

        Blocks; waits at the door while too many are ahead. The first error is raised after the
        others were given up.
        """
        tickets: list[Ticket] = []
        try:
            for request in requests:
                ticket = Ticket(request, seed=_seed(request))
                self._worker.submit(ticket, wait=True)
                tickets.append(ticket)
            return [ticket.answer.result() for ticket in tickets]
        except BaseException:
            for ticket in tickets:
                self._worker.cancel(ticket)
            raise

    def stream(self, request: Request) -> Iterator[str]:
        """The text of the first alternative of `request` as it becomes certain.

        Closing the iterator gives the request up.
        """
        ticket = Ticket(request, seed=_seed(request), stream=TextStream())
        self._worker.submit(ticket, wait=True)
        return self._pieces(ticket)

    def counters(self) -> dict[str, int]:
        """What was counted since the model was opened, and what is held now."""
        counted = self._worker.call(lambda scheduler: scheduler.counters())
        return {**counted, "restarts": self._worker.restarts}

    def close(self) -> None:
        """Fail what is pending and free the model; safe to call twice."""
        self._worker.close()

    def __enter__(self) -> Self:
        """The object itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the model."""
        self.close()

    async def __aenter__(self) -> Self:
        """The object itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the model without blocking the loop."""
        await asyncio.to_thread(self.close)

    # What sessions are made of

    @property
    def worker(self) -> Worker:
        """The thread that owns the engine."""
        return self._worker

    def ticket(
        self,
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
        return Ticket(
            request,
            session,
            revision,
            None if deadline is None else time.monotonic() + deadline / 1000,
            seed=_seed(request),
        )

    def hand_in(self, ticket: Ticket) -> Ticket:
        """Submit a ticket; without a deadline it waits at the door."""
        self._worker.submit(ticket, wait=ticket.deadline_at is None)
        return ticket

    async def wait_for(self, ticket: Ticket) -> Completed:
        """The answer to a ticket, for asyncio."""
        while True:
            try:
                self._worker.submit(ticket)
                break
            except OverloadedError:
                if ticket.deadline_at is not None:
                    raise
                await asyncio.sleep(_AT_THE_DOOR_S)
        try:
            return await asyncio.wrap_future(ticket.answer)
        except asyncio.CancelledError:
            self._worker.cancel(ticket)
            raise

    def _pieces(self, ticket: Ticket) -> Iterator[str]:
        assert ticket.stream is not None
        try:
            yield from ticket.stream
            ticket.answer.result()
        finally:
            self._worker.cancel(ticket)


def _seed(request: Request) -> int:
    seed = request.sampling.seed
    return secrets.randbits(63) if seed is None else seed
