"""`Suggester`: text in, suggestions out, for many typists on one model.

The facade over the scheduler, for threads and for asyncio alike. `tecla complete` and the three
classes stand on it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Self, TypeVar

from typing_extensions import Unpack

from tecla.closing import Closing
from tecla.decode.generation import Generation
from tecla.decode.request import Completed, Request
from tecla.engines.factory import LoadedModel, TensorMaker, open_model
from tecla.errors import OptionError
from tecla.models.info import ModelInfo
from tecla.scheduler.scheduler import Scheduler
from tecla.scheduler.terms import DEADLINE_MS, Terms
from tecla.scheduler.ticket import SessionKey, Sink, TextStream, Ticket
from tecla.scheduler.worker import Worker
from tecla.settings import Settings, load
from tecla.suggest.base import Generating, State
from tecla.suggest.desk import Desk, make_ticket, whole_ticket
from tecla.suggest.options import EngineOptions, SuggestOptions
from tecla.suggest.scoring import text_logprob
from tecla.suggest.session import Session
from tecla.text.base import Tokenizer
from tecla.text.context import Context

_numbers = itertools.count(1)
Result = TypeVar("Result")


class Suggester(Closing):
    """Suggestions from one model, in milliseconds, for any number of threads and tasks."""

    def __init__(
        self,
        loaded: LoadedModel,
        settings: Settings | None = None,
        *,
        reopens: bool = True,
        common: str = "",
    ) -> None:
        """Take over a loaded model; `settings` say how to load it anew after a failure.

        Unless it `reopens`, the first failure is the last. `common` is a header, or its beginning,
        of most requests and nobody's text: all scopes share what is held of it.
        """
        self.info: ModelInfo = loaded.info
        self.context_tokens = loaded.engine.context_tokens
        reopen = None
        if reopens and settings is not None:
            reopen = partial(open_model, settings)
        terms = Terms(common=common)
        if settings is not None:
            terms = replace(terms, score_mb=settings.engine.score_mb)
        self._desk = Desk(
            Worker(loaded, lambda model: Scheduler(model.engine, model.tokenizer, terms), reopen)
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
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the model at work; another one after a restart."""
        return self._desk.worker.loaded.tokenizer

    @property
    def to_tensor(self) -> TensorMaker | None:
        """Puts an array on the device of the model; `None` for an engine without tensors."""
        return self._desk.worker.loaded.to_tensor

    @property
    def healthy(self) -> bool:
        """Whether requests are being served; false from a failure until the engine is back."""
        return self.state == "serving"

    @property
    def state(self) -> State:
        """Whether questions are answered now; closed as well once it cannot be opened again."""
        worker = self._desk.worker
        if worker.healthy:
            return "serving"
        return "starting" if worker.alive else "closed"

    @property
    def restarts(self) -> int:
        """How often the model was opened anew after a failure."""
        return self._desk.worker.restarts

    def suggest(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = DEADLINE_MS,
        **options: Unpack[SuggestOptions],
    ) -> Completed:
        """Suggestions for the caret between `before` and `after`.

        Deterministic search unless `temperature` says otherwise. After `deadline_ms` (`None`:
        never) the best valid answer so far comes back and says that it is `partial`. Blocks
        until then. Raises `InputError` for what cannot be asked, `OverloadedError` when too
        many requests wait, `EngineFailedError` when the engine broke down.
        """
        return self._desk.ask(make_ticket(before, after, deadline_ms, options))

    async def asuggest(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = DEADLINE_MS,
        **options: Unpack[SuggestOptions],
    ) -> Completed:
        """`suggest` for asyncio; cancelling the task cancels the request."""
        return await self._desk.aask(make_ticket(before, after, deadline_ms, options))

    def session(self, *, scope: Hashable = "") -> Session:
        """A caret that is typed at: each request supersedes the one before it.

        Sessions of one `scope` share what is in KV memory; nothing passes between scopes.
        """
        try:
            hash(scope)
        except TypeError:
            raise OptionError(f"scope is {scope!r}; it must be hashable, such as a str") from None
        return Session(self._desk, SessionKey(next(_numbers), scope))

    def logprob(self, before: str, text: str) -> float:
        """Give ln P(text | before) in nats, as the tokenizer spells the whole text.

        Blocks until the text is read, in turns with what others ask. Raises `InvalidTextError`
        for a lone surrogate, `EngineFailedError` when the engine broke down.
        """
        Context(before, text)
        return text_logprob(self._desk.worker, before, text)

    def complete(self, requests: Sequence[Request]) -> list[Completed]:
        """Whole answers to requests of any kind, in order, sharing every step.

        Blocks; waits at the door while too many are ahead. The first error is raised after the
        others were given up.
        """
        tickets: list[Ticket] = []
        try:
            for request in requests:
                ticket = whole_ticket(request)
                self._desk.worker.submit(ticket, wait=True)
                tickets.append(ticket)
            return [ticket.answer.result() for ticket in tickets]
        except BaseException:
            for ticket in tickets:
                self._desk.worker.cancel(ticket)
            raise

    def generate(
        self, request: Generation, sink: Sink | None = None, *, scope: Hashable = ""
    ) -> Generating:
        """Begin a generation without waiting; see `Suggesting.generate`."""
        return self._desk.generate(request, sink, scope)

    def stream(self, request: Request) -> Iterator[str]:
        """The text of the first alternative of `request` as it becomes certain.

        Closing the iterator gives the request up.
        """
        stream = TextStream()
        ticket = whole_ticket(request, stream)
        self._desk.worker.submit(ticket, wait=True)
        return _Pieces(self._desk.worker, ticket, stream)

    def counters(self) -> dict[str, int]:
        """What was counted since the model was opened, and what is held now."""
        counted = self._desk.worker.call(lambda scheduler: scheduler.counters())
        return {**counted, "restarts": self.restarts}

    def count(self, tell: Callable[[dict[str, int]], None]) -> None:
        """Tell `counters` from the engine's thread, between two steps; does not block."""
        self._desk.worker.post(lambda scheduler: tell(scheduler.counters()))

    def on_engine_thread(self, job: Callable[[], Result]) -> Result:
        """Run `job` between two steps on the thread that owns the engine; for measurements."""
        return self._desk.worker.call(lambda _: job())

    def close(self) -> None:
        """Fail what is pending and free the model; safe to call twice."""
        self._desk.worker.close()

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


class _Pieces(Iterator[str]):
    """The pieces of a stream; whoever drops it gives the request up."""

    def __init__(self, worker: Worker, ticket: Ticket, stream: TextStream) -> None:
        """The ticket has the stream and was submitted."""
        self._worker, self._ticket = worker, ticket
        self._pieces = iter(stream)

    def __next__(self) -> str:
        """The next piece; raises what became of the request."""
        for piece in self._pieces:
            return piece
        self._ticket.answer.result()
        raise StopIteration

    def close(self) -> None:
        """Give the rest up."""
        self._worker.cancel(self._ticket)

    def __del__(self) -> None:
        """Give the rest up."""
        self.close()
