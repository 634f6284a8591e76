"""The session over WebSocket: edits in, suggestions out, and what ends it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from starlette.testclient import WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocket, WebSocketDisconnect

from serve.conftest import Made, Make
from tecla.serve import socket_route
from tecla.serve.pressure import Level
from tecla.serve.socket_route import Connection

FUTURE = "the future"
WHERE = "ws://127.0.0.1:8757/v1/session"


class Client:
    """One end of a session."""

    def __init__(self, socket: WebSocketTestSession) -> None:
        self.socket = socket
        self.revision = 0

    def send(self, kind: str, **fields: Any) -> None:
        if kind in {"open", "edit", "accept"}:
            self.revision += 1
            fields.setdefault("revision", self.revision)
        self.socket.send_text(json.dumps({"type": kind, **fields}))

    def take(self) -> dict[str, Any]:
        found = json.loads(self.socket.receive_text())
        assert isinstance(found, dict)
        return found

    def settled(self, revision: int | None = None) -> dict[str, Any]:
        """The settled suggestion of a revision, by default of the newest."""
        shown = ""
        while True:
            found = self.take()
            if found["type"] != "suggestion" or found["revision"] != (revision or self.revision):
                continue
            text = found.get("text", "")
            assert isinstance(text, str)
            assert text.startswith(shown)
            shown = text
            if found.get("settled", True):
                return found

    def opened(self, text: str = FUTURE, caret: int | None = None, **fields: Any) -> dict[str, Any]:
        """Open, and the settled answer."""
        self.send("open", text=text, caret=len(text) if caret is None else caret, **fields)
        first = self.take()
        assert first["type"] == "opened"
        return {**first, **self.settled()}

    def ending(self) -> tuple[int, str]:
        """Why the service ends it."""
        while True:
            try:
                self.socket.receive_text()
            except WebSocketDisconnect as ended:
                return ended.code, ended.reason or ""


@contextmanager
def connected(made: Made, **headers: str) -> Iterator[Client]:
    with made.client.websocket_connect(WHERE, headers=headers) as socket:
        yield Client(socket)


class Hasty:
    """A connection on which an edit and what is done behind it come together, without a pause."""

    headers: dict[str, str] = {}  # noqa: RUF012

    def __init__(self, then: str) -> None:
        self.waiting = deque([{"type": "open", "revision": 1, "text": FUTURE, "caret": 10}])
        self.then, self.said = then, []
        self.text, self.quiet, self.is_settled = "", 0, asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        if not self.waiting:
            await self.is_settled.wait()
            self.is_settled.clear()
        if not self.waiting:
            return {"type": "websocket.disconnect", "code": 1000}
        return {"type": "websocket.receive", "text": json.dumps(self.waiting.popleft())}

    async def send_text(self, raw: str) -> None:
        said = json.loads(raw)
        self.said.append(said)
        if said["type"] != "suggestion" or not said.get("settled", True):
            return
        if said["revision"] == 1:
            text, self.quiet = said["text"], said["quiet"]
            typed, self.text = text[: self.quiet], text[self.quiet :]
            edit = {"type": "edit", "revision": 2, "start": 10, "end": 10, "text": typed}
            then = {"type": self.then, "revision": 2}
            if self.then == "accept":
                then |= {"revision": 3, "text": self.text}
            self.waiting += [edit, then]
        if said["revision"] != 2 or self.then != "accept":
            self.is_settled.set()


def hastily(made: Made, then: str) -> Hasty:
    socket = Hasty(then)
    assert made.client.portal is not None
    made.client.portal.call(Connection(made.service, made.metrics, cast(WebSocket, socket)).run)
    assert socket.quiet > 0
    made.service.feedback.flush()
    return socket


def test_open_and_type_on(made: Made) -> None:
    with connected(made) as client:
        first = client.opened()
        assert first["text"].startswith(" of the")
        assert first["words"][0] == 3
        evaluated = made.engine.evaluated_tokens
        for count, letter in enumerate(" of"):
            at = len(FUTURE) + count
            client.send("edit", start=at, end=at, text=letter)
            found = client.settled()
            assert found["source"] == "typed"
            assert found["text"] == first["text"][count + 1 :]
        assert made.engine.evaluated_tokens == evaluated


def test_what_may_be_typed_without_a_message(made: Made) -> None:
    with connected(made) as client:
        first = client.opened()
        quiet = first["quiet"]
        assert 0 < quiet < len(first["text"])
        evaluated = made.engine.evaluated_tokens
        client.send("edit", start=10, end=10, text=first["text"][:quiet])  # told all at once
        found = client.settled()
        assert (found["source"], found["text"]) == ("typed", first["text"][quiet:])
        assert made.engine.evaluated_tokens == evaluated


def test_a_suggestion_is_accepted_by_words(made: Made) -> None:
    with connected(made) as client:
        first = client.opened()
        client.send("accept", text=" of")
        second = client.settled()
        assert first["text"].removeprefix(" of").startswith(second["text"])
        client.send("accept", text=second["text"])
        assert client.settled()
    made.service.feedback.flush()
    kinds = [event.kind for event in made.store.feedback.events()]
    assert kinds[:3] == ["shown", "part_accepted", "accepted"]
    assert made.metrics.accepted._value.get() == 2


def test_what_was_typed_in_silence_is_no_part_of_what_is_accepted(made: Made) -> None:
    socket = hastily(made, "accept")
    made.service.feedback.flush()
    taken = [event for event in made.store.feedback.events() if event.kind == "accepted"]
    assert [event.accepted_chars for event in taken] == [len(socket.text)]


def test_what_is_listed_with_an_edit_is_of_the_text_behind_it(made: Made) -> None:
    socket = hastily(made, "list")
    (found,) = (said for said in socket.said if said["type"] == "list")
    assert found["revision"] == 2
    assert found["items"][0]["text"] == socket.text


def test_what_is_dismissed_with_an_edit_is_not_shown_again(made: Made) -> None:
    socket = hastily(made, "dismiss")
    assert [event.kind for event in made.store.feedback.events()] == ["shown", "rejected"]
    assert [said["revision"] for said in socket.said if said["type"] == "suggestion"] == [1, 1, 2]


def test_what_was_never_shown_can_be_put_in_all_the_same(made: Made) -> None:
    with connected(made) as client:
        client.opened()
        client.send("accept", text=" xyz")
        assert client.settled()
        assert made.metrics.accepted._value.get() == 0
        assert made.metrics.saved._value.get() == 0
        client.send("edit", start=len(FUTURE), end=len(FUTURE) + 4, text="")
        assert client.settled()["text"].startswith(" of")


def test_offsets_are_those_of_browsers(made: Made) -> None:
    with connected(made) as client:
        client.opened("😀 the fue", caret=10)
        client.send("edit", start=9, end=9, text="tur", caret=13)
        client.settled()
        client.send("edit", start=0, end=3, text="", caret=10)
        assert client.settled()["text"].startswith(" of")


def test_dismissed_and_listed(made: Made) -> None:
    with connected(made) as client:
        first = client.opened()
        client.send("list", revision=client.revision)
        found = client.take()
        assert found["type"] == "list"
        assert found["items"][0]["text"] == first["text"]
        client.send("dismiss", revision=client.revision)
        client.send("list", revision=client.revision - 1)  # of a state that is gone: no answer
        client.send("wish", eagerness=0.0)
        client.send("edit", start=0, end=0, text="a")
        found = client.settled()
        assert (found.get("text", ""), found["silence"]) == ("", "unsure")


def test_what_waits_is_answered_once(made: Made) -> None:
    with connected(made) as client:
        client.send("open", text=FUTURE, caret=len(FUTURE))
        for count in range(20):
            at = len(FUTURE) + count
            client.send("edit", start=at, end=at, text="x")
        client.send("edit", start=len(FUTURE), end=len(FUTURE) + 20, text="")
        assert client.settled()["text"].startswith(" of")
        assert made.metrics.shown._value.get() < 20


def test_a_session_goes_on_after_a_lost_connection(made: Made) -> None:
    with connected(made) as client:
        name = client.opened(session="letter")["session"]
        assert name == "letter"
    evaluated = made.engine.evaluated_tokens
    with connected(made) as client:
        found = client.opened(session="letter")
        assert found["source"] == "known"
        assert made.engine.evaluated_tokens == evaluated
        with connected(made) as second:
            second.send("open", text=FUTURE, caret=0, session="letter")
            assert second.ending()[0] == socket_route.OUT_OF_STEP


@pytest.mark.parametrize(
    "raw",
    [
        "nonsense",
        "[]",
        "{}",
        '{"type": "opne"}',
        '{"type": "edit", "revision": 2, "start": 0, "end": 0}',
        '{"type": "edit", "revision": 2, "start": -1, "end": 0, "text": ""}',
        '{"type": "edit", "revision": 2, "start": 0, "end": 0, "text": "", "extra": 1}',
        '{"type": "edit", "revision": 2, "start": 0, "end": 0, "text": "\\ud800"}',
        '{"type": "open", "revision": 2, "text": "", "caret": 0}',
        '{"type": "wish", "eagerness": 2}',
        '{"type": "accept", "revision": 2, "text": ""}',
    ],
)
def test_nonsense_ends_the_connection_and_says_why(made: Made, raw: str) -> None:
    with connected(made) as client:
        client.opened()
        client.socket.send_text(raw)
        code, reason = client.ending()
        assert code == socket_route.NONSENSE
        assert reason
    assert made.metrics.open_connections == 0


def test_bytes_are_nonsense_too(made: Made) -> None:
    with connected(made) as client:
        client.opened()
        client.socket.send_bytes(b"{}")
        assert client.ending()[0] == socket_route.NONSENSE


@pytest.mark.parametrize(
    "edit",
    [
        {"start": 0, "end": 99, "text": ""},
        {"start": 3, "end": 2, "text": ""},
        {"start": 1, "end": 1, "text": ""},  # in the middle of a character
        {"start": 0, "end": 0, "text": "x", "revision": 1},
        {"start": 0, "end": 0, "text": "x", "caret": 50},
    ],
)
def test_a_client_that_is_out_of_step_is_told(made: Made, edit: dict[str, Any]) -> None:
    with connected(made) as client:
        client.opened("😀 the future", caret=13)
        client.send("edit", **edit)
        assert client.ending()[0] == socket_route.OUT_OF_STEP


def test_the_first_message_opens(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(made) as client:
        client.send("wish", eagerness=1)
        assert client.ending()[0] == socket_route.NONSENSE
    monkeypatch.setattr(socket_route, "OPEN_S", 0.01)
    with connected(made) as client:
        assert client.ending()[0] == socket_route.SLOW


def test_a_text_that_grows_too_long_is_cut_off(make: Make) -> None:
    made = make(chars=20)
    with connected(made) as client:
        client.opened()
        client.send("edit", start=0, end=0, text="x" * 11)
        code, reason = client.ending()
        assert code == socket_route.NONSENSE
        assert "20" in reason


def test_keys_by_header_or_by_message(make: Make) -> None:
    made = make(asks_for_keys=True)
    key = made.key()
    with connected(made) as client:
        assert client.opened(key=key)["text"]
    with connected(made, authorization=f"Bearer {key}") as client:
        assert client.opened()["text"]
        assert made.store.keys.revoke(key.split("_")[1])
        made.clock.pass_ms(1001)
        client.send("edit", start=0, end=0, text="x")
        assert client.ending()[0] == socket_route.NO_KEY
    for given in (key, made.key("learn"), ""):
        with connected(made) as client:
            client.send("open", text="", caret=0, key=given)
            assert client.ending()[0] == socket_route.NO_KEY


def test_pages_of_others_are_not_let_in(made: Made) -> None:
    with pytest.raises(WebSocketDenialResponse) as denied:  # noqa: SIM117
        with connected(made, origin="http://evil.example"):
            pass
    assert denied.value.status_code == 403
    with connected(made, origin="http://127.0.0.1:8757") as client:
        assert client.opened()["text"]


def test_under_load_a_key_is_refused_and_the_text_stays_in_step(made: Made) -> None:
    with connected(made) as client:
        client.opened("the")
        made.service.pressure.level = Level.REFUSED
        client.send("edit", start=3, end=3, text=" fut")
        found = client.take()
        assert (found["type"], found["code"], found["revision"]) == ("refused", "overloaded", 2)
        assert found["retry_after_ms"] > 0
        made.service.pressure.level = Level.NOTHING
        client.send("edit", start=7, end=7, text="ure")
        assert client.settled()["text"].startswith(" of")


def test_there_may_be_so_many_connections(make: Make) -> None:
    made = make(connections=1)
    with connected(made) as client:
        client.opened()
        with connected(made) as second:
            assert second.ending()[0] == socket_route.CROWDED
