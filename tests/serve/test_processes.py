"""The service and its engine as processes that are killed, stopped, reloaded and short of disk."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest

import tiny_gguf
from serve.processes import TEXT, Process, Typist, serving, typists, write_config
from serve.serving import Socket, until
from tecla.serve import socket_route

pytestmark = pytest.mark.slow
_KEY_S = 0.2  # between two keys of a person


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two models, of different seeds."""
    folder = tmp_path_factory.mktemp("models")
    return [tiny_gguf.write_bpe_llama(folder / f"tiny{seed}.gguf", seed=seed) for seed in range(2)]


@pytest.fixture
def on_exit() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.fixture
def model(models: list[Path]) -> Path:
    """The one that is served."""
    return models[0]


@pytest.fixture
def folder(tmp_path: Path, model: Path) -> Path:
    write_config(tmp_path, model)
    return tmp_path


@pytest.fixture
def service(folder: Path) -> Iterator[Process]:
    with serving(folder) as found:
        yield found


def test_an_engine_that_dies_costs_restarts_and_no_connection(
    service: Process, model: Path, on_exit: ExitStack
) -> None:
    away = model.with_suffix(".away")
    on_exit.callback(lambda: away.exists() and away.rename(model))
    with typists(service) as people:
        for count, how in enumerate((signal.SIGKILL, signal.SIGSEGV), start=1):
            until(lambda: _is_heard(people))
            model.rename(away)  # so that it stays dead until it was looked at
            dead = service.kill_engine(how)
            until(lambda: service.health() == "classical")
            assert not service.is_ready()
            answer = service.suggest("Thank you for")
            assert answer.status == 200
            assert answer.document["without_model"] in {"engine_failed", "overloaded"}
            assert answer.document["text"]
            for each in people:
                each.answers.clear()
            until(lambda: all(each.answers for each in people))
            assert not any(_by_model(told) for each in people for told in each.answers)
            away.rename(model)
            until(service.is_ready)
            health = service.ask("GET", "/healthz").document
            assert (health["state"], health["restarts"]) == ("serving", count)
            assert not psutil.pid_exists(dead.pid)
            for each in people:
                each.answers.clear()
        until(lambda: _is_heard(people))
    assert service.end() == 0


@pytest.mark.soak
def test_the_default_model_is_back_within_seconds(folder: Path) -> None:
    """What is measured is printed: seconds until the model is heard again under load."""
    write_config(folder, "default")
    with serving(folder) as service, typists(service, pause_s=_KEY_S) as people:
        for how in (signal.SIGKILL, signal.SIGSEGV) * 3:
            until(lambda: _is_heard(people))
            before, began = service.restarts, time.monotonic()
            service.kill_engine(how)
            for each in people:
                each.answers.clear()
            until(lambda before=before: service.restarts > before)
            until(service.is_ready)
            ready_s = time.monotonic() - began
            until(lambda: _is_heard(people))
            heard_s = time.monotonic() - began
            print(f"{how.name}: ready after {ready_s:.2f} s, heard after {heard_s:.2f} s")
        longest_s = max(each.longest_s for each in people)
        print(f"the longest wait for an answer was {longest_s:.2f} s")


def _shown(client: Socket, text: str) -> tuple[int, str]:
    """Open a text and ask until something is shown: there may be no time for it; the revision."""
    found, revision = client.open(text, eagerness=1, deadline_ms=5000), 1
    while not found.get("text"):
        revision += 1
        again = {"start": 0, "end": 0, "text": "", "caret": len(text)}
        client.send(type="edit", revision=revision, **again)
        found = client.settled()
    return revision, found["text"]


def _is_heard(people: list[Typist]) -> bool:
    """Whether the model has answered anybody: on a busy machine it has no seat for everybody."""
    return any(_by_model(told) for each in people for told in list(each.answers))


def _by_model(answer: dict[str, Any]) -> bool:
    return answer.get("source") == "model" and "without_model" not in answer


def test_the_end_under_load_leaves_nothing(service: Process) -> None:
    engine = service.engine
    assert engine is not None
    with Socket(service) as client:
        client.open(TEXT)
        with typists(service, ended_by=socket_route.ENDED) as people:
            until(lambda: all(each.answers for each in people))
            assert service.end(signal.SIGTERM) == 0
        assert client.ending()[0] == socket_route.ENDED
    until(lambda: not engine.is_running())
    assert [line for line in service.lines if "INFO" not in line] == []


def test_a_service_that_is_killed_leaves_no_engine_and_is_taken_up_again(folder: Path) -> None:
    with serving(folder) as first:
        engine, port = first.engine, first.port
        assert engine is not None
        with Socket(first) as client:
            client.open(TEXT, session="letter")
            client.send(type="accept", revision=2, text=" to")
            client.settled()
            assert first.end(signal.SIGKILL) == -signal.SIGKILL
        until(lambda: not engine.is_running(), "the engine's end")
    with serving(folder, port=port) as second, Socket(second) as client:
        found = client.open(TEXT + " to", session="letter", deadline_ms=5000)
        assert found["revision"] == 1
        assert second.health() == "serving"
        assert second.end(signal.SIGINT) == 0


def test_another_model_without_a_dropped_connection(service: Process, models: list[Path]) -> None:
    old = service.engine
    assert old is not None
    with typists(service) as people:
        until(lambda: all(each.answers for each in people))
        service.configure(model=models[1], chars=500)
        until(lambda: not old.is_running(), "the end of the old engine")
        for each in people:
            each.answers.clear()
        until(lambda: _is_heard(people))
    assert service.ask("GET", "/healthz").document["restarts"] == 0
    (model,) = service.ask("GET", "/v1/models").document["data"]
    assert model["id"] == "tiny1"
    assert service.suggest("x" * 501).status == 413
    service.configure(model=models[1].with_name("none.gguf"))
    until(lambda: any("not taken up" in line for line in service.lines))
    assert service.health() == "serving"
    assert service.suggest(TEXT).status == 200
    (model,) = service.ask("GET", "/v1/models").document["data"]
    assert model["id"] == "tiny1"


def test_a_full_disk(folder: Path) -> None:
    store = folder / "store" / "tecla.db"
    with serving(folder) as service, Socket(service) as client:
        most = 2 * 4096  # bytes of one file, in place of those of the disk
        psutil.Process(service.process.pid).rlimit(psutil.RLIMIT_FSIZE, (most, most))
        revision, shown = _shown(client, "Thank you for")
        revision += 1
        client.send(type="accept", revision=revision, text=shown)
        assert client.settled()["revision"] == revision
        until(lambda: service.ask("GET", "/healthz").document["feedback"] != "ok")
        health = service.ask("GET", "/healthz")
        assert (health.status, health.document["state"]) == (200, "serving")
        assert service.suggest(TEXT).document["settled"]
        assert service.end() == 0
    with sqlite3.connect(store) as kept:
        assert kept.execute("pragma integrity_check").fetchone() == ("ok",)
    kept.close()


@pytest.mark.soak
def test_an_engine_that_hangs_is_killed(service: Process) -> None:
    with typists(service) as people:
        until(lambda: all(each.answers for each in people))
        stopped, began = service.kill_engine(signal.SIGSTOP), time.monotonic()
        until(lambda: service.ask("GET", "/healthz").document["restarts"] == 1)
        until(service.is_ready)
        print(f"SIGSTOP: another engine after {time.monotonic() - began:.1f} s")
        assert not psutil.pid_exists(stopped.pid)
        longest_s = max(each.longest_s for each in people)
        print(f"the longest wait for an answer was {longest_s:.2f} s")
    assert service.end() == 0
