"""The routes of one service put together, and how errors are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import cast

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from tecla.errors import OUTSIDE, InputError, TeclaError
from tecla.serve.gate import ASGIApp as GateApp
from tecla.serve.gate import Gate, error_document, error_headers
from tecla.serve.http_routes import make_router
from tecla.serve.metrics import Metrics
from tecla.serve.openai_routes import make_openai_router
from tecla.serve.service import Service
from tecla.serve.socket_route import CROWDED, Connection

_BAD_REQUEST = 400


def make_app(service: Service, metrics: Metrics | None = None) -> ASGIApp:
    """An ASGI app, which starts the service and closes it."""
    counts = metrics or Metrics()

    @asynccontextmanager
    async def serving(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.close()

    app = FastAPI(
        title="tecla",
        summary="Completes what a person is writing.",
        version=version("tecla"),
        lifespan=serving,
    )
    app.include_router(make_router(service, counts))
    app.include_router(make_openai_router(service))

    @app.websocket("/v1/session")
    async def session(socket: WebSocket) -> None:
        if counts.open_connections >= service.settings.serve.connections or service.is_closing:
            await socket.accept()
            await socket.close(CROWDED, "too many connections are open; try again later")
            return
        await socket.accept()
        with counts.connection():
            await Connection(service, counts, socket).run()

    @app.exception_handler(TeclaError)
    async def fault(_: Request, error: TeclaError) -> JSONResponse:
        counts.refused.labels(error.code).inc()
        status = OUTSIDE[error.code].http_status
        return JSONResponse(error_document(error), status, error_headers(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        """What is wrong, without what was sent."""
        first = error.errors()[0]
        where = ".".join(str(each) for each in first["loc"] if each != "body")
        counts.refused.labels("bad_input").inc()
        message = f"{where}: {first['msg']}" if where else str(first["msg"])
        document = error_document(InputError(message))
        document["error"]["param"] = where or None
        return JSONResponse(document, _BAD_REQUEST)

    origins = service.settings.serve.allowed_origins
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
            max_age=600,
        )
    gate = Gate(cast(GateApp, app), service.guard, service.settings.serve)
    return cast(ASGIApp, gate)
