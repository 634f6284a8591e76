"""Deadlines of requests: a text has the one it asks for, and what is late is told as late."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from serve.conftest import Made
from serve.serving import Socket, live
from tecla.decode.request import Completed


@pytest.mark.parametrize("deadline_ms", [20.0, 400.0, 2000.0])
def test_on_an_idle_service_a_text_has_its_own_deadline(
    made: Made, monkeypatch: pytest.MonkeyPatch, deadline_ms: float
) -> None:
    session = type(made.service.suggester.session())
    begin, asked = session.begin, []

    def watched(self: Any, *texts: str, **options: Any) -> Future[Completed]:
        asked.append(options["deadline_ms"])
        return begin(self, *texts, **options)

    monkeypatch.setattr(session, "begin", watched)
    for before in ("the future", "so is the future"):
        body = {"before": before, "deadline_ms": deadline_ms}
        assert made.client.post("/v1/suggest", json=body).json()["settled"]
    assert asked == [deadline_ms] * 2


@pytest.mark.parametrize(
    ("text", "eagerness", "silence"),
    [
        ("Thank you for", 1.0, None),
        ("Thank you for", 0.0, "unsure"),
        ("the future", 1.0, "nothing_found"),
    ],
)
def test_a_late_model_is_told_as_late(text: str, eagerness: float, silence: str | None) -> None:
    with live() as served, Socket(served) as typist:
        served.engine.hold_after(0)
        wishes = {"deadline_ms": 1.0, "eagerness": eagerness}
        answers = [served.suggest(text, **wishes).document, typist.open(text, **wishes)]
        served.engine.let_go()
    for answer in answers:
        assert answer["without_model"] == "late"
        assert answer["partial"]
        assert answer.get("silence") == silence
        assert bool(answer.get("text")) == (silence is None)
