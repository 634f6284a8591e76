"""The service behind every route: one model in its own process, many texts, and how it goes.

Used from the thread of one event loop. What waits for the disk or for the engine's process goes to
other threads. `reload` builds everything anew beside what serves, and puts it in its place when it
is ready: texts go on, connections stay.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from traceback import extract_tb
from typing import Final, Literal, NamedTuple

from tecla.controller.cache import AnswerCache
from tecla.controller.controller import DEFAULT_PREDICTORS, Controller
from tecla.controller.manner import PREAMBLE, Manner
from tecla.controller.personal import Personal
from tecla.controller.suggestion import Suggestion
from tecla.controller.writer import Writer
from tecla.decode.generation import Generation
from tecla.errors import ForbiddenError, TeclaError
from tecla.filters.base import Action, Reason
from tecla.filters.options import FilterOptions
from tecla.process.remote import RemoteSuggester
from tecla.scheduler.ticket import Sink
from tecla.serve.guard import Caller, Guard
from tecla.serve.learning import Learning
from tecla.serve.library import Library
from tecla.serve.pressure import Level, Pressure, Relieved
from tecla.serve.texts import OpenText, Owner, Texts
from tecla.serve.turns import Turns
from tecla.serve.window import Window
from tecla.serve.wire import (
    Answer,
    FeedbackAnswer,
    FeedbackRequest,
    SuggestRequest,
    Wishes,
    answer_of,
)
from tecla.settings import FilterLevel, Settings, load
from tecla.store.base import Store
from tecla.store.buffer import FeedbackBuffer
from tecla.store.owners import Owner as StoreOwner
from tecla.suggest.base import Generating, Suggesting
from tecla.text.snapshot import Snapshot

State = Literal["serving", "classical", "overloaded", "closing"]
_SWEEP_S: Final = 5.0
_PAUSE_S: Final = 2.0  # without a key: a text rests
_CANDIDATES: Final = {
    Level.SHORTER: 2,
    Level.CLASSICAL: 1,
}  # of predictors; the first is half the work
_SLACK_S: Final = 0.25  # an answer that is not there so long after its deadline will not come
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Health:
    """How the service is. `serving`: with the model; `classical`: without it for now.

    `filters` are the levels that a text may ask for.
    """

    state: State
    model: str
    engine: str
    restarts: int
    texts: int
    level: int
    lag_ms: float
    feedback: str
    filters: tuple[FilterLevel, ...]


class Said(NamedTuple):
    """A suggestion, and how it is told."""

    suggestion: Suggestion
    answer: Answer


def opened(settings: Settings) -> RemoteSuggester:
    """A model in a process of its own, which reads what stands above every text once for all."""
    return RemoteSuggester(settings, common=PREAMBLE)


class Service:
    """What the routes ask."""

    def __init__(
        self,
        settings: Settings,
        suggester: Suggesting,
        store: Store,
        *,
        asks_for_keys: bool,
        manner: Manner | None = None,
        predictors: Mapping[str, Sequence[str]] = DEFAULT_PREDICTORS,
        open_model: Callable[[Settings], Suggesting] = opened,
        read_settings: Callable[[], Settings] | None = None,
        learning: Learning | None = None,
    ) -> None:
        """Take over a suggester; the store stays the caller's. Call `start` on the loop.

        `open_model` loads another one when the settings name it, which `read_settings` reads again.
        """
        self.settings, self.suggester, self.store = settings, suggester, store
        self._predictors, self._open_model = predictors, open_model
        self._read_settings = read_settings or (lambda: load().settings)
        self.manner = manner or Manner()
        self.pressure, self.window, self.turns = Pressure(), Window(), Turns()
        self.personal = Personal.over(settings, store)
        self.guard = Guard(store.keys, settings.serve, asks_for_keys=asks_for_keys)
        self.feedback = FeedbackBuffer(store.feedback)
        self.library = Library(settings, store, self.feedback, self.personal, self._drop, learning)
        self.controller = self._made(suggester, settings)
        self.texts = Texts(
            self.controller,
            self.library.record,
            most=settings.serve.connections,
            idle_s=settings.serve.idle_s,
            is_forgotten=self.library.is_silent,
        )
        self.texts.levels = settings.serve.filter_levels
        self._tasks: list[asyncio.Task[None]] = []
        self._reloading = asyncio.Lock()
        self.is_closing = False

    async def start(self) -> None:
        """Begin to measure and to sweep."""
        self._tasks = [
            asyncio.create_task(self.pressure.watch()),
            asyncio.create_task(self._sweep()),
        ]
        await self.library.begin()

    def health(self) -> Health:
        """How it is now."""
        state: State = "serving"
        if self.is_closing:
            state = "closing"
        elif self.pressure.level is Level.REFUSED:
            state = "overloaded"
        elif self.suggester.state != "serving":
            state = "classical"
        status = self.feedback.status()
        return Health(
            state,
            self.suggester.info.name,
            self.suggester.state,
            self.suggester.restarts,
            len(self.texts),
            int(self.pressure.level),
            self.pressure.lag_ms,
            status.error or "ok",
            self.settings.serve.filter_levels,
        )

    @property
    def cache(self) -> AnswerCache | None:
        """The answers that texts of one owner share."""
        return self.controller.cache

    def filtered(self) -> Mapping[tuple[Action, Reason | None], int]:
        """What filters did with suggestions, and why, since the settings were read."""
        return self.controller.ranking.filtered()

    def generate(self, owner: Owner, request: Generation, sink: Sink | None = None) -> Generating:
        """Begin a generation for somebody; see `Suggesting.generate`."""
        return self.suggester.generate(request, sink, scope=tuple(owner))

    async def suggest(self, caller: Caller, asked: SuggestRequest) -> AsyncGenerator[Said, None]:
        """Answers to one request, each extending the one before; the last one is settled.

        Where a newer revision of the same session came meanwhile, nothing more comes. Leaving
        gives up what was asked.
        """
        caller.check_chars(len(asked.before) + len(asked.after))
        owner = Owner(caller.key_id, asked.user, asked.collection)
        text = self.texts.get(owner, asked.session) if asked.session else self.texts.alone(owner)
        try:
            if asked.revision is not None:
                if asked.revision < text.revision:
                    return
                text.revision = asked.revision
            self.wish(text, asked)
            snapshot = Snapshot(asked.before, asked.after)
            async with aclosing(self.answers(text, snapshot)) as answers:
                async for found in answers:
                    listed = text.writer.ghosts()[: asked.n] if asked.n > 1 else ()
                    yield Said(found, answer_of(found, asked.revision, listed))
        finally:
            if not asked.session:
                text.writer.close()

    def heard(self, caller: Caller, told: FeedbackRequest) -> FeedbackAnswer:
        """Take note of what became of a suggestion, and make its text part of the session's.

        Raises `UnknownSessionError` where the session is not open.
        """
        owner = Owner(caller.key_id, told.user, told.collection)
        text = self.texts.current(self.texts.find(owner, told.session), told.session)
        if told.revision is not None and told.revision != text.revision:
            return FeedbackAnswer(counted=False, reason="superseded")
        writer = text.writer
        ghost = writer.suggestion.ghost
        if ghost is None or not ghost.text.startswith(told.text):
            return FeedbackAnswer(counted=False, reason="not_shown")
        if told.event == "accepted":
            writer.take(len(told.text))
        else:
            writer.dismiss()
        return FeedbackAnswer(counted=True)

    def wish(self, text: OpenText, wishes: Wishes) -> None:
        """Have a text served as it is wished, from its next revision on.

        Raises `ForbiddenError` where less is to be filtered than the settings allow.
        """
        levels = self.settings.serve.filter_levels
        if wishes.filters is not None and wishes.filters not in levels:
            raise ForbiddenError(
                f"filters is {wishes.filters!r}; here it may be {' or '.join(levels)}"
            )
        self.texts.filter(text, wishes.filters)
        text.writer.manner = self.manner_of(wishes)

    def manner_of(self, wishes: Wishes) -> Manner:
        """The service's manner with what is wished."""
        manner = self.manner
        search = manner.search
        if wishes.max_words is not None:
            search = replace(search, words=wishes.max_words)
        if wishes.deadline_ms is not None:
            search = replace(search, deadline_ms=wishes.deadline_ms)
        return replace(
            manner,
            search=search,
            eagerness=manner.eagerness if wishes.eagerness is None else wishes.eagerness,
            language=wishes.language or manner.language,
        )

    def answer(self, text: OpenText, snapshot: Snapshot, waited_ms: float) -> Suggestion:
        """What is said at once of a new state of a text that has waited so long for its turn.

        Raises `OverloadedError` where that was too long.
        """
        with self.pressure.turn(waited_ms) as level:
            self.pressure.check()
            if level is Level.NOTHING and self.window.is_crowded:
                level = Level.SHORTER
            text.writer.most_classical = _CANDIDATES.get(level)
            return text.writer.update(snapshot)

    async def answers(self, text: OpenText, snapshot: Snapshot) -> AsyncGenerator[Suggestion, None]:
        """What is said of a new state of a text, until it is settled or something newer comes."""
        waited_ms = await self.turns.mine()
        first, writer = self.answer(text, snapshot, waited_ms), text.writer
        try:
            yield first
            if first.settled:
                return
            settled = await self.settle(writer)
            if settled.revision == first.revision and text.writer is writer:
                yield settled
        finally:
            if writer.suggestion.revision == first.revision:
                writer.give_up()

    async def settle(self, writer: Writer) -> Suggestion:
        """The settled answer, or what is known when it is clear that none will come."""
        deadline_ms = writer.manner.search.deadline_ms
        if deadline_ms is None:
            return await writer.settled()
        try:
            return await asyncio.wait_for(writer.settled(), deadline_ms / 1000 + _SLACK_S)
        except TimeoutError:
            return writer.without_waiting()

    async def reload(self) -> None:
        """Read the settings again and serve by them; raises `TeclaError`, and all stays as it is.

        Where the server listens does not change.
        """
        async with self._reloading:
            settings = self._read_settings()
            old, old_controller = self.suggester, self.controller
            if settings.engine != self.settings.engine:
                self.suggester = await asyncio.to_thread(self._open_model, settings)
            self.controller = self._made(self.suggester, settings)
            self.texts.serve_by(self.controller)
            old_controller.close()
            self.texts.most = settings.serve.connections
            self.texts.idle_s = settings.serve.idle_s
            self.texts.levels = settings.serve.filter_levels
            self.guard.adopt(settings.serve)
            self.library.adopt(settings)
            self.settings = settings
            if old is not self.suggester:
                deadline_ms = self.manner.search.deadline_ms or 0.0
                await asyncio.sleep(deadline_ms / 1000 + _SLACK_S)  # for what it still owes
                await asyncio.to_thread(old.close)
            _log.info("the settings were read again; serving %s", self.suggester.info.name)

    async def close(self) -> None:
        """End what is at work; safe to call twice."""
        self.is_closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.library.close()
        self.texts.close_all()
        self.controller.close()
        await asyncio.to_thread(self.personal.close)
        await asyncio.to_thread(self.suggester.close)
        with suppress(TeclaError):  # what cannot be written now is counted as lost
            await asyncio.to_thread(self.feedback.close)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            try:
                self.texts.forget_idle()
                if self.pressure.level is Level.NOTHING:
                    self.texts.pause(_PAUSE_S)
            except Exception as error:  # a mistake of ours: the texts are swept again all the same
                at = extract_tb(error.__traceback__)[-1]
                _log.error(
                    "texts are not swept, and are again in %.0f s: %s in %s, line %s",
                    _SWEEP_S,
                    type(error).__name__,  # its message may hold text of a person
                    Path(at.filename).name,
                    at.lineno,
                )

    def _drop(self, owner: StoreOwner) -> None:
        """Let go of what was suggested where an owner's documents may have had a part in it."""
        self.personal.refresh([owner], owner.name if owner.kind == "user" else None)
        self.texts.renew(owner)
        if self.cache is not None:
            self.cache.forget(
                lambda scope: isinstance(scope, tuple) and owner in Owner(*scope).of_store
            )

    def _made(self, suggester: Suggesting, settings: Settings) -> Controller:
        return Controller.around(
            Relieved(suggester, self.pressure, self.window),
            predictors=self._predictors,
            manner=self.manner,
            filters=FilterOptions(offensive=settings.serve.usual_filters),
            personal=self.personal,
        )
