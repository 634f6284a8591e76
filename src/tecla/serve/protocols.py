"""What uvicorn's protocols lack where clients are slow, gone or malicious.

Every wait for a client has an end: for the head of a request, for what was sent to be read, for a
connection that has died without a word (`TCP_USER_TIMEOUT`, where the system has it). Every memory
that a client can fill has a bound: heads, pongs that nobody reads, the pieces of one message, the
number of connections. What a client does wrong is told as any other error is, as far as it can
still be told.
"""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import suppress
from typing import Final, cast

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from tecla.errors import OUTSIDE, InputError, OverloadedError, TeclaError, TooLargeError
from tecla.serve.gate import error_document, error_headers

HEAD_S: Final = 10.0  # a request's head must be there within
READ_S: Final = 10.0  # and what waits to be sent be read within
GONE_S: Final = 30.0  # a peer that acknowledges nothing for so long is gone
HEAD_BYTES: Final = 16 << 10
MOST_PIECES: Final = 1024  # of one WebSocket message
MOST_PINGS_S: Final = 20  # of one client, a second
BACKLOG: Final = 128  # connections that are taken at once, before any of them is looked at
_FILES_KEPT: Final = 3 * BACKLOG  # of the process: some come, some go, and some are no connections
_LARGE_HEAD: Final = 431
_NO_TEXT, _POLICY = 1007, 1008  # close codes, RFC 6455
_HEAD_ENDS: Final = (b"\r\n\r\n", b"\n\n")


class _Patience:
    """Ends a connection that does not read, once it has not for `READ_S`."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport, self._loop = transport, asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        ends = transport.get_extra_info("socket")
        if ends is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            with suppress(OSError):  # no TCP, or gone already
                wait_ms = round(1000 * GONE_S)
                ends.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, wait_ms)

    def lose(self) -> None:
        if self._timer is None:
            self._timer = self._loop.call_later(READ_S, self._transport.abort)

    def regain(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class HTTPProtocol(H11Protocol):
    """HTTP/1.1 for clients that send a head in time and read what they are sent."""

    limit = 1 << 20  # connections of the process; `http_protocol` makes a class with another one

    _patience: _Patience
    _head: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request, if there is room for another connection."""
        super().connection_made(transport)
        self._patience = _Patience(transport)
        self._await_head()
        if len(self.connections) > self.limit:
            self._refuse(
                OverloadedError(
                    f"{self.limit} connections are open, the most there may be; try again in 1 s",
                    retry_after_ms=1000.0,
                )
            )

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of a head whose first bytes these are, up to a size."""
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE:
            if self._head is None:
                self._await_head()
            if self._is_large_head(data):
                self._refuse(_large_head(), _LARGE_HEAD)
                return
        super().data_received(data)

    def handle_events(self) -> None:
        """Stop waiting once a head is there."""
        before = self.scope
        super().handle_events()
        if self.scope is not before:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for."""
        self._stop_waiting()
        self._patience.regain()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads more slowly than it is sent to."""
        super().pause_writing()
        self._patience.lose()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._patience.regain()
        super().resume_writing()

    def shutdown(self) -> None:
        """No request that is not there yet is waited for."""
        self._stop_waiting()
        super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Tell what is wrong as every route does."""
        self._refuse(InputError("this is no HTTP/1.1 request"))

    def _is_large_head(self, data: bytes) -> bool:
        """Whether a head, of which some may be there already, does not end in time."""
        begun = self.conn.trailing_data[0]
        if len(begun) + len(data) <= HEAD_BYTES:
            return False
        head = (begun + data)[:HEAD_BYTES]
        return not any(end in head for end in _HEAD_ENDS)

    def _await_head(self) -> None:
        self._head = self.loop.call_later(HEAD_S, self._too_late)

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, error: TeclaError, status: int | None = None) -> None:
        """Answer without asking the app, unless an answer is on its way already; hang up."""
        self._stop_waiting()
        status = status or OUTSIDE[error.code].http_status
        body = json.dumps(error_document(error)).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
            *((key.encode(), value.encode()) for key, value in error_headers(error).items()),
        ]
        head = h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status])
        with suppress(h11.LocalProtocolError):
            for event in (head, h11.Data(data=body), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


class SocketProtocol(WebSocketsSansIOProtocol):
    """WebSocket for clients that read what they are sent, and send messages, not pieces or pings.

    A client that does otherwise is cut off.
    """

    _patience: _Patience
    _pings = 0
    _pings_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over from HTTP."""
        super().connection_made(transport)
        self._patience = _Patience(cast(asyncio.Transport, transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for."""
        self._patience.regain()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads more slowly than it is sent to."""
        super().pause_writing()
        self._patience.lose()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._patience.regain()
        super().resume_writing()

    def handle_ping(self) -> None:
        """Answer, unless the answers are not read or there are too many."""
        now_s = self.loop.time()
        if now_s - self._pings_since >= 1.0:
            self._pings, self._pings_since = 0, now_s
        self._pings += 1
        if not self.writable.is_set():
            self.transport.abort()
        elif self._pings > MOST_PINGS_S:
            self._cut_off(f"more than {MOST_PINGS_S} pings in a second; send fewer")
        else:
            super().handle_ping()

    def handle_cont(self, event: Frame) -> None:
        """One more piece of a message."""
        if len(self.frames) >= MOST_PIECES:
            self._cut_off(f"a message in more than {MOST_PIECES} pieces; send it as one")
        else:
            super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Pass a message on, unless it is text that is none."""
        if self.curr_msg_data_type == "text" and not _is_text(self.frames):
            self._cut_off("a message is no UTF-8", _NO_TEXT)
        else:
            super().send_receive_event_to_app()

    def _cut_off(self, reason: str, code: int = _POLICY) -> None:
        self.frames = []
        if not self.close_sent and not self.transport.is_closing():
            self.conn.fail(code, reason)
            self.handle_parser_exception()


def http_protocol(most: int) -> type[HTTPProtocol]:
    """HTTP where no more than `most` connections, of all kinds, are open at once."""
    return type("BoundedHTTPProtocol", (HTTPProtocol,), {"limit": most})


def most_connections() -> int:
    """Let this process open as many files as it may; how many connections that allows."""
    try:
        import resource
    except ImportError:  # Windows, where sockets are no files
        return HTTPProtocol.limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(OSError, ValueError):  # macOS has a hard limit that it does not mean
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
    if soft == resource.RLIM_INFINITY:
        return HTTPProtocol.limit
    return min(HTTPProtocol.limit, max(1, soft - _FILES_KEPT))


def _large_head() -> TeclaError:
    return TooLargeError(
        f"the head has more than {HEAD_BYTES} bytes; send fewer or shorter headers"
    )


def _is_text(pieces: list[bytes]) -> bool:
    try:
        b"".join(pieces).decode()
    except UnicodeDecodeError:
        return False
    return True
