"""The routes of tecla's own interface over HTTP, and those that tell how the service is."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from tecla.serve.gate import caller_of
from tecla.serve.guard import Caller
from tecla.serve.leaving import Events, unless_gone
from tecla.serve.metrics import CONTENT_TYPE, Metrics
from tecla.serve.service import Service
from tecla.serve.wire import Answer, FeedbackAnswer, FeedbackRequest, SuggestRequest

_SUPERSEDED = "superseded"


def calling(request: Request) -> Caller:
    """Who asks, as the gate has found."""
    caller = request.scope["caller"]
    assert isinstance(caller, Caller)
    return caller


Calling: TypeAlias = Annotated[Caller, Depends(calling)]


def make_router(service: Service, metrics: Metrics) -> APIRouter:
    """All of them, for one service."""
    router = APIRouter()

    @router.post(
        "/v1/suggest",
        response_model=Answer,
        summary="What to show at a caret",
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def suggest(asked: SuggestRequest, request: Request, caller: Calling) -> Any:
        """One answer, or with `stream` answers as events, each extending the one before."""
        caller.check("suggest")
        service.pressure.check()
        answers = _answers(service, metrics, caller, asked)
        if asked.stream:
            first = await anext(answers)  # what is wrong is told by the status of the answer
            return Events(_events(first, answers))
        return await unless_gone(request, _last(answers))

    @router.post("/v1/feedback", summary="What became of a suggestion")
    async def feedback(told: FeedbackRequest, caller: Calling) -> FeedbackAnswer:
        """For sessions over HTTP; those over WebSocket tell it by their own messages."""
        caller.check("suggest")
        heard = service.heard(caller, told)
        if heard.counted and told.event == "accepted":
            metrics.took(told.text)
        return heard

    @router.get("/v1/models", summary="The model that is served")
    async def models(caller: Calling) -> dict[str, Any]:
        """As OpenAI's interface lists them."""
        caller.check("suggest")
        info = service.suggester.info
        return {
            "object": "list",
            "data": [
                {
                    "id": info.name,
                    "object": "model",
                    "created": 0,
                    "owned_by": "tecla",
                    "context_tokens": service.suggester.context_tokens,
                    "architecture": info.architecture,
                    "licence": info.licence,
                }
            ],
        }

    not_now: dict[int | str, dict[str, Any]] = {503: {"description": "not now"}}

    @router.get("/healthz", summary="How the service is", responses=not_now)
    async def healthz() -> JSONResponse:
        """200 while suggestions are served, with the model or for now without it; else 503."""
        health = service.health()
        is_well = health.state in {"serving", "classical"}
        return JSONResponse(
            {name: getattr(health, name) for name in health.__slots__}, 200 if is_well else 503
        )

    @router.get("/readyz", summary="Whether all of it serves", responses=not_now)
    async def readyz() -> JSONResponse:
        """200 only while the model answers."""
        health = service.health()
        return JSONResponse({"state": health.state}, 200 if health.state == "serving" else 503)

    @router.get("/metrics", summary="Counts for Prometheus", response_class=PlainTextResponse)
    async def counts(request: Request) -> Response:
        """Needs a key with the scope admin, where keys are asked for."""
        if service.guard.asks_for_keys:
            given = request.headers.get("authorization", "").encode("latin-1")
            caller_of(service.guard, given).check("admin")
        if not metrics.knows_engine():
            metrics.engine_counted(await asyncio.to_thread(service.suggester.counters))
        return Response(metrics.page(service), media_type=CONTENT_TYPE)

    return router


async def _answers(
    service: Service, metrics: Metrics, caller: Caller, asked: SuggestRequest
) -> AsyncGenerator[Answer, None]:
    """Answers to one request, each extending the one before, and the last one settled."""
    began = time.monotonic()
    with caller.at_work():
        async with aclosing(service.suggest(caller, asked)) as said:
            async for found, answer in said:
                if found.settled:
                    metrics.answered(found, time.monotonic() - began)
                    yield answer
                    return
                yield answer
    metrics.superseded.inc()
    yield Answer(revision=asked.revision, silence=_SUPERSEDED)


async def _last(answers: AsyncGenerator[Answer, None]) -> Answer:
    async with aclosing(answers):
        *_, last = [each async for each in answers]
    return last


async def _events(first: Answer, rest: AsyncGenerator[Answer, None]) -> AsyncGenerator[str, None]:
    async with aclosing(rest):
        yield _event(first)
        async for each in rest:
            yield _event(each)


def _event(answer: Answer) -> str:
    return f"event: suggestion\ndata: {json.dumps(answer.model_dump(), ensure_ascii=False)}\n\n"
