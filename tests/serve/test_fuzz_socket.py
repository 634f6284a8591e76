"""Messages over a session, right, nearly right and not at all, in any order.

Whatever comes: the service ends a connection only with a close code that is documented, its text
is the client's as long as they are in step, the next connection works, and nothing is left.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from websockets.frames import Opcode

from serve.serving import EndedError, Live, Socket, live, until
from tecla.serve import socket_route

pytestmark = pytest.mark.slow
FEW, MANY = 150, 10_000
CLOSE_CODES = {
    1002,
    1007,
    1008,
    1009,
    socket_route.NONSENSE,
    socket_route.NO_KEY,
    socket_route.SLOW,
    socket_route.OUT_OF_STEP,
    socket_route.CROWDED,
}
LAST = 2**53 - 1  # a revision that is answered, whatever came before
NAMES = itertools.count()

TEXTS = st.one_of(
    st.sampled_from(["", " ", "the future", " of", "😀", "é", "\u0301", "\r\n", "\x00", "‍"]),
    st.text(max_size=20),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 60),
    st.sampled_from([-1, 2**53 - 2, 2**53, 2**64, 1.5, -0.0, float("nan"), float("inf"), 1e999]),
    TEXTS,
    st.sampled_from(["open", "edit", "accept", "dismiss", "list", "wish", "en", "strict", "off"]),
    st.lists(st.integers(0, 2), max_size=3),
    st.dictionaries(TEXTS, st.integers(0, 2), max_size=2),
)
FIELDS = st.sampled_from([
    "type", "revision", "text", "caret", "start", "end", "session", "user", "collection", "key",
    "eagerness", "max_words", "language", "deadline_ms", "filters", "stream", "x",
])  # fmt: skip
# What a client does: a kind, two places within the text, a text, and a revision too many or few.
STEPS = st.tuples(
    st.sampled_from(["edit", "edit", "edit", "accept", "dismiss", "list", "wish"]),
    st.floats(0, 1),
    st.floats(0, 1),
    TEXTS,
    st.sampled_from([1, 1, 1, 1, 1, 1, 1, 2, 100, 0, -1]),
)
SPOILT = st.one_of(  # over a message that would be right
    st.tuples(st.just("set"), FIELDS, VALUES),
    st.tuples(st.just("drop"), FIELDS, st.none()),
)
GARBAGE = st.one_of(
    st.binary(max_size=40),
    st.dictionaries(FIELDS, VALUES, max_size=6).map(lambda found: json.dumps(found).encode()),
    st.sampled_from([b"", b"{}", b"[]", b"null", b"\xff", b'{"type":' * 300, b"9" * 5000]),
)
MOVES = st.lists(
    st.one_of(
        st.tuples(STEPS, st.none()),
        st.tuples(STEPS, st.none()),
        st.tuples(STEPS, st.none()),
        st.tuples(STEPS, SPOILT),
        st.tuples(GARBAGE, st.sampled_from([Opcode.TEXT, Opcode.TEXT, Opcode.BINARY, Opcode.PING])),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def served() -> Iterator[Live]:
    with live(per_second=10**6, chars=60, idle_s=1) as found:
        yield found


class Writing:
    """A client and its text, as UTF-16, which is how offsets count."""

    def __init__(self, client: Socket, text: str) -> None:
        self.client, self.text, self.revision = client, text.encode("utf-16-le"), 1
        self.caret = len(self.text) // 2
        self.in_step = True

    def step(self, step: tuple[str, float, float, str, int], spoilt: Any) -> None:
        kind, first, last, text, ahead = step
        size = len(self.text) // 2
        start, end = sorted((round(first * size), round(last * size)))
        message: dict[str, Any] = {"type": kind}
        if kind in {"edit", "accept"}:
            message |= {"revision": self.revision + ahead, "text": text}
        elif kind != "wish":
            message |= {"revision": self.revision}
        if kind == "edit":
            message |= {"start": start, "end": end}
        if kind == "wish":
            message |= {"eagerness": first, "max_words": 1 + round(9 * last)}
        if spoilt is not None:
            what, field, value = spoilt
            message.pop(field, None)
            if what == "set":
                message[field] = value
            self.in_step = False
        elif kind in {"edit", "accept"}:
            self._apply(kind, start, end, text.encode("utf-16-le"))
            self.revision += ahead
            self.in_step &= ahead > 0
        self.client.text(json.dumps(message))

    def _apply(self, kind: str, start: int, end: int, text: bytes) -> None:
        if kind == "accept":
            start = end = self.caret
            self.in_step &= bool(text)
        self.in_step &= self._is_whole(start) and self._is_whole(end)
        self.text = self.text[: 2 * start] + text + self.text[2 * end :]
        self.caret = start + len(text) // 2
        self.in_step &= len(self.text.decode("utf-16-le", errors="replace")) <= 60

    def _is_whole(self, at: int) -> bool:
        """Whether no character is cut there."""
        return not b"\xdc" <= self.text[2 * at + 1 : 2 * at + 2] < b"\xe0"


def write(served: Live, opening: str, moves: list[Any]) -> None:
    name = f"text {next(NAMES)}"
    with Socket(served) as client:
        client.open(opening, session=name)
        writing = Writing(client, opening)
        try:
            for move, more in moves:
                if isinstance(move, bytes):
                    writing.in_step &= more is Opcode.PING
                    client.frame(more, move[:125] if more is Opcode.PING else move)
                else:
                    writing.step(move, more)
            client.send(type="edit", revision=LAST, start=0, end=0, text="")
            while (found := client.take())["revision"] != LAST:
                assert found["type"] in {"suggestion", "list"}
            if writing.in_step:
                event("in step")
                snapshot = served.on_loop(lambda: served.text(name).writer.snapshot)
                assert snapshot.before + snapshot.after == writing.text.decode("utf-16-le")
        except (EndedError, ConnectionError):
            code, reason = client.ending()
            event(f"closed with {code}")
            assert code in CLOSE_CODES
            assert reason
            assert reason.isprintable()
            assert not writing.in_step


def fuzz(served: Live, cases: int) -> None:
    tasks = served.on_loop(lambda: len(asyncio.all_tasks()))

    @settings(max_examples=cases, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(["", "the future", "😀é the fu"]), MOVES)
    def run(opening: str, moves: list[Any]) -> None:
        write(served, opening, moves)
        if next(NAMES) % 20 == 0:
            with Socket(served) as client:
                assert client.open(user=f"reader {next(NAMES)}")["text"].startswith(" of")

    run()
    until(lambda: served.open_connections == 0)
    until(lambda: served.metrics.open_connections == 0)
    until(lambda: served.on_loop(lambda: len(asyncio.all_tasks())) <= tasks)
    until(lambda: served.suggester.counters()["pending"] == 0)
    served.on_loop(served.service.texts.close_all)
    until(lambda: served.suggester.counters()["sessions"] == 0)
    with Socket(served) as client:
        assert client.open(user=f"reader {next(NAMES)}")["text"].startswith(" of")


def test_any_messages(served: Live) -> None:
    fuzz(served, FEW)


@pytest.mark.soak
def test_any_messages_at_length(served: Live) -> None:
    fuzz(served, MANY)


def test_any_bytes_after_the_handshake(served: Live) -> None:
    @settings(max_examples=FEW, database=None)
    @given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=4))
    def send(pieces: list[bytes]) -> None:
        with Socket(served) as client:
            for each in pieces:
                try:
                    client.raw(each)
                except ConnectionError:
                    break

    send()
    until(lambda: served.open_connections == 0)
    with Socket(served) as client:
        assert client.open(user=f"reader {next(NAMES)}")["text"].startswith(" of")
