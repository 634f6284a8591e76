"""`POST /v1/compare`: what each system would say at one caret, beside what is shown.

Frequency, dictionary and n-gram answer in a process of their own; the model is asked like any other
caret of the same owner, once as the writer asks it (`blend`) and once for more alternatives
(`neural`), so that what one of them has read the other need not. A system that cannot be asked is
in the answer with the reason. Everything shown has passed the filters; nothing is recorded.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from contextlib import aclosing, closing
from dataclasses import replace
from typing import Any, Final, Literal, Protocol, TypeAlias

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from tecla.controller.asking import Asker
from tecla.controller.place import Languages, Place
from tecla.controller.systems import OPENING, Said, Systems, absent
from tecla.decode.request import Continuation
from tecla.errors import EngineError, OverloadedError, TeclaError
from tecla.serve.guard import Caller
from tecla.serve.http_routes import Calling
from tecla.serve.leaving import unless_gone
from tecla.serve.pressure import Relieved
from tecla.serve.service import Service
from tecla.serve.texts import Owner
from tecla.serve.wire import MOST_ALTERNATIVES, Name, Text, Wishes, utf16_length
from tecla.text.context import Context
from tecla.text.snapshot import Snapshot
from tecla.text.words import WordEnd

USUAL_N: Final = 4
USUAL_DEADLINE_MS: Final = 1500.0
_SLACK_S: Final = 0.25  # an answer that is not there so long after its deadline will not come
_LATE: Final = "it did not answer in time"
System: TypeAlias = Literal["frequency", "dictionary", "ngram", "neural", "blend"]


class CompareRequest(Wishes):
    """One caret."""

    before: Text = Field(description="all the text before the caret")
    after: Text = Field(default="", description="the text behind it")
    n: int = Field(default=USUAL_N, ge=1, le=MOST_ALTERNATIVES, description="of each system")
    user: Name = Field(default="", description="whose text it is, among those of one key")
    collection: Name = Field(default="", description="which of their collections it belongs to")


class Option(BaseModel):
    """One text that could follow."""

    text: str
    replaces: int = Field(
        default=0, description="units before the caret that it spells differently"
    )
    probability: float = Field(description="that the person's text runs through it")


class SystemAnswer(BaseModel):
    """What one system says."""

    system: System
    suggestions: list[Option] = Field(default_factory=list)
    took_ms: float = Field(default=0.0, description="as it took here, without the way")
    withheld: int = Field(default=0, description="suggestions that filters dropped or cut")
    absent: str | None = Field(default=None, description="why it could not be asked")
    shown: str = Field(default="", description="of the blend alone: what is shown at the caret")
    silence: str | None = Field(default=None, description="of the blend alone: why nothing is")
    source: str = Field(default="", description="of the blend alone, as in an answer")


class Compared(BaseModel):
    """What every system says at one caret."""

    language: str = Field(description="of the paragraph at the caret; empty: nothing tells")
    systems: list[SystemAnswer]


def make_compare_router(service: Service, systems: Systems) -> APIRouter:
    """The one route, for one service."""
    router = APIRouter()

    @router.post(
        "/v1/compare", response_model=Compared, summary="What each system would say at a caret"
    )
    async def compare(asked: CompareRequest, request: Request, caller: Calling) -> Any:
        """Frequency, dictionary, n-gram, the model alone, and what is shown."""
        caller.check("suggest")
        service.pressure.check()
        return await unless_gone(request, _compared(service, systems, caller, asked))

    return router


async def _compared(
    service: Service, systems: Systems, caller: Caller, asked: CompareRequest
) -> Compared:
    caller.check_chars(len(asked.before) + len(asked.after))
    with caller.at_work(), closing(_Comparison(service, caller, asked)) as comparison:
        classical = comparison.classical(systems)
        try:
            blend = await comparison.blend()  # first: its answer may be known already
            neural = await comparison.neural()
            answers = [*await classical, neural, blend]
        finally:
            classical.cancel()
        return Compared(language=comparison.place.language, systems=answers)


class _Suggested(Protocol):
    """A candidate of a predictor or a continuation of the model."""

    @property
    def text(self) -> str: ...

    @property
    def probability(self) -> float: ...

    @property
    def words(self) -> tuple[WordEnd, ...]: ...


class _Comparison:
    """One request at work."""

    def __init__(self, service: Service, caller: Caller, asked: CompareRequest) -> None:
        """Raises `ForbiddenError` where less is to be filtered than the settings allow."""
        self._service, self._asked = service, asked
        self._text = service.texts.alone(Owner(caller.key_id, asked.user, asked.collection))
        try:
            service.wish(self._text, asked)
        except TeclaError:
            self.close()
            raise
        wanted_ms = asked.deadline_ms or USUAL_DEADLINE_MS
        self._until_s = time.monotonic() + wanted_ms / 1000
        writer = self._text.writer
        usual_ms = service.manner.search.deadline_ms or wanted_ms
        search = replace(writer.manner.search, deadline_ms=min(usual_ms, wanted_ms / 2))
        writer.manner = self._manner = replace(writer.manner, search=search)
        language = Languages().at(asked.before, self._manner.language)
        self.place = Place(Snapshot(asked.before, asked.after), "", language)
        self._ranking = service.controller.ranking.at(asked.filters)

    def close(self) -> None:
        """Give up what is at work."""
        self._text.writer.close()

    @property
    def _left_s(self) -> float:
        return max(0.001, self._until_s - time.monotonic())

    def classical(self, systems: Systems) -> asyncio.Task[list[SystemAnswer]]:
        """What the classical systems say; they are at work from now on."""
        asked = self._asked
        context = Context(asked.before, asked.after)
        told = systems.ask(
            context, self.place.language, n=asked.n, max_words=self._manner.search.words
        )

        async def answers() -> list[SystemAnswer]:
            try:
                found = await asyncio.wait_for(asyncio.wrap_future(told), self._left_s)
            except TimeoutError:
                found = absent(_LATE)
            except BrokenExecutor:
                found = absent(OPENING)
            return [self._of_classical(each) for each in found]

        return asyncio.create_task(answers())

    def _of_classical(self, said: Said) -> SystemAnswer:
        answer = SystemAnswer(
            system=said.system, took_ms=round(said.took_ms, 2), absent=said.absent
        )
        return self._filled(answer, said.candidates, [each.replaces for each in said.candidates])

    async def neural(self) -> SystemAnswer:
        """What the model says alone, one alternative for each first word."""
        manner, filters = self._manner, self._ranking.filters
        search = replace(
            manner.search,
            alternatives=self._asked.n,
            between=self._asked.n,
            min_share=0.0,
            deadline_ms=1000 * self._left_s,
        )
        screen = None if filters is None else filters.screen(self.place.surroundings)
        answer = SystemAnswer(system="neural")
        model = Relieved(self._service.suggester, self._service.pressure)
        began = time.monotonic()
        with Asker(model.session(scope=tuple(self._text.owner))) as asker:
            try:
                asker.ask(self.place, search, min(1.0, manner.rules.further), screen)
                assert asker.asked is not None
                completed = await asyncio.wait_for(
                    asyncio.wrap_future(asker.asked), self._left_s + _SLACK_S
                )
            except (OverloadedError, EngineError) as error:
                answer.absent = f"the model is not to be had now ({error.code})"
                return answer
            except TimeoutError:
                answer.absent = _LATE
                return answer
        answer.took_ms = round(1000 * (time.monotonic() - began), 2)
        found = [_ended(each) for each in completed.continuations if each.words]
        return self._filled(answer, sorted(found, key=lambda each: -each.probability))

    async def blend(self) -> SystemAnswer:
        """What the writer shows, and its list."""
        began = time.monotonic()
        async with aclosing(self._service.answers(self._text, self.place.snapshot)) as answers:
            *_, found = [each async for each in answers]
        answer = SystemAnswer(
            system="blend",
            took_ms=round(1000 * (time.monotonic() - began), 2),
            silence=found.silence,
            source=found.origin,
            shown="" if found.ghost is None else found.ghost.text,
        )
        likely = [each for each in found.alternatives if each.probability > 0]
        answer.suggestions = [
            Option(text=each.text, probability=each.probability) for each in likely[: self._asked.n]
        ]
        return answer

    def _filled(
        self, answer: SystemAnswer, found: Sequence[_Suggested], replaces: Sequence[int] = ()
    ) -> SystemAnswer:
        """The answer with what may be shown of what was found."""
        for count, each in enumerate(found):
            replaced = replaces[count] if replaces else 0
            kept = self._kept(each, replaced)
            if kept is None or kept.text != each.text:
                answer.withheld += 1
            if kept is not None:
                answer.suggestions.append(kept)
        return answer

    def _kept(self, found: _Suggested, replaces: int) -> Option | None:
        """What filters leave of a suggestion, in the place where it would stand."""
        before, filters = self._asked.before, self._ranking.filters
        at = len(before) - replaces
        end, probability = len(found.text), found.probability
        if filters is not None:
            around = replace(self.place.surroundings, before=before[:at])
            verdict = filters.judge(found.text, around, found.words)
            if verdict.action == "drop":
                return None
            if verdict.action == "shorten":
                end = verdict.end
                probability = next(
                    each.probability for each in found.words if each.char_offset == end
                )
        return Option(
            text=found.text[:end], replaces=utf16_length(before[at:]), probability=probability
        )


def _ended(found: Continuation) -> Continuation:
    """A continuation with the probability that it ends where it does, if that is behind a word."""
    last = found.words[-1]
    if last.char_offset < len(found.text):
        return found
    return replace(found, probability=last.probability)
