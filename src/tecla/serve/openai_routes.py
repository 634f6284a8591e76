"""`POST /v1/completions` over HTTP: whole answers, streams, and what ends them early."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter, Request, Response

from tecla.decode.generation import Generation
from tecla.decode.request import Completed, TokenScore
from tecla.errors import TeclaError, UnknownModelError
from tecla.serve.completions import (
    CompletionRequest,
    Envelope,
    Usage,
    choices,
    logprobs_of,
    part,
    single,
)
from tecla.serve.gate import error_document
from tecla.serve.guard import Caller
from tecla.serve.http_routes import Calling
from tecla.serve.leaving import Events, unless_gone
from tecla.serve.service import Service
from tecla.serve.texts import Owner
from tecla.suggest.base import Generating

_DONE = "data: [DONE]\n\n"


class _Queue:
    """Text that comes from another thread, for the loop."""

    def __init__(self, pieces: asyncio.Queue[_Piece | None]) -> None:
        self._loop, self._pieces = asyncio.get_running_loop(), pieces

    def put(self, text: str, tokens: tuple[TokenScore, ...] = ()) -> None:
        self._tell((text, tokens))

    def end(self) -> None:
        self._tell(None)

    def _tell(self, piece: _Piece | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
        except RuntimeError:  # the loop has ended, and nobody reads
            return


_Piece = tuple[str, tuple[TokenScore, ...]]


def make_openai_router(service: Service) -> APIRouter:
    """The route, for one service."""
    router = APIRouter()

    @router.post(
        "/v1/completions",
        summary="Completions, as OpenAI's interface has them",
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def completions(asked: CompletionRequest, request: Request, caller: Calling) -> Any:
        """See OpenAI's API reference."""
        caller.check("suggest")
        service.pressure.check()
        name = service.suggester.info.name
        if asked.model not in {name, "default"}:
            raise UnknownModelError(
                f"model {asked.model!r} is not served; this is {name!r}, see /v1/models"
            )
        for prompt in asked.prompts():
            caller.check_chars(len(prompt))
        made = asked.generations()
        envelope = Envelope(name)
        if asked.stream:
            asked.check_stream()
            parts = _parts(service, caller, asked, made, envelope)
            first = await anext(parts)  # what is wrong with the request is told by its status
            return Events(_events(first, parts))
        with caller.at_work():
            answers = await unless_gone(request, _answers(service, _owner(caller, asked), made))
        if isinstance(answers, Response):
            return answers
        return envelope.document(choices(asked, answers), Usage.of(answers))

    return router


def _owner(caller: Caller, asked: CompletionRequest) -> Owner:
    """Whose prompts they are: what is read of them is nobody else's."""
    return Owner(caller.key_id, asked.user or "")


async def _answers(service: Service, owner: Owner, made: Sequence[Generation]) -> list[Completed]:
    """All of them; if one fails or nobody waits any more, the others are given up."""
    at_work: list[Generating] = []
    try:
        for each in made:
            at_work.append(service.generate(owner, each))
        return await asyncio.gather(*(asyncio.wrap_future(each.answer) for each in at_work))
    finally:
        for generating in at_work:
            generating.cancel()


async def _events(
    first: dict[str, Any], rest: AsyncGenerator[dict[str, Any], None]
) -> AsyncGenerator[str, None]:
    """Parts as server-sent events; an error in the middle is told as the last of them."""
    async with aclosing(rest):
        yield _event(first)
        try:
            async for each in rest:
                yield _event(each)
        except TeclaError as error:
            yield _event(error_document(error))
            return
        yield _DONE


def _event(document: dict[str, Any]) -> str:
    return f"data: {json.dumps(document, ensure_ascii=False)}\n\n"


async def _parts(
    service: Service,
    caller: Caller,
    asked: CompletionRequest,
    made: Sequence[Generation],
    envelope: Envelope,
) -> AsyncGenerator[dict[str, Any], None]:
    """The parts of all choices as they come, and at last what they cost."""
    owner = _owner(caller, asked)
    singles = [single(each, number) for each in made for number in range(asked.choices)]
    parts: asyncio.Queue[dict[str, Any] | BaseException | None] = asyncio.Queue()
    answers: list[Completed] = []

    async def follow(index: int) -> None:
        prompt, start = asked.prompts()[index // asked.choices], 0
        try:
            async with aclosing(_pieces(service, owner, singles[index])) as pieces:
                if asked.echo and isinstance(prompt, str):
                    await parts.put(part(index, prompt))
                async for each in pieces:
                    if isinstance(each, Completed):
                        answers.append(each)
                        await parts.put(part(index, "", None, each.continuations[0].stop))
                        continue
                    text, tokens = each
                    told = None
                    if asked.logprobs is not None:
                        told = logprobs_of(tokens, asked.logprobs, start)
                        start = max(start, *(token.end for token in tokens), 0)
                    await parts.put(part(index, text, told))
        except TeclaError as error:
            await parts.put(error)
        else:
            await parts.put(None)

    with caller.at_work():
        tasks = [asyncio.create_task(follow(index)) for index in range(len(singles))]
        try:
            running = len(tasks)
            while running:
                found = await parts.get()
                if isinstance(found, BaseException):
                    raise found
                if found is None:
                    running -= 1
                else:
                    yield envelope.document([found])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    if asked.stream_options is not None and asked.stream_options.include_usage:
        usage = Usage.of(answers)
        usage.prompt_tokens //= asked.choices
        usage.total_tokens = usage.prompt_tokens + usage.completion_tokens
        yield envelope.document([], usage)


async def _pieces(
    service: Service, owner: Owner, made: Generation
) -> AsyncGenerator[_Piece | Completed, None]:
    """The text of one generation as it comes, then its answer; leaving gives it up."""
    waiting: asyncio.Queue[_Piece | None] = asyncio.Queue()
    at_work = service.generate(owner, made, _Queue(waiting))
    try:
        while (piece := await waiting.get()) is not None:
            yield piece
        completed: Completed = await asyncio.wrap_future(at_work.answer)
        yield completed
    finally:
        at_work.cancel()
