"""A service on the fake engine behind real sockets, and clients that do as they like with them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from serve.conftest import (
    MANNER,
    SAID,
    TOKENIZER,
    few_words,
    learning_of,
    settings_of,
    unhurried,
)
from serve.held import LIMIT_S, HeldEngine, Watched
from tecla import Suggester
from tecla.controller.systems import Systems
from tecla.engines.factory import LoadedModel
from tecla.models.info import ModelInfo
from tecla.serve.metrics import Metrics
from tecla.serve.run import Server, config_of
from tecla.serve.service import Service
from tecla.serve.texts import OpenText
from tecla.store.base import Store
from tecla.store.keys import KeyScope, make_key
from tecla.store.memory import MemoryStore

INFO = ModelInfo("fake", Path("fake"), 0, "fake", None, 512)


def until(holds: Callable[[], object], what: str = "it") -> None:
    """Wait for something that happens in another thread or process."""
    limit = time.monotonic() + LIMIT_S
    while not holds():
        assert time.monotonic() < limit, f"{what} took too long"
        time.sleep(0.002)


class Peer:
    """A service as one sees it that has its address."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._keeps_little = False

    def connect(self) -> socket.socket:
        end = socket.socket()
        end.settimeout(LIMIT_S)
        if self._keeps_little:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        try:
            end.connect(("127.0.0.1", self.port))
        except OSError:
            end.close()
            raise
        return end

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        with self.connect() as end:
            end.sendall(request(method, path, body, **headers))
            return Answer.read(end)

    def suggest(self, before: str = "the future", **asked: Any) -> Answer:
        return self.ask("POST", "/v1/suggest", {"before": before, **asked})

    def health(self) -> str:
        answer = self.ask("GET", "/healthz")
        state = answer.document["state"]
        assert isinstance(state, str)
        assert (answer.status == 200) == (state in {"serving", "classical"})
        return state


class Live(Peer):
    """A service in this process, listening."""

    def __init__(
        self,
        service: Service,
        metrics: Metrics,
        engine: HeldEngine,
        suggester: Watched,
        most: int,
        systems: Systems | None = None,
    ) -> None:
        self.service, self.metrics, self.engine = service, metrics, engine
        self.suggester = suggester
        self.server = Server(config_of(service, most, metrics, systems), service)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        until(lambda: self.server.started or not self._thread.is_alive(), "the start")
        self._listening = self.server.servers[0].sockets[0]
        super().__init__(self._listening.getsockname()[1])

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.server.serve()

    @property
    def open_connections(self) -> int:
        """Of all kinds."""
        return len(self.server.server_state.connections)

    def text(self, name: str) -> OpenText:
        """The open text of that session, whoever owns it."""
        (found,) = (each for (_, at), each in self.service.texts._open.items() if at == name)
        return found

    def on_loop(self, job: Callable[[], Any]) -> Any:
        """What `job` gives on the service's own thread."""

        async def call() -> Any:
            return job()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(LIMIT_S)

    def key(self, *scopes: KeyScope, **terms: Any) -> str:
        """A new key; `terms` are those of `make_key`."""
        new = make_key("test", scopes or ("suggest",), 1_000.0, **terms)
        self.service.store.keys.add(new.stored)
        return new.text

    def keep_little(self) -> None:
        """Have the system keep little of what is sent over connections to come, and not read."""
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._keeps_little = True

    def stop(self) -> None:
        """End in good order."""
        self.engine.let_go()
        self.server.should_exit = True
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive()


@contextmanager
def live(
    *,
    store: Store | None = None,
    asks_for_keys: bool = False,
    said: str = SAID,
    context_tokens: int = 512,
    most: int = 1000,
    systems: Systems | None = None,
    port: int = 0,
    model: Suggester | None = None,
    **limits: object,
) -> Iterator[Live]:
    """A service that listens on a free port of this machine, with `model` or the fake one."""
    engine = HeldEngine(said, context_tokens)
    suggester = Watched(model or Suggester(LoadedModel(engine, TOKENIZER, INFO)))
    settings = settings_of(port=port, **limits)
    with contextlib.ExitStack() as held:
        held.enter_context(few_words())
        kept = store or held.enter_context(MemoryStore())
        service = Service(
            settings,
            suggester,
            kept,
            asks_for_keys=asks_for_keys,
            manner=MANNER,
            predictors={"": ("frequency:en",)},
            learning=learning_of(settings, kept),
        )
        unhurried(service)
        found = Live(service, Metrics(), engine, suggester, most, systems)
        held.callback(found.stop)
        yield found


