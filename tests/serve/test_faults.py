"""Clients that are slow, gone or malicious, and what the service has to hold on to meanwhile."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator

import pytest
from websockets.frames import Opcode

from serve.serving import Answer, Live, Socket, frame, is_cut, live, request, until, vanish
from tecla.serve import gate, protocols, socket_route
from tecla.store.keys import KeyLimits

pytestmark = pytest.mark.slow
SOON_S = 0.05


@pytest.fixture(scope="module")
def served() -> Iterator[Live]:
    with live() as found:
        yield found


@pytest.fixture(autouse=True)
def well(served: Live) -> Iterator[None]:
    """Whatever a client did: nothing of it is left, and others are served."""
    yield
    assert served.suggest().document["text"].startswith(" of the")
    until(lambda: served.open_connections == 0, "the end of all connections")
    until(lambda: served.metrics.open_connections == 0)
    assert served.health() == "serving"


# --- slow ones ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nx-"])
def test_a_head_that_does_not_come(
    served: Live, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(protocols, "HEAD_S", SOON_S)
    with served.connect() as end:
        end.sendall(sent)
        assert is_cut(end)


def test_a_second_head_that_does_not_come(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    with served.connect() as end:
        end.sendall(request("GET", "/healthz"))
        assert Answer.read(end).status == 200
        monkeypatch.setattr(protocols, "HEAD_S", SOON_S)
        end.sendall(b"GET /hea")
        assert is_cut(end)


def test_a_body_that_does_not_come(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "BODY_S", SOON_S)
    monkeypatch.setattr(gate, "_DISCARD_S", SOON_S)
    with served.connect() as end:
        end.sendall(request("POST", "/v1/suggest", b"{", content_length="100"))
        answer = Answer.read(end)
        assert (answer.status, answer.error["code"]) == (408, "request_timeout")
        assert is_cut(end)


def test_a_first_message_that_does_not_come(served: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_route, "OPEN_S", SOON_S)
    with Socket(served) as client:
        assert client.ending()[0] == socket_route.SLOW


def test_answers_that_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "READ_S", SOON_S)
    with live(per_second=10**6) as served:
        served.keep_little()
        with Socket(served) as client:
            client.open()
            many = frame(Opcode.TEXT, b'{"type": "list", "revision": 1}') * 100
            assert is_cut_while_sending(client, many)
        until(lambda: served.metrics.open_connections == 0)
        assert served.health() == "serving"


def test_what_is_said_again_takes_the_place_of_what_was_not_sent() -> None:
    """However much is asked at once: whoever reads is not cut off."""
    with live(asks_for_keys=True) as served, Socket(served) as client:
        client.open(key=served.key(limits=KeyLimits(per_second=0.01)))
        many = range(2, 2 + 3 * socket_route.MOST_WAITING)
        edit = {"type": "edit", "start": 0, "end": 0, "text": ""}
        client.raw(
            b"".join(
                frame(Opcode.TEXT, json.dumps(message).encode())
                for revision in many
                for message in (
                    {**edit, "revision": revision},
                    {"type": "list", "revision": revision},
                )
            )
        )
        told = [client.take()]
        while told[-1]["revision"] < many[-1]:
            told.append(client.take())
        assert {each["type"] for each in told} == {"refused"}


def test_a_stream_that_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocols, "READ_S", SOON_S)
    asked = {"prompt": "she", "n": 4, "max_tokens": 400, "logprobs": 20, "stream": True}
    with live() as served:
        served.keep_little()
        with served.connect() as end:
            end.sendall(request("POST", "/v1/completions", asked))
            until(lambda: served.engine.steps > 0)
            until(lambda: served.open_connections == 0, "being cut off")
            until(lambda: served.suggester.counters()["pending"] == 0)
            assert served.engine.steps < 400


def is_cut_while_sending(client: Socket, data: bytes) -> bool:
    """Send, and read nothing, until the service hangs up."""
    try:
        while True:
            client.end.sendall(data)
    except ConnectionError:
        return True


# --- gone -----------------------------------------------------------------------------------------


def test_a_peer_that_vanished_is_noticed_by_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    with live() as served:
        served.server.config.ws_ping_interval = served.server.config.ws_ping_timeout = SOON_S
        with Socket(served) as client:
            client.send(type="open", revision=1, text="the future", caret=10)
            until(lambda: served.metrics.open_connections == 1)
            until(lambda: served.metrics.open_connections == 0, "the ping")
            assert client.ending() == (1011, "keepalive ping timeout")


def test_the_system_gives_up_on_peers_that_acknowledge_nothing(served: Live) -> None:
    with Socket(served) as client:
        client.open()
        (known,) = served.server.server_state.connections
        ours = known.transport.get_extra_info("socket")
        kept_ms = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert kept_ms == 1000 * protocols.GONE_S


def test_vanishing_in_the_middle_of_anything(served: Live) -> None:
    whole = request("POST", "/v1/suggest", {"before": "the future", "stream": True})
    for size in (1, 30, len(whole) - 1, len(whole)):
        end = served.connect()
        end.sendall(whole[:size])
        vanish(end)
    for data in (b"", frame(Opcode.TEXT, b'{"type": "open"')[:9], frame(Opcode.PING, b"x")):
        client = Socket(served)
        client.raw(data)
        vanish(client.end)


# --- malicious ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",  # TLS to a server that has none
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nho st: a\r\n\r\n",
        b"POST /v1/suggest HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: -1\r\n\r\n",
        b"POST /v1/suggest HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 1\r\n"
        b"content-length: 2\r\n\r\n",
        b"POST /v1/suggest HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: "
        + b"9" * 5000
        + b"\r\n\r\n",
        b"POST /v1/suggest HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: gzip\r\n\r\n",
    ],
    ids=("tls", "short", "no host", "two hosts", "name", "negative", "two lengths", "long", "gzip"),
)
def test_what_is_no_request(served: Live, sent: bytes) -> None:
    with served.connect() as end:
        end.sendall(sent)
        answer = Answer.read(end)
        assert answer.status in {400, 413, 501}
        assert answer.error["type"] == "invalid_request_error"
        assert is_cut(end)


def test_a_chunk_that_is_none(served: Live) -> None:
    with served.connect() as end:
        end.sendall(request("POST", "/v1/suggest", transfer_encoding="chunked") + b"zz\r\n")
        assert Answer.read(end).status == 400
        assert is_cut(end)


def test_a_compressed_body_is_not_unpacked(served: Live) -> None:
    bomb = bytes.fromhex("1f8b08000000000000034b4c040000000000")
    answer = served.ask("POST", "/v1/suggest", bomb, content_encoding="gzip")
    assert answer.status == 400
    assert answer.error["code"] == "bad_input"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (struct.pack("!BBQ", 0x81, 0xFF, 1 << 40) + b"maskdata", 1009),  # a frame of a terabyte
        (b"\xc1\x81mask" + bytes([ord("{") ^ ord("m")]), 1002),  # compressed, though it was refused
        (b"\x81\x02{}", 1002),  # not masked
        (frame(Opcode.CONT, b"{}"), 1002),  # the middle of no message
        (b"\x09\x80mask", 1002),  # a ping in pieces
        (b"\x83\x80mask", 1002),  # an opcode that there is none of
        (frame(Opcode.TEXT, b"\xff"), 1007),
        (frame(Opcode.BINARY, b"{}"), socket_route.NONSENSE),
        (frame(Opcode.PING) * (protocols.MOST_PINGS_S + 1), 1008),
        (
            frame(Opcode.TEXT, fin=False) + frame(Opcode.CONT, fin=False) * protocols.MOST_PIECES,
            1008,
        ),
    ],
    ids=(
        "huge",
        "compressed",
        "unmasked",
        "middle",
        "ping in pieces",
        "no opcode",
        "no UTF-8",
        "bytes",
        "pings",
        "pieces",
    ),
)
def test_frames_that_no_client_sends(served: Live, sent: bytes, code: int) -> None:
    with Socket(served) as client:
        client.open()
        client.raw(sent)
        found, reason = client.ending()
        assert found == code
        assert reason


def test_pieces_and_pings_within_reason(served: Live) -> None:
    with Socket(served) as client:
        client.open()
        message = b'{"type": "list", "revision": 1}'
        client.frame(Opcode.TEXT, message[:1], fin=False)
        for at in range(1, len(message)):
            client.frame(Opcode.PING, b"?") if at % 8 == 0 else None
            client.frame(Opcode.CONT, message[at : at + 1], fin=at == len(message) - 1)
        assert client.take()["type"] == "list"


def test_pongs_that_nobody_reads_fill_no_memory(served: Live) -> None:
    with Socket(served) as client:
        client.open()
        pings = frame(Opcode.PING, b"x" * 125) * 1000
        assert is_cut_while_sending(client, pings)


def test_one_key_takes_no_more_than_its_share() -> None:
    with live(asks_for_keys=True) as served:
        greedy, other = served.key(limits=KeyLimits(concurrent=2)), served.key()
        held = [Socket(served) for _ in range(3)]
        for client in held[:2]:
            client.open(key=greedy)
        held[2].send(type="open", revision=1, text="", caret=0, key=greedy)
        assert held[2].ending()[0] == socket_route.CROWDED
        answer = served.ask(
            "POST", "/v1/suggest", {"before": "x"}, authorization=f"Bearer {greedy}"
        )
        assert (answer.status, answer.error["code"]) == (429, "rate_limited")
        for stream in (False, True):
            answer = served.ask(
                "POST",
                "/v1/suggest",
                {"before": "x", "stream": stream},
                authorization=f"Bearer {greedy}",
            )
            assert answer.status == 429
            assert int(answer.headers["retry-after"]) >= 1
        with Socket(served) as client:
            assert client.open(key=other)["text"]
        for client in held:
            client.end.close()
        until(lambda: served.metrics.open_connections == 0)
        with Socket(served) as client:
            assert client.open(key=greedy)["text"]


def test_more_connections_than_files() -> None:
    with live(most=3) as served:
        held = [served.connect() for _ in range(3)]
        until(lambda: served.open_connections == 3)
        with served.connect() as end:
            answer = Answer.read(end)
            assert (answer.status, answer.error["code"]) == (429, "overloaded")
            assert "3" in answer.error["message"]
            assert is_cut(end)
        held[0].sendall(request("GET", "/healthz"))  # those that are there are served
        assert Answer.read(held[0]).status == 200
        for end in held:
            end.close()
        until(lambda: served.open_connections == 0)
        assert served.health() == "serving"


def test_a_flood_of_messages_is_cut_off_and_costs_nobody_else() -> None:
    with live(asks_for_keys=True) as served:
        with Socket(served) as flooding, Socket(served) as other:
            flooding.open(key=served.key(limits=KeyLimits(per_second=20.0)))
            other.open(key=served.key())
            message = b'{"type": "dismiss", "revision": 1}'
            flooding.raw(frame(Opcode.TEXT, message) * 2000)
            other.send(type="edit", revision=2, start=10, end=10, text=" ")
            assert other.settled()["revision"] == 2
            code, reason = flooding.ending()
            assert code == socket_route.CROWDED
            assert "20" in reason
        until(lambda: served.metrics.open_connections == 0)


def test_questions_beyond_the_rate_are_refused_and_the_text_stays_in_step() -> None:
    with live(asks_for_keys=True) as served, Socket(served) as client:
        key = served.key(limits=KeyLimits(per_second=0.01))
        assert client.open("the", key=key)["revision"] == 1
        client.send(type="list", revision=1)
        found = client.take()
        assert (found["type"], found["code"], found["revision"]) == ("refused", "rate_limited", 1)
        client.send(type="edit", revision=2, start=3, end=3, text=" future")
        found = client.take()
        assert (found["type"], found["revision"]) == ("refused", 2)
        assert found["retry_after_ms"] > 1000
        client.send(type="edit", revision=3, start=10, end=10, text=" of")  # no out of step
        assert client.take()["revision"] == 3
