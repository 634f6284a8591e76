"""What stands before the routes: names, origins, sizes, times and headers, checked before parsing.

*Host*: a page on the web can have its own name resolve to this machine and then ask it as if it
were its own server; whoever calls the service by a name that it does not have is refused.
*Origin*: browsers tell which page asks, and for a WebSocket or a plain form they ask nobody's
leave; only allowed origins and the service's own page are let in. *Bodies* are bounded and must
arrive in time.

*Keys* are checked before a body is read.

Pure ASGI, so that the cost of a connection stays that of its own work.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

from tecla.errors import (
    OUTSIDE,
    ForbiddenError,
    OverloadedError,
    RequestTimeoutError,
    TeclaError,
    TooLargeError,
    UnauthorizedError,
)
from tecla.serve.guard import Caller, Guard
from tecla.serve.metrics import Metrics
from tecla.settings import ServeSettings

Message = MutableMapping[str, Any]
ASGISend = Callable[[Message], Awaitable[None]]
ASGIReceive = Callable[[], Awaitable[Message]]
ASGIApp = Callable[[Message, ASGIReceive, ASGISend], Awaitable[None]]

BODY_S: Final = 10.0
_DISCARD_S: Final = 2.0
_DISCARDED_BYTES: Final = 64 << 20
_TYPES: Final = {  # as OpenAI's clients know them
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "invalid_request_error",
    413: "invalid_request_error",
    429: "rate_limit_error",
}
_WITH_KEY: Final = "/v1/"
_STARTS: Final = frozenset({"http.response.start", "websocket.http.response.start"})
_PORT: Final = re.compile(r":\d+\Z")
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_JSON_BYTES_PER_CHAR: Final = 12  # of a character beyond the BMP, escaped
_JSON_SLACK: Final = 64 << 10
_SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-site"),
)
_PAGE_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Gate:
    """In front of an ASGI app. Routes find who asks under `caller` in the scope."""

    def __init__(
        self,
        app: ASGIApp,
        guard: Guard,
        settings: ServeSettings,
        metrics: Metrics,
        routes: Collection[str] = (),
    ) -> None:
        """Let through who may ask a service with these settings; `guard` knows the keys.

        Answers are counted in `metrics` by the route they come from, one of `routes`.
        """
        self._app, self._guard = app, guard
        self._metrics, self._routes = metrics, frozenset(routes)
        self._origins = frozenset(settings.allowed_origins)
        host = settings.host.lower()
        self._names = {host, *(urlsplit(each).netloc for each in self._origins)}
        if is_loopback(host):
            self._names |= _LOOPBACK
        self._has_any_name = host in {"0.0.0.0", "::"}
        self.body_bytes = settings.chars * _JSON_BYTES_PER_CHAR + _JSON_SLACK

    async def __call__(self, scope: Message, receive: ASGIReceive, send: ASGISend) -> None:
        """Let a request or connection through, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        counting = self._counted(scope, send)
        try:
            self._check_names(scope, headers)
            if scope["type"] == "websocket":
                await self._app(scope, receive, send)
                return
            if scope["path"].startswith(_WITH_KEY) and scope["method"] != "OPTIONS":
                caller = caller_of(self._guard, headers.get(b"authorization"))
                self._guard.count(caller)
                scope["caller"] = caller
            body = await self._body(headers, receive)
        except TeclaError as error:
            if scope["type"] == "http":
                await _discard(receive)
            self._metrics.refused.labels(error.code).inc()
            await _refuse(scope, counting, error)
            return
        await self._app(scope, _once(body, receive), _with_headers(counting))

    def _counted(self, scope: Message, send: ASGISend) -> ASGISend:
        """`send` that counts the answer, by names of routes alone: paths are whatever is asked."""

        async def sending(message: Message) -> None:
            if message["type"] in _STARTS:
                path = getattr(scope.get("route"), "path", scope["path"])
                route = path if path in self._routes else "other"
                self._metrics.requests.labels(route, str(message["status"])).inc()
            await send(message)

        return sending

    def _check_names(self, scope: Message, headers: dict[bytes, bytes]) -> None:
        """Raise `ForbiddenError` for a wrong name, or a page that may not ask."""
        name = headers.get(b"host", b"").decode("latin-1").lower()
        host = name.rpartition(":")[0] if _PORT.search(name) else name
        if not (self._has_any_name or host in self._names or name in self._names):
            raise ForbiddenError("this service is not called so; use its own name, or `origins`")
        origin = headers.get(b"origin", b"").decode("latin-1").lower()
        if origin and origin not in self._origins and urlsplit(origin).netloc != name:
            raise ForbiddenError("this page's origin is not allowed; add it to `origins`")

    async def _body(self, headers: dict[bytes, bytes], receive: ASGIReceive) -> bytes:
        """The whole body, if it is not too large and comes in time."""
        length = headers.get(b"content-length")
        if length is not None and (not length.isdigit() or int(length) > self.body_bytes):
            raise self._too_large()
        parts, n_bytes, more = [], 0, True
        try:
            async with asyncio.timeout(BODY_S):
                while more:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise RequestTimeoutError("the body was not sent to its end")
                    parts.append(message.get("body", b""))
                    n_bytes += len(parts[-1])
                    more = message.get("more_body", False)
                    if n_bytes > self.body_bytes:
                        raise self._too_large()
        except TimeoutError:
            raise RequestTimeoutError(
                f"the body did not come within {BODY_S:.0f} s; send it at once"
            ) from None
        return b"".join(parts)

    def _too_large(self) -> TooLargeError:
        return TooLargeError(f"the body has more than {self.body_bytes} bytes; send less text")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def bearer(authorization: bytes | None) -> str | None:
    """The key in an Authorization header."""
    kind, _, key = (authorization or b"").decode("latin-1").partition(" ")
    return key.strip() if kind.lower() == "bearer" else None


