"""The typists of `load.py`, in a process of its own, so that what they cost is counted apart.

All keys of all typists are one list in the order of their times (`replay_typists.py`), and are hit
at those times whether or not the server keeps up. Run with one JSON object (`Plan`) as its
argument; the last line of its output is one JSON object with the figures of the run.

- `SocketTypists`: the session over WebSocket, one connection and one user a typist.
- `HttpTypists`: llama.cpp's server, one request a key, hung up at the next key, one slot a typist.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from load_field import Field, Hit
from load_figures import Meter, figures, percentile
from replay_clients import Asked, HttpClient
from replay_typists import Corpora, Typist, schedule
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

SETTLE_S: Final = 0.5  # after the last key
_CONNECT_S: Final = 60.0
_CONNECTING: Final = 20  # at once
_CLOSED: Final = "the connection was closed"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: whom to ask, who types, for how long, and whose CPU to count (by name)."""

    port: int
    is_llama: bool
    max_tokens: int
    typists: int
    seconds: float
    warm_up_s: float
    seed: int
    split: str
    corpora: str
    deadline_ms: float
    processes: dict[str, int]


class Typists(Protocol):
    """How typists ask a server."""

    async def connect(self, count: int) -> None:
        """Open what is held open."""

    def hit(self, number: int, before: str, hit: Hit) -> None:
        """Send one key; what waits for the last one of the same typist is given up."""

    async def close(self) -> None:
        """Close what is held open."""


class _Socket(asyncio.Protocol):
    """One WebSocket connection on a bare transport: a client library's tasks would cost more."""

    def __init__(self, port: int) -> None:
        self.field = Field()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: str | None = None
        self._protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/v1/session"))
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._flush()
        now_s = time.perf_counter()
        for event in self._protocol.events_received():
            if not isinstance(event, Frame):
                if not self.opened.done():
                    self.opened.set_result(None)
            elif event.opcode is Opcode.TEXT:
                self.field.hear(bytes(event.data).decode(), now_s)
            elif event.opcode is Opcode.CLOSE:
                self._end(f"closed with {self._protocol.close_code}")

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(_CLOSED)

    def send(self, message: str) -> None:
        if self.lost is None:
            self._protocol.send_text(message.encode())
            self._flush()

    def close(self) -> None:
        self.lost = self.lost or ""
        if self._transport is not None:
            self._transport.close()

    def _end(self, why: str) -> None:
        if self.lost is None:
            self.lost = why
            if self.field.hit is not None:
                self.field.hit.failed = why
        if not self.opened.done():
            self.opened.set_exception(ConnectionError(why))

    def _flush(self) -> None:
        assert self._transport is not None
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)