def request(method: str, path: str, body: object = None, **headers: str) -> bytes:
    """A request as bytes; `body` is sent as JSON unless it is bytes."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"host": "127.0.0.1", "content-type": "application/json"}
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    if data:
        given.setdefault("content-length", str(len(data)))
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data


class Answer:
    """What came back over a socket."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        found = self.document["error"]
        assert isinstance(found, dict)
        assert found["message"]
        return found

    @classmethod
    def read(cls, end: socket.socket) -> Answer:
        """One answer, to its end."""
        data = end.makefile("rb")
        status = int(data.readline().split()[1])
        headers = {}
        while line := data.readline().strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if "content-length" in headers:
            body = data.read(int(headers["content-length"]))
        else:
            body = b""
            while size := int(data.readline() or b"0", 16):
                body += data.read(size)
                data.readline()
        return cls(status, headers, body)


def is_cut(end: socket.socket) -> bool:
    """Whether the other side hangs up, whatever it says before."""
    try:
        while end.recv(1 << 16):
            pass
    except ConnectionError:
        pass
    return True


def vanish(end: socket.socket) -> None:
    """Close at once, without a word of good-bye."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.close()


class EndedError(Exception):
    """The service has ended a connection, for a reason or without a word."""

    def __init__(self, closed: tuple[int, str] | None) -> None:
        super().__init__(closed)
        self.code = None if closed is None else closed[0]


class Socket:
    """A WebSocket of which every frame can be made by hand."""

    def __init__(self, live: Peer, **headers: str) -> None:
        self.end = live.connect()
        self._client = ClientProtocol(
            parse_uri(f"ws://127.0.0.1:{live.port}/v1/session"), max_size=None
        )
        opening = self._client.connect()
        for name, value in headers.items():
            opening.headers[name.replace("_", "-")] = value
        self._client.send_request(opening)
        self._flush()
        self._events: list[object] = []
        self.response = self._next()

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self.end.close()

    def send(self, **message: Any) -> None:
        self.text(json.dumps(message))

    def text(self, text: str) -> None:
        self._client.send_text(text.encode())
        self._flush()

    def frame(self, opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> None:
        """Any frame, allowed or not."""
        self.raw(frame(opcode, data, fin=fin))

    def raw(self, data: bytes) -> None:
        self.end.sendall(data)

    def open(self, text: str = "the future", **fields: Any) -> dict[str, Any]:
        """Open, and the settled answer."""
        caret = len(text.encode("utf-16-le")) // 2
        self.send(type="open", revision=1, text=text, caret=caret, **fields)
        assert self.take()["type"] == "opened"
        return self.settled()

    def settled(self) -> dict[str, Any]:
        while True:
            found = self.take()
            if found["type"] == "refused" or found.get("settled", True):
                return found

    def take(self) -> dict[str, Any]:
        """The next message."""
        while True:
            event = self._next()
            if not isinstance(event, Frame) or event.opcode is Opcode.CLOSE:
                raise EndedError(self.closed)
            if event.opcode is Opcode.TEXT:
                found = json.loads(bytes(event.data))
                assert isinstance(found, dict)
                return found

    @property
    def closed(self) -> tuple[int, str] | None:
        """Why the service has ended it."""
        close = self._client.close_rcvd
        return None if close is None else (close.code, close.reason)

    def ending(self) -> tuple[int, str]:
        """Read to the end; why the service ends it."""
        while self._next() is not None:
            pass
        assert self.closed is not None, "cut without a reason"
        return self.closed

    def _next(self) -> Any:
        """The next event; `None` once the connection has ended."""
        while not self._events:
            try:
                data = self.end.recv(1 << 16)
            except ConnectionError:
                data = b""
            if data:
                self._client.receive_data(data)
            elif self._client.parser_exc is None:
                self._client.receive_eof()
            self._events.extend(self._client.events_received())
            if not data and not self._events:
                return None
            with contextlib.suppress(OSError):  # the answer to a ping or a close
                self._flush()
        return self._events.pop(0)

    def _flush(self) -> None:
        for data in self._client.data_to_send():
            if data:
                self.end.sendall(data)


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    """A frame as a client sends it."""
    return Frame(opcode, data, fin).serialize(mask=True)
