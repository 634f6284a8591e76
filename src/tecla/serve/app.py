"""The routes of one service put together, and how errors are told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from itertools import chain
from typing import cast

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from tecla.controller.systems import Systems
from tecla.errors import OUTSIDE, InputError, TeclaError
from tecla.serve.compare import make_compare_router
from tecla.serve.description import describe
from tecla.serve.gate import ASGIApp as GateApp
from tecla.serve.gate import Gate, error_document, error_headers
from tecla.serve.http_routes import make_router
from tecla.serve.invalid import Fault, first_fault, is_json
from tecla.serve.learn_routes import make_learn_router
from tecla.serve.metrics import Metrics
from tecla.serve.openai_routes import make_openai_router
from tecla.serve.pages import make_pages_router
from tecla.serve.service import Service
from tecla.serve.socket_route import CROWDED, ENDED, Connection

_BAD_REQUEST, _INTERNAL = 400, 500
_FRAMEWORK = {
    400: "the body cannot be read; send JSON",
    404: "there is nothing at this path; see /docs",
    405: "this path has another method; see /docs",
}


def make_app(
    service: Service, metrics: Metrics | None = None, systems: Systems | None = None
) -> ASGIApp:
    """An ASGI app, which starts the service and closes it, and what is compared with it."""
    counts, compared = metrics or Metrics(), systems or Systems()

    @asynccontextmanager
    async def serving(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.close()
        await asyncio.to_thread(compared.close)

    app = FastAPI(
        title="tecla",
        summary="Completes what a person is writing.",
        version=version("tecla"),
        lifespan=serving,
        docs_url=None,  # the framework's own pages fetch from elsewhere
        redoc_url=None,
    )
    routers = (
        make_router(service, counts),
        make_openai_router(service),
        make_compare_router(service, compared),
        make_learn_router(service, counts),
        make_pages_router(),
    )
    for router in routers:
        app.include_router(router)
    describe(app)

    @app.websocket("/v1/session")
    async def session(socket: WebSocket) -> None:
        await socket.accept()
        most = service.settings.serve.connections
        if service.is_closing:
            await socket.close(ENDED, "the service ends; try again later")
            return
        if counts.open_connections >= most:
            await socket.close(CROWDED, f"{most} connections are open, the most; try again in 1 s")
            return
        with counts.connection():
            await Connection(service, counts, socket).run()

    @app.exception_handler(TeclaError)
    async def fault(_: Request, error: TeclaError) -> JSONResponse:
        counts.refused.labels(error.code).inc()
        status = OUTSIDE[error.code].http_status
        return JSONResponse(error_document(error), status, error_headers(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        """What is wrong, without what was sent."""
        fault = first_fault(error.errors())
        if not fault.where and not is_json(request.headers.get("content-type", "")):
            fault = Fault("", "the body is not read as JSON; send content-type: application/json")
        counts.refused.labels("bad_input").inc()
        document = error_document(InputError(str(fault)))
        document["error"]["param"] = fault.where or None
        return JSONResponse(document, _BAD_REQUEST)

    @app.exception_handler(HTTPException)
    async def unknown(_: Request, error: HTTPException) -> JSONResponse:
        """What the framework refuses: a path or a method that there is none of, a broken body."""
        document = error_document(InputError(_FRAMEWORK.get(error.status_code, error.detail)))
        return JSONResponse(document, error.status_code, error.headers)

    @app.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        """A mistake of ours; what it was is logged by the server."""
        counts.refused.labels(TeclaError.code).inc()
        return JSONResponse(error_document(TeclaError("an error inside the service")), _INTERNAL)

    origins = service.settings.serve.allowed_origins
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
            max_age=600,
        )
    known = chain(app.routes, *(router.routes for router in routers))
    routes = {path for route in known if (path := getattr(route, "path", None))}
    gate = Gate(cast(GateApp, app), service.guard, service.settings.serve, counts, routes)
    return cast(ASGIApp, gate)