class SocketTypists:
    """Typists at text fields."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sockets: list[_Socket] = []

    async def connect(self, count: int) -> None:
        """One connection each, a few at a time."""
        loop, gate = asyncio.get_running_loop(), asyncio.Semaphore(_CONNECTING)

        async def one(number: int) -> _Socket:
            async with gate, asyncio.timeout(_CONNECT_S):
                _, socket = await loop.create_connection(
                    lambda: _Socket(self._port), "127.0.0.1", self._port
                )
                await socket.opened
                socket.send(socket.field.opening(f"typist-{number}"))
                return socket

        self._sockets = await asyncio.gather(*map(one, range(count)))

    def hit(self, number: int, before: str, hit: Hit) -> None:
        """Change the text in the field, and tell the service unless it need not know."""
        socket = self._sockets[number]
        if socket.lost is not None:
            hit.failed = socket.lost
            return
        message = socket.field.type(before, hit, hit.sent_s)
        if message is not None:
            socket.send(message)

    async def close(self) -> None:
        """Hang up."""
        for socket in self._sockets:
            socket.close()


class _Told(Asked):
    """A request of `HttpClient` whose answer goes to a hit."""

    __slots__ = ("hit",)

    def __init__(self, before: str, hit: Hit) -> None:
        super().__init__(before)
        self.hit = hit

    def show(self, text: str) -> None:
        """What has been streamed so far."""
        self.hit.show(text, time.perf_counter())

    def reply(self, **values: Any) -> None:
        """The end of an answer."""
        now_s = time.perf_counter()
        if values.get("refused"):
            self.hit.refused_s = now_s
        elif values.get("failed"):
            self.hit.failed = values["failed"]
        else:
            self.hit.is_neural, self.hit.source = True, "model"
            self.hit.settle(values["text"], None, now_s)


class HttpTypists:
    """Typists who hang up at the next key."""

    def __init__(self, port: int, max_tokens: int) -> None:
        self._client = HttpClient(max_tokens, None)
        self._port = port
        self._asking: list[asyncio.Task[None] | None] = []

    async def connect(self, count: int) -> None:
        """Nothing is held open."""
        await self._client.connect(self._port, count)
        self._asking = [None] * count

    def hit(self, number: int, before: str, hit: Hit) -> None:
        """Ask for the rest of the line."""
        old = self._asking[number]
        if old is not None:
            old.cancel()
        self._asking[number] = asyncio.create_task(self._client.ask(number, _Told(before, hit)))

    async def close(self) -> None:
        """Hang up."""
        asking = [task for task in self._asking if task is not None]
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def type_all(
    asked: Typists, typists: Sequence[Typist]
) -> tuple[list[list[Hit]], list[float]]:
    """All keys at their times; what came of each by typist, and how late each was hit, in ms."""
    keys = [
        (at_s, number, before)
        for number, typist in enumerate(typists)
        for at_s, before in [
            *((key.at_s, key.before) for key in typist.keys),
            (typist.end_s, None),
        ]
    ]
    keys.sort(key=lambda key: key[0])
    hits: list[list[Hit]] = [[] for _ in typists]
    lags_ms: list[float] = []
    start_s = time.perf_counter() + 0.1
    for at_s, number, before in keys:
        early_s = start_s + at_s - time.perf_counter()
        if early_s > 0:
            await asyncio.sleep(early_s)
        now_s, own = time.perf_counter(), hits[number]
        if own:
            own[-1].dropped_s = now_s
        if before is None:
            continue
        lags_ms.append(1000 * (now_s - start_s - at_s))
        own.append(Hit(sent_s=now_s))
        asked.hit(number, before, own[-1])
        if early_s <= 0:
            await asyncio.sleep(0)  # what has come meanwhile is heard all the same
    await asyncio.sleep(SETTLE_S)
    return hits, lags_ms


def _typists(plan: Plan) -> Typists:
    if plan.is_llama:
        return HttpTypists(plan.port, plan.max_tokens)
    return SocketTypists(plan.port)


async def run(plan: Plan) -> dict[str, Any]:
    """Warm up, type, and say what came of it."""
    corpora, count = Corpora(Path(plan.corpora), plan.split), range(plan.typists)
    warm_up = [schedule(corpora, plan.seed + 1, number, plan.warm_up_s) for number in count]
    typists = [schedule(corpora, plan.seed, number, plan.seconds) for number in count]
    asked = _typists(plan)
    await asked.connect(plan.typists)
    try:
        if plan.warm_up_s:
            await type_all(asked, warm_up)
        meter = Meter(plan.processes)
        hits, lags_ms = await type_all(asked, typists)
        measured = meter.read(sum(map(len, hits)))
    finally:
        with suppress(OSError):
            await asked.close()
    found = figures(typists, hits, plan.deadline_ms)
    return {**found, **measured, "lag_p99_ms": percentile(lags_ms, 99)}


def main() -> None:
    """Run the plan that is given; without one nothing is done."""
    if len(sys.argv) == 2:
        print(json.dumps(asyncio.run(run(Plan(**json.loads(sys.argv[1]))))))


if __name__ == "__main__":
    main()
