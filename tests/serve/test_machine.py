"""A disk that is full, a clock that jumps, and the end of the service."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from serve.serving import Answer, Socket, is_cut, live, request, until
from tecla.errors import StoreFullError
from tecla.serve import socket_route
from tecla.store.events import FeedbackEvent
from tecla.store.keys import KeyLimits
from tecla.store.sqlite import SqliteStore

pytestmark = pytest.mark.slow


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with SqliteStore.open(tmp_path / "store.db") as store:
        full = True
        usual = store.feedback.record

        def record(events: list[FeedbackEvent]) -> None:
            if full:
                raise StoreFullError("the disk is full; make room")
            usual(events)

        store.feedback.record = record  # type: ignore[method-assign,assignment]
        with live(store=store) as served:
            with Socket(served) as client:
                client.open()
                client.send(type="accept", revision=2, text=" of")
                assert client.settled()["revision"] == 2
            until(lambda: served.service.feedback.status().error == "store_full")
            health = served.ask("GET", "/healthz")
            assert (health.status, health.document["feedback"]) == (200, "store_full")
            assert served.suggest().document["text"].startswith(" of")
            full = False
            served.service.feedback.flush()
            assert served.ask("GET", "/healthz").document["feedback"] == "ok"
        assert [each.kind for each in store.feedback.events()][:2] == ["shown", "part_accepted"]


@pytest.mark.parametrize("jump_s", [-1e8, 1e8])
def test_a_clock_that_jumps(monkeypatch: pytest.MonkeyPatch, jump_s: float) -> None:
    real = time.time
    with live(asks_for_keys=True) as served:

        def ask(key: str) -> Answer:
            return served.ask(
                "POST", "/v1/suggest", {"before": "the future"}, authorization=f"Bearer {key}"
            )

        lasting, ending = served.key(), served.key(expires_s=real() + 1e7)
        limited = served.key(limits=KeyLimits(per_second=0.01))
        assert ask(limited).status == 200
        first = ask(lasting)
        assert ask(ending).status == 200
        evaluated = served.engine.evaluated_tokens
        monkeypatch.setattr(time, "time", lambda: real() + jump_s)
        served.service.guard._wall_clock = time.time
        again = ask(lasting)
        assert again.document["text"] == first.document["text"]
        assert again.document["source"] == "shared"  # what was known has not aged
        assert served.engine.evaluated_tokens == evaluated
        assert ask(limited).status == 429  # nor was the rate given anew
        assert ask(ending).status == (401 if jump_s > 0 else 200)
        assert served.health() == "serving"


def test_the_end_finishes_what_is_at_work_and_lets_go_of_the_rest() -> None:
    with live() as served:
        with Socket(served) as client, served.connect() as end, served.connect() as idle:
            client.open()
            idle.sendall(request("GET", "/readyz"))
            assert Answer.read(idle).status == 200
            served.engine.hold_after(0)
            steps = served.engine.steps
            end.sendall(request("POST", "/v1/suggest", {"before": "she would"}))
            until(lambda: served.engine.steps > steps)
            served.server.should_exit = True
            assert client.ending()[0] == socket_route.ENDED
            assert is_cut(idle)
            assert served.service.health().state == "closing"
            served.engine.let_go()
            answer: Any = Answer.read(end)
            assert answer.document["settled"]
            assert is_cut(end)
        served.stop()
        with pytest.raises(ConnectionError):
            served.connect()
