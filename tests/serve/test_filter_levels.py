"""How strictly a text is filtered: its own choice, down to what the service allows."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.websockets import WebSocketDisconnect

from serve.conftest import Made, Make
from serve.test_session import connected
from tecla.serve.texts import Owner
from tecla.settings import ServeSettings, Settings

MILD = " damn the art"
LEVELS = ("off", "standard", "strict")


def swears(text: str) -> bool:
    return re.search(r"\bdamn\b", text) is not None


def said(made: Made, **asked: Any) -> str:
    answer = made.client.post("/v1/suggest", json={"before": "the future", **asked})
    assert answer.status_code == 200
    text = answer.json()["text"]
    assert isinstance(text, str)
    return text


@pytest.mark.slow
@pytest.mark.parametrize("session", ["", "letter"])
def test_a_text_chooses_between_standard_and_strict(make: Make, session: str) -> None:
    made = make(said=MILD)
    for filters in ("standard", "strict", "standard", None, "strict"):
        text = said(made, session=session, filters=filters)
        assert swears(text) == (filters != "strict")


@pytest.mark.slow
@pytest.mark.parametrize("least", LEVELS)
def test_less_than_the_service_allows_is_refused(make: Make, least: str) -> None:
    made = make(said=MILD, least_filters=least)
    for filters in LEVELS:
        answer = made.client.post(
            "/v1/suggest", json={"before": "the future", "filters": filters, "session": "s"}
        )
        is_allowed = LEVELS.index(filters) >= LEVELS.index(least)
        assert answer.status_code == (200 if is_allowed else 403)
        assert is_allowed or f"filters is {filters!r}" in answer.json()["error"]["message"]
    assert swears(said(made)) == (least != "strict")  # without a wish: never off


@pytest.mark.slow
def test_a_session_changes_its_level_and_nothing_of_the_old_one_is_shown(make: Make) -> None:
    made = make(said=MILD)
    with connected(made) as client:
        assert swears(client.opened(session="s")["text"])
        client.send("wish", filters="strict")
        client.send("edit", start=10, end=10, text=" da", caret=13)
        assert not swears("da" + client.settled().get("text", ""))
        client.send("wish", filters="standard")
        client.send("edit", start=10, end=13, text="", caret=10)
        assert swears(client.settled()["text"])
        client.send("wish", filters="off")
        with pytest.raises(WebSocketDisconnect) as ended:
            client.take()
    assert ended.value.code == 4400
    assert "filters is 'off'" in ended.value.reason


@pytest.mark.slow
def test_a_stricter_service_serves_no_text_less_strictly(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = make(said=MILD)
    assert swears(said(made, session="s", filters="standard"))
    stricter = Settings(serve=ServeSettings(least_filters="strict"))

    class Loaded:
        settings = stricter

    monkeypatch.setattr("tecla.serve.service.load", Loaded)
    portal = made.client.portal
    assert portal is not None
    portal.call(made.service.reload)
    text = made.service.texts.get(Owner(""), "s")
    assert text.level is None
    assert not swears(said(made, session="s"))