def caller_of(guard: Guard, authorization: bytes | None, key: str = "") -> Caller:
    """Whose key is in an Authorization header, or else `key`.

    Raises `UnauthorizedError` if it is nobody's.
    """
    given = bearer(authorization) or key or None
    if given is None and authorization and guard.asks_for_keys:
        raise UnauthorizedError(
            "the header Authorization holds no Bearer key; send 'Authorization: Bearer KEY'"
        )
    return guard.caller(given)


def error_document(error: TeclaError) -> dict[str, Any]:
    """An error as every route tells it."""
    document: dict[str, Any] = {
        "code": error.code,
        "message": str(error),
        "type": _TYPES.get(OUTSIDE[error.code].http_status, "server_error"),
        "param": None,
    }
    if isinstance(error, OverloadedError):
        document["retry_after_ms"] = round(error.retry_after_ms)
    return {"error": document}


def error_headers(error: TeclaError) -> dict[str, str]:
    """The headers that go with an error."""
    if isinstance(error, OverloadedError):
        return {"retry-after": str(max(1, math.ceil(error.retry_after_ms / 1000)))}
    if isinstance(error, UnauthorizedError):
        return {"www-authenticate": "Bearer"}
    return {}


def _once(body: bytes, receive: ASGIReceive) -> ASGIReceive:
    """A body that is there, and then what the connection says."""
    told = False

    async def receiving() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


def _with_headers(send: ASGISend) -> ASGISend:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            extra = [*_SECURITY, (b"content-security-policy", _PAGE_POLICY)]
            known = {key for key, _ in message.get("headers", [])}
            if b"cache-control" not in known:
                extra.append((b"cache-control", b"no-store"))
            message["headers"] = [*message.get("headers", []), *extra]
        await send(message)

    return sending


async def _discard(receive: ASGIReceive) -> None:
    """Let a client send its body, within reason: one that is cut off does not read why."""
    left = _DISCARDED_BYTES
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return


async def _refuse(scope: Message, send: ASGISend, error: TeclaError) -> None:
    body = json.dumps(error_document(error)).encode()
    kind = "websocket.http.response" if scope["type"] == "websocket" else "http.response"
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *((key.encode(), value.encode()) for key, value in error_headers(error).items()),
    ]
    status = OUTSIDE[error.code].http_status
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})
