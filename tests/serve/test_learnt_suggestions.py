"""What was learnt is suggested to whom it is of, from when learning answers until forgetting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from serve.conftest import Made, Make
from serve.test_learn import forget, headers, learn

TYPED = "Please bring the umb"
LEARNT = "Please bring the umbrella of the otter when you come to the pier."
REST = "rella of the ot"  # as many tokens as are suggested


def suggest(made: Made, key: str | None = None, before: str = TYPED, **named: Any) -> str:
    asked = {"before": before, "deadline_ms": 5000, **named}
    answer = made.client.post("/v1/suggest", json=asked, headers=headers(key))
    assert answer.status_code == 200, answer.text
    found = answer.json()["text"]
    assert isinstance(found, str)
    return found


def is_learnt(found: str) -> bool:
    return found.startswith(REST)


@contextmanager
def typing(made: Made, **named: Any) -> Iterator[Any]:
    with made.client.websocket_connect("ws://127.0.0.1:8757/v1/session") as socket:
        socket.send_json({
            "type": "open", "revision": 0, "text": TYPED, "caret": len(TYPED),
            "deadline_ms": 5000, **named,
        })  # fmt: skip
        assert socket.receive_json()["type"] == "opened"
        yield socket


def settled(socket: Any) -> str:
    while not (found := socket.receive_json()).get("settled", True):
        pass
    text = found.get("text", "")
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize("named", [{}, {"user": "ana"}, {"collection": "pier"}], ids=str)
def test_from_learning_to_forgetting(made: Made, named: dict[str, str]) -> None:
    assert not is_learnt(suggest(made, **named))
    learn(made, LEARNT, LEARNT, **named)
    found = suggest(made, **named)
    assert is_learnt(found)
    assert suggest(made, **named) == found  # from what is shared
    forget(made, sources=["note 0", "note 1"], **named)
    assert not is_learnt(suggest(made, **named))


def test_in_a_session_over_http(made: Made) -> None:
    asked = {"user": "ana", "session": "letter"}
    assert not is_learnt(suggest(made, revision=1, **asked))
    learn(made, LEARNT, LEARNT, user="ana")
    assert is_learnt(suggest(made, revision=2, **asked))
    forget(made, user="ana", everything=True)
    assert not is_learnt(suggest(made, revision=3, **asked))
    assert not is_learnt(suggest(made, revision=4, before=TYPED + "r", **asked))


def test_in_a_session_over_websocket(made: Made) -> None:
    with typing(made, user="ana") as socket:
        assert not is_learnt(settled(socket))
        learn(made, LEARNT, LEARNT, user="ana")
        again = {"type": "edit", "start": 0, "end": 0, "text": "", "caret": len(TYPED)}
        socket.send_json({**again, "revision": 1})
        assert is_learnt(settled(socket))
        forget(made, user="ana", everything=True)
        socket.send_json({**again, "revision": 2})
        assert not is_learnt(settled(socket))
        socket.send_json({"type": "list", "revision": 2})
        listed = socket.receive_json()["items"]
        assert not any(is_learnt(each["text"]) for each in listed)


def test_for_nobody_else(make: Make) -> None:
    made = make(asks_for_keys=True)
    ana, eve = made.key("learn", "suggest"), made.key("learn", "suggest")
    learn(made, LEARNT, LEARNT, key=ana, user="ana")
    learn(made, LEARNT, LEARNT, key=ana, collection="pier")
    assert is_learnt(suggest(made, ana, user="ana"))
    assert is_learnt(suggest(made, ana, collection="pier"))
    assert is_learnt(suggest(made, ana, user="bo", collection="pier"))
    for key, named in (
        (ana, {}),
        (ana, {"user": "bo"}),
        (ana, {"user": "pier"}),
        (ana, {"collection": "ana"}),
        (eve, {"user": "ana"}),
        (eve, {"collection": "pier"}),
        (eve, {"user": f"{ana.split('_')[1]}:ana"}),
    ):
        assert not is_learnt(suggest(made, key, **named)), named
    forget(made, ana, collection="pier", everything=True)
    assert is_learnt(suggest(made, ana, user="ana"))
    assert not is_learnt(suggest(made, ana, user="bo", collection="pier"))


def test_what_is_accepted_of_somebody_who_is_being_forgotten_is_not_kept(made: Made) -> None:
    learn(made, LEARNT, user="ana")
    made.store.consent.give("ana")
    with typing(made, user="ana") as socket:
        shown = settled(socket)
        if shown:
            socket.send_json({"type": "accept", "revision": 1, "text": shown[:1]})
            settled(socket)
        forget(made, user="ana", everything=True)
    made.service.feedback.flush()
    assert list(made.store.feedback.events()) == []
    assert made.store.consent.since_s("ana") is None
