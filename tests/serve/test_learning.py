"""The row of tasks before what learns: bounded, in order, done to the end; keys go on meanwhile."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import tiny_gguf
from serve.conftest import learning_of, settings_of
from serve.processes import serving, write_config
from serve.serving import Answer, Live, live, request, until, vanish
from serve.test_learn import OTTER, WHALE
from tecla.errors import StoreBusyError
from tecla.serve import learning
from tecla.serve.learning import MOST_OF_A_KEY, Learning
from tecla.serve.scribe import Scribe
from tecla.store.memory import MemoryStore
from tecla.store.owners import Owner

LOCAL = Owner("user", "local")


def document(source: str, text: str = OTTER) -> dict[str, Any]:
    return {"documents": [{"source": source, "text": text}]}


class Held:
    """Has every task of learning wait until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.goes, self.begun = threading.Event(), threading.Semaphore(0)
        learn = Scribe.learn

        def waiting(scribe: Scribe, *arguments: Any) -> Any:
            self.begun.release()
            assert self.goes.wait(120)
            return learn(scribe, *arguments)

        monkeypatch.setattr(Scribe, "learn", waiting)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    found = Held(monkeypatch)
    yield found
    found.goes.set()


def sources(served: Live) -> list[str]:
    answer = served.ask("GET", "/v1/learned")
    return [each["source"] for each in answer.document["documents"]]


def begun(served: Live, source: str) -> socket.socket:
    """A connection on which something is being learnt."""
    end = served.connect()
    end.sendall(request("POST", "/v1/learn", document(source)))
    return end


def learnt(end: socket.socket) -> None:
    with end:
        assert Answer.read(end).document["documents"][0]["state"] == "learnt"


@pytest.mark.slow
def test_keys_are_answered_while_something_is_learnt(held: Held) -> None:
    with live() as served:
        end = begun(served, "a")
        assert held.begun.acquire(timeout=120)
        assert served.suggest().document["text"].startswith(" of")
        assert sources(served) == []
        held.goes.set()
        learnt(end)
        assert sources(served) == ["a"]


@pytest.mark.slow
def test_so_many_tasks_of_a_key_may_wait(held: Held) -> None:
    with live() as served:
        ends = [begun(served, f"{number}") for number in range(MOST_OF_A_KEY)]
        until(lambda: served.service.library.learning.waiting == MOST_OF_A_KEY)
        answer = served.ask("POST", "/v1/learn", document("one more"))
        assert answer.status == 429
        assert answer.error["code"] == "rate_limited"
        assert str(MOST_OF_A_KEY) in answer.error["message"]
        held.goes.set()
        for end in ends:
            learnt(end)
        assert set(sources(served)) == {str(number) for number in range(MOST_OF_A_KEY)}
        assert served.ask("POST", "/v1/learn", document("one more")).status == 200


@pytest.mark.slow
def test_no_more_may_wait_of_all_keys(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST_WAITING", 1)
    with live() as served:
        end = begun(served, "a")
        assert held.begun.acquire(timeout=120)
        answer = served.ask("POST", "/v1/forget", {"everything": True})
        assert (answer.status, answer.error["code"]) == (429, "overloaded")
        held.goes.set()
        learnt(end)


@pytest.mark.slow
def test_what_was_taken_is_done_though_the_client_has_left(held: Held) -> None:
    with live() as served:
        end = begun(served, "a")
        assert held.begun.acquire(timeout=120)
        vanish(end)
        held.goes.set()
        until(lambda: sources(served) == ["a"])


@pytest.mark.slow
def test_what_was_taken_is_done_before_the_end(held: Held) -> None:
    with MemoryStore() as store:
        with live(store=store) as served:
            end = begun(served, "a")
            assert held.begun.acquire(timeout=120)
            vanish(end)
            threading.Timer(0.2, held.goes.set).start()
        assert [each.source for each in store.documents.all()] == ["a"]


class Breaking(Executor):
    """One worker whose process ends at the first tasks."""

    ends = 1

    def __init__(self) -> None:
        self._inner = ThreadPoolExecutor(1)

    def submit(self, *task: Any, **named: Any) -> Future[Any]:  # type: ignore[override]
        if Breaking.ends > 0:
            Breaking.ends -= 1
            found: Future[Any] = Future()
            found.set_exception(BrokenExecutor("ended"))
            return found
        return self._inner.submit(*task, **named)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._inner.shutdown(wait, cancel_futures=cancel_futures)


@pytest.mark.anyio
@pytest.mark.parametrize("ends", [1, 2])
async def test_a_process_that_ends_over_a_task(ends: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Breaking, "ends", ends)
    with MemoryStore() as store:
        settings = settings_of()
        scribe = learning_of(settings, store)._scribe
        found = Learning(settings, Breaking, scribe)
        if ends > 1:
            with pytest.raises(StoreBusyError, match="send it again"):
                await found.forget(LOCAL, "", ["x"])
        else:
            found.begin()
        await found.close()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# --- in a process of its own ----------------------------------------------------------------------


@pytest.mark.slow
def test_a_service_learns_and_another_one_goes_on(tmp_path: Path) -> None:
    model = tiny_gguf.write_bpe_llama(tmp_path / "tiny.gguf")
    write_config(tmp_path, model)
    with serving(tmp_path) as service:
        answer = service.ask("POST", "/v1/learn", document("a"))
        assert answer.status == 200, answer.document
        assert answer.document["documents"][0]["state"] == "learnt"
        page = service.ask("GET", "/metrics").body.decode()
        assert float(page.split("\ntecla_index_tokens ")[1].split()[0]) > 0
        found = service.ask("POST", "/v1/search", {"text": "umbrella piano"}).document["found"]
        assert found[0]["text"] == OTTER
        assert found[0]["meaning_rank"] == 1  # its vector is there as well
        assert service.end() == 0
    with serving(tmp_path) as service:
        assert service.ask("POST", "/v1/learn", document("b", WHALE)).status == 200
        answer = service.ask("POST", "/v1/forget", {"sources": ["a"]})
        assert answer.document["used"]["documents"] == 1
        found = service.ask("POST", "/v1/search", {"text": "umbrella whale"}).document["found"]
        assert [each["text"] for each in found] == [WHALE]
        assert service.end() == 0
