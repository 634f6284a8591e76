"""Open texts: found again by their owner alone, forgotten when nobody writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from running import Clock
from serve.conftest import Make
from serve.held import LIMIT_S
from tecla.controller.controller import Controller
from tecla.controller.sources import Shelf
from tecla.controller.writer import Writer
from tecla.errors import EmbeddingError, OverloadedError
from tecla.serve import service
from tecla.serve.texts import Owner, Texts
from tecla.text.snapshot import Snapshot

ANA = Owner("key", "ana", "letters")


def classical() -> Controller:
    return Controller(None, Shelf({"": ("frequency:en",)}))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def texts(clock: Clock) -> Iterator[Texts]:
    with classical() as controller:
        found = Texts(controller, None, most=3, idle_s=60.0, clock=clock)
        yield found
        found.close_all()


def test_a_text_is_found_by_its_owner_and_name_alone(texts: Texts) -> None:
    text = texts.get(ANA, "one")
    assert texts.get(ANA, "one") is text
    others = [Owner("other", "ana", "letters"), Owner("key", "bo", "letters")]
    assert all(texts.get(each, "one") is not text for each in others)
    assert len(texts) == 3


def test_names_in_the_store_are_apart() -> None:
    owners = [Owner(""), Owner("", "ana"), Owner("key"), Owner("key", "ana"), ANA]
    names = [(each.store_user, each.store_collection) for each in owners]
    assert len(set(names)) == len(names)
    assert names[0] == ("local", None)


def test_the_oldest_that_nobody_writes_at_makes_room(texts: Texts) -> None:
    first, second = texts.get(ANA, "1"), texts.get(ANA, "2")
    texts.get(ANA, "3")
    first.is_connected = True
    texts.get(ANA, "4")
    assert texts.get(ANA, "1") is first
    assert texts.get(ANA, "2") is not second
    for name in ("1", "2", "4"):
        texts.get(ANA, name).is_connected = True
    with pytest.raises(OverloadedError, match="3 texts"):
        texts.get(ANA, "5")


def test_what_nobody_writes_at_is_forgotten(texts: Texts, clock: Clock) -> None:
    texts.get(ANA, "1")
    texts.get(ANA, "2").is_connected = True
    clock.pass_ms(59_000)
    assert texts.forget_idle() == 0
    texts.get(ANA, "3")
    clock.pass_ms(2_000)
    assert texts.forget_idle() == 1
    assert len(texts) == 2


def test_texts_go_on_with_another_controller(texts: Texts) -> None:
    text = texts.get(ANA, "1")
    text.writer.update(Snapshot("the fut", " is"))
    text.revision, text.is_connected = 7, True
    assert texts.current(text, "1") is text
    with classical() as other:
        texts.serve_by(other)
        moved = texts.current(text, "1")
        assert moved is not text
        assert moved.writer.snapshot == Snapshot("the fut", " is")
        assert (moved.revision, moved.is_connected) == (7, True)
        assert texts.get(ANA, "1") is moved
        texts.close_all()


def test_a_text_that_fails_at_a_pause_does_not_keep_the_others_from_it(
    texts: Texts, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Writer] = []

    def paused(writer: Writer) -> None:
        told.append(writer)
        if len(told) == 1:
            raise EmbeddingError("the canary sings")

    monkeypatch.setattr(Writer, "pauses", True)
    monkeypatch.setattr(Writer, "paused", paused)
    both = [texts.get(ANA, name).writer for name in ("1", "2")]
    clock.pass_ms(5_000)
    texts.pause(1.0)
    assert told == both
    assert "embedding_failed" in caplog.text
    assert "canary" not in caplog.text


def test_a_fault_in_a_sweep_is_logged_and_the_next_one_comes(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    swept = threading.Event()
    faults = [ZeroDivisionError("the canary sings"), KeyError("the canary sings")]

    def forget_idle(texts: Texts) -> int:
        if faults:
            raise faults.pop()
        swept.set()
        return 0

    monkeypatch.setattr(service, "_SWEEP_S", 0.0)
    monkeypatch.setattr(Texts, "forget_idle", forget_idle)
    make()
    assert swept.wait(LIMIT_S)
    for fault in ("ZeroDivisionError", "KeyError"):
        assert f"{fault} in test_texts.py, line" in caplog.text
    assert "canary" not in caplog.text
