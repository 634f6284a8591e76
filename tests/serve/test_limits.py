"""Sizes at, below and above each limit, and what is said above it: the limit by its number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from serve.serving import Answer, Live, Socket, live, request, until
from tecla.serve import socket_route
from tecla.serve.gate import Gate
from tecla.serve.protocols import HEAD_BYTES

pytestmark = pytest.mark.slow
CHARS = 100
MESSAGE_BYTES = BODY_BYTES = 12 * CHARS + (64 << 10)


@pytest.fixture(scope="module")
def served() -> Iterator[Live]:
    with live(chars=CHARS, per_second=10**6) as found:
        yield found


def padded(document: dict[str, Any], size: int) -> bytes:
    """A document as JSON of so many bytes."""
    return json.dumps(document).encode().ljust(size)


def chunked(body: bytes) -> bytes:
    pieces = (body[at : at + 5000] for at in range(0, len(body), 5000))
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces) + b"0\r\n\r\n"


def told(answer: Answer, limit: object, status: int = 400) -> None:
    assert answer.status == status
    assert str(limit) in answer.error["message"]


@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize("pieces", [False, True])
def test_bytes_of_a_body(served: Live, over: int, pieces: bool) -> None:
    gate = served.server.config.loaded_app
    assert isinstance(gate, Gate)
    assert gate.body_bytes == BODY_BYTES
    body = padded({"before": "the future"}, BODY_BYTES + over)
    with served.connect() as end:
        if pieces:
            end.sendall(request("POST", "/v1/suggest", transfer_encoding="chunked") + chunked(body))
        else:
            end.sendall(request("POST", "/v1/suggest", body))
        answer = Answer.read(end)
    if over > 0:
        told(answer, BODY_BYTES, 413)
    else:
        assert answer.document["text"].startswith(" of")


@pytest.mark.parametrize("over", [-1, 0, 1])
@pytest.mark.parametrize("cut", [0, 100, HEAD_BYTES - 2])
def test_bytes_of_a_head(served: Live, over: int, cut: int) -> None:
    head = request("GET", "/healthz", x="")
    head = request("GET", "/healthz", x="y" * (HEAD_BYTES + over - len(head)))
    assert len(head) == HEAD_BYTES + over
    with served.connect() as end:
        end.sendall(head[:cut])
        end.sendall(head[cut:])
        answer = Answer.read(end)
    if over > 0:
        told(answer, HEAD_BYTES, 431)
        assert answer.error["code"] == "too_large"
    else:
        assert answer.status == 200


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_bytes_of_a_message(served: Live, over: int) -> None:
    with Socket(served) as client:
        message = {"type": "open", "revision": 1, "text": "the future", "caret": 10}
        client.text(padded(message, MESSAGE_BYTES + over).decode())
        if over > 0:
            code, reason = client.ending()
            assert code == 1009
            assert str(MESSAGE_BYTES) in reason
        else:
            assert client.take()["type"] == "opened"


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_characters_of_a_text(served: Live, over: int) -> None:
    text = "😀" * (CHARS - 10 + over)
    for answer in (
        served.suggest(text, after="x" * 10),
        served.ask("POST", "/v1/completions", {"prompt": text + "x" * 10, "max_tokens": 1}),
    ):
        if over > 0:
            told(answer, CHARS, 413)
        else:
            assert answer.status == 200
    with Socket(served) as client:
        client.open(text + "x" * 9)
        at = 2 * len(text)
        client.send(type="edit", revision=2, start=at, end=at, text="y")
        if over > 0:
            code, reason = client.ending()
            assert code == socket_route.NONSENSE
            assert str(CHARS) in reason
        else:
            assert client.settled()["revision"] == 2


@pytest.mark.parametrize(
    ("field", "within", "above", "limit"),
    [
        ("n", [1, 10], 11, 10),
        ("n", [1], 0, 1),
        ("max_words", [1, 20], 21, 20),
        ("max_words", [1], 0, 1),
        ("deadline_ms", [1, 10_000], 10_000.01, 10_000),
        ("deadline_ms", [0.001], 0, 0),
        ("eagerness", [0, 1], 1.0000001, 1),
        ("eagerness", [0], -0.0000001, 0),
        ("revision", [0, 2**53 - 1], 2**53, 2**53 - 1),
        ("revision", [0], -1, 0),
        ("session", ["", "x" * 128, "é" * 128], "x" * 129, 128),
        ("user", ["x" * 128], "x" * 129, 128),
        ("collection", ["x" * 128], "x" * 129, 128),
    ],
)
def test_fields_of_a_suggestion(
    served: Live, field: str, within: list[Any], above: Any, limit: object
) -> None:
    for value in within:
        assert served.suggest(**{field: value}).status == 200
    answer = served.suggest(**{field: above})
    told(answer, limit)
    assert answer.error["param"] == field
    if field != "n":
        for number, value in enumerate([*within, above]):
            with Socket(served) as client:
                message = {"type": "open", "revision": 1, "text": "x", "caret": 1, field: value}
                client.send(**message)
                if number < len(within):
                    assert client.take()["type"] == "opened"
                else:
                    code, reason = client.ending()
                    assert code == socket_route.NONSENSE
                    assert str(limit) in reason


@pytest.mark.parametrize(
    ("field", "within", "above", "limit"),
    [
        ("max_tokens", [0, 400], 511, 512),
        ("temperature", [0, 2], 2.001, 2),
        ("top_p", [0.001, 1], 1.001, 1),
        ("logprobs", [0, 20], 21, 20),
        ("presence_penalty", [-2, 2], 2.1, 2),
        ("frequency_penalty", [-2, 2], -2.1, -2),
        ("stop", [["x"] * 16], ["x"] * 17, 16),
        ("logit_bias", [{str(at): 0 for at in range(300)}], {"65": 100.1}, 100),
        ("prompt", [["x"] * 64], ["x"] * 65, 64),
        ("n", [1, 20], 129, 128),
        ("n", [], 100, 63),
        ("best_of", [2], 129, 128),
        ("user", ["x" * 128], "x" * 129, 128),
    ],
)
def test_fields_of_a_completion(
    served: Live, field: str, within: list[Any], above: Any, limit: object
) -> None:
    for value in within:
        asked = {"prompt": "she", "max_tokens": 1, field: value}
        assert served.ask("POST", "/v1/completions", asked).status == 200
    asked = {"prompt": "she", "max_tokens": 1, field: above}
    told(served.ask("POST", "/v1/completions", asked), limit)


def test_characters_that_are_accepted_at_once() -> None:
    with live(chars=20_000) as served:
        for size in (1, 10_000, 10_001):
            with Socket(served) as client:
                client.open()
                client.send(type="accept", revision=2, text="x" * size)
                if size <= 10_000:
                    assert client.settled()["revision"] == 2
                else:
                    code, reason = client.ending()
                    assert code == socket_route.NONSENSE
                    assert "10000" in reason


def test_texts_that_are_left_are_kept_for_so_long(
    served: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`idle_s`, by a clock that is moved."""
    texts = served.service.texts
    with Socket(served) as client, Socket(served) as staying:
        client.open(session="left")
        staying.open(session="staying")
        client.end.close()
        until(lambda: served.metrics.open_connections == 1)
        now = texts._clock()
        for late_s, names in ((-0.5, {"left", "staying"}), (0.5, {"staying"})):
            monkeypatch.setattr(texts, "_clock", lambda at=now + texts.idle_s + late_s: at)
            served.on_loop(texts.forget_idle)
            kept = served.on_loop(lambda: {name for _, name in texts._open})
            assert {"left", "staying"} & kept == names
