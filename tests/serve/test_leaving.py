"""A client that goes away is worked for no more: counted in steps of the engine."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from serve.held import LIMIT_S
from serve.serving import Answer, Live, Socket, live, request, until, vanish

NUMBERS = itertools.count(100)
pytestmark = pytest.mark.slow
LONG = {"max_tokens": 400, "temperature": 1, "seed": 1}


@pytest.fixture(scope="module")
def served() -> Iterator[Live]:
    with live() as found:
        yield found


@contextmanager
def at_work(served: Live, times: int) -> Iterator[None]:
    """What is asked within is given up so many times, and then costs not one step more."""
    served.suggester.left = threading.Semaphore(0)
    cancelled = served.suggester.counters().get("cancelled", 0)
    steps = served.engine.steps
    served.engine.hold_after(1)
    try:
        yield
        for _ in range(times):
            assert served.suggester.left.acquire(timeout=LIMIT_S)
        assert served.engine.steps == steps + 2
    finally:
        served.engine.let_go()
    until(lambda: served.suggester.counters()["pending"] == 0)
    assert served.engine.steps == steps + 2
    assert served.suggester.counters()["cancelled"] == cancelled + times


@pytest.mark.parametrize(
    ("path", "asked", "times"),
    [
        ("/v1/suggest", {}, 1),
        ("/v1/suggest", {"stream": True}, 1),
        ("/v1/suggest", {"session": "letter"}, 1),
        ("/v1/completions", LONG, 1),
        ("/v1/completions", {**LONG, "n": 3}, 1),
        ("/v1/completions", {**LONG, "both": True}, 2),
        ("/v1/completions", {**LONG, "stream": True}, 1),
        ("/v1/completions", {**LONG, "stream": True, "n": 3}, 3),
    ],
)
@pytest.mark.parametrize("how", ["closed", "vanished"])
def test_a_request_ends_with_its_connection(
    served: Live, path: str, asked: dict[str, Any], times: int, how: str
) -> None:
    text = fresh_text()
    asked = {**asked, "before" if path == "/v1/suggest" else "prompt": text}
    if asked.pop("both", False):
        asked["prompt"] = [text, fresh_text()]
    with at_work(served, times):
        end = served.connect()
        steps = served.engine.steps
        end.sendall(request("POST", path, asked))
        until(lambda: served.engine.steps == steps + 2)
        leave(end, how)
    assert served.suggest().document["text"].startswith(" of the")


@pytest.mark.parametrize("how", ["closed", "vanished", "dismissed"])
def test_a_session_ends_its_question_with_its_connection(served: Live, how: str) -> None:
    with at_work(served, 1), Socket(served) as client:
        steps, text = served.engine.steps, fresh_text()
        client.send(type="open", revision=1, text=text, caret=len(text))
        until(lambda: served.engine.steps == steps + 2)
        if how == "dismissed":
            client.send(type="dismiss", revision=1)
        else:
            leave(client.end, how)


def test_what_was_read_stays_for_whoever_comes_back(served: Live) -> None:
    text = fresh_text()
    with Socket(served) as client:
        first = client.open(text, session=text)
    until(lambda: served.metrics.open_connections == 0)
    evaluated = served.engine.evaluated_tokens
    with Socket(served) as client:
        found = client.open(text, session=text)
    assert (found["text"], found["source"]) == (first["text"], "known")
    assert served.engine.evaluated_tokens == evaluated


def test_an_older_request_takes_no_newer_one_with_it(served: Live) -> None:
    """Of two requests of one session the client of the older one leaves after the newer came."""
    name = text = fresh_text()
    steps = served.engine.steps
    served.engine.hold_after(1)
    older, newer = served.connect(), served.connect()
    asked: dict[str, Any] = {"before": text, "session": name, "revision": 1}
    older.sendall(request("POST", "/v1/suggest", asked))
    until(lambda: served.engine.steps == steps + 2)
    asked = {"before": text + "e", "session": name, "revision": 2}
    newer.sendall(request("POST", "/v1/suggest", asked))
    until(lambda: served.on_loop(lambda: served.text(name).revision) == 2)
    others = served.open_connections - 1
    vanish(older)
    until(lambda: served.open_connections == others)
    served.engine.let_go()
    found = Answer.read(newer).document
    newer.close()
    assert (found["revision"], found["settled"], found["partial"]) == (2, True, False)


def fresh_text() -> str:
    """One that nobody has asked about."""
    return f"she would like {next(NUMBERS)} art"


def leave(end: socket.socket, how: str) -> None:
    if how == "vanished":
        vanish(end)
    else:
        end.close()
