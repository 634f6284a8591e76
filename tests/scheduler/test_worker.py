"""The thread that owns the engine: its door, its failures, its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait

import pytest

from tecla.decode.request import Request, Stopping
from tecla.engines.base import Feed
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer
from tecla.engines.sampling import GREEDY
from tecla.engines.scores import NumpyScores
from tecla.errors import EngineError, EngineFailedError, OverloadedError
from tecla.models.info import ModelInfo
from tecla.scheduler.scheduler import Scheduler
from tecla.scheduler.terms import Terms
from tecla.scheduler.ticket import SessionKey, TextStream, Ticket
from tecla.scheduler.worker import Worker
from tecla.text.context import Context

TOKENIZER = FakeTokenizer()
PATIENCE_S = 20


class Breaking(FakeEngine):
    """An engine that can be held, and breaks on demand."""

    def __init__(self) -> None:
        super().__init__(TOKENIZER)
        self.go = threading.Event()
        self.go.set()
        self.at_work = threading.Event()
        self.error: BaseException | None = None
        self.closed = False

    def eval(self, feeds: Sequence[Feed]) -> NumpyScores:
        self.at_work.set()
        assert self.go.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        return super().eval(feeds)

    def close(self) -> None:
        self.closed = True


def loaded(engine: FakeEngine, info: ModelInfo) -> LoadedModel:
    return LoadedModel(engine, TOKENIZER, info)


@pytest.fixture
def engines() -> list[Breaking]:
    """Every engine that was opened, in order."""
    return [Breaking()]


@pytest.fixture
def start(engines: list[Breaking], fake_info: ModelInfo) -> Iterator[Callable[..., Worker]]:
    started: list[Worker] = []

    def begin(*, restarts: bool = True, terms: Terms | None = None) -> Worker:
        def reopen() -> LoadedModel:
            engines.append(Breaking())
            return loaded(engines[-1], fake_info)

        worker = Worker(
            loaded(engines[0], fake_info),
            lambda model: Scheduler(model.engine, model.tokenizer, terms),
            reopen if restarts else None,
        )
        started.append(worker)
        return worker

    yield begin
    for engine in engines:
        engine.go.set()
    for worker in started:
        worker.close()
    assert not any(worker._thread.is_alive() for worker in started)


def ticket(text: str = "she would", max_tokens: int = 4, **options: object) -> Ticket:
    request = Request(Context(text), GREEDY, Stopping(max_tokens=max_tokens))
    return Ticket(request, **options)  # type: ignore[arg-type]


def answered(worker: Worker, asked: Ticket | None = None) -> bool:
    asked = asked or ticket()
    worker.submit(asked)
    return bool(asked.answer.result(PATIENCE_S).continuations)


def test_many_threads_are_answered_at_once(start: Callable[..., Worker]) -> None:
    worker = start()
    tickets = [ticket(f"{number} she would") for number in range(40)]
    threads = [
        threading.Thread(target=lambda part: [worker.submit(one) for one in part], args=[part])
        for part in (tickets[:20], tickets[20:])
    ]
    for thread in threads:
        thread.start()
    done, pending = wait([one.answer for one in tickets], PATIENCE_S)
    assert not pending
    assert len({id(future) for future in done}) == 40
    counts = worker.call(lambda scheduler: scheduler.counters())
    assert counts["answered"] == 40


def test_a_failure_fails_what_is_pending_and_the_engine_is_opened_once_more(
    start: Callable[..., Worker], engines: list[Breaking]
) -> None:
    worker = start()
    engines[0].go.clear()
    first, second = ticket(), ticket("the future")
    worker.submit(first)
    assert engines[0].at_work.wait(PATIENCE_S)
    worker.submit(second)
    engines[0].error = EngineError("llama.cpp refused the batch")
    engines[0].go.set()
    with pytest.raises(EngineFailedError, match="refused the batch") as failed:
        first.answer.result(PATIENCE_S)
    assert failed.value.code == "engine_failed"
    second.answer.exception(PATIENCE_S)  # whichever side of the restart it was taken on
    assert answered(worker)
    assert worker.healthy
    assert worker.restarts == 1
    assert engines[0].closed


@pytest.mark.parametrize("error", [MemoryError("no memory"), EngineError("again")])
def test_a_second_failure_in_a_row_is_final(
    start: Callable[..., Worker], engines: list[Breaking], error: Exception
) -> None:
    worker = start(restarts=False)
    engines[0].error = error
    broken = ticket()
    worker.submit(broken)
    with pytest.raises(EngineFailedError, match=type(error).__name__):
        broken.answer.result(PATIENCE_S)
    worker._thread.join(PATIENCE_S)
    assert not worker.healthy
    with pytest.raises(EngineFailedError):
        worker.submit(ticket())
    with pytest.raises(EngineFailedError):
        worker.call(lambda scheduler: scheduler.counters())


def test_a_restart_that_fails_leaves_no_one_waiting(
    fake_info: ModelInfo, engines: list[Breaking]
) -> None:
    def reopen() -> LoadedModel:
        raise EngineError("the file is gone")

    worker = Worker(
        loaded(engines[0], fake_info),
        lambda model: Scheduler(model.engine, model.tokenizer),
        reopen,
    )
    engines[0].error = EngineError("broke")
    broken = ticket()
    worker.submit(broken)
    with pytest.raises(EngineFailedError):
        broken.answer.result(PATIENCE_S)
    worker._thread.join(PATIENCE_S)
    with pytest.raises(EngineError, match="the file is gone"):
        worker.submit(ticket())
    worker.close()


def test_closing_fails_what_is_pending(
    start: Callable[..., Worker], engines: list[Breaking]
) -> None:
    worker = start()
    engines[0].go.clear()
    tickets = [ticket(max_tokens=50) for _ in range(3)]
    for one in tickets:
        worker.submit(one)
    assert engines[0].at_work.wait(PATIENCE_S)
    closing = threading.Thread(target=worker.close)
    closing.start()
    engines[0].go.set()
    closing.join(PATIENCE_S)
    for one in tickets:
        with pytest.raises(EngineFailedError, match="closed"):
            one.answer.result(PATIENCE_S)
    assert not worker.healthy
    assert engines[0].closed
    worker.close()


def test_the_door_is_bounded_and_may_be_waited_at(
    start: Callable[..., Worker], engines: list[Breaking]
) -> None:
    worker = start(terms=Terms(most_jobs=1, most_waiting=2))
    engines[0].go.clear()
    worker.submit(first := ticket())
    assert engines[0].at_work.wait(PATIENCE_S)
    tickets = [ticket() for _ in range(2)]
    for one in tickets:
        worker.submit(one)
    with pytest.raises(OverloadedError):
        worker.submit(ticket())
    late = ticket()
    waiting = threading.Thread(target=lambda: worker.submit(late, wait=True))
    waiting.start()
    engines[0].go.set()
    for one in (first, *tickets, late):
        assert one.answer.result(PATIENCE_S).continuations
    waiting.join(PATIENCE_S)


def test_a_cancelled_request_stops_within_one_step(
    start: Callable[..., Worker], engines: list[Breaking]
) -> None:
    worker = start()
    engines[0].go.clear()
    gone = ticket(max_tokens=400)
    worker.submit(gone)
    assert engines[0].at_work.wait(PATIENCE_S)
    worker.cancel(gone)
    engines[0].go.set()
    assert gone.answer.result(PATIENCE_S).partial
    assert engines[0].evals == 1


def test_a_newer_revision_answers_the_older(
    start: Callable[..., Worker], engines: list[Breaking]
) -> None:
    worker = start()
    key = SessionKey(1)
    engines[0].go.clear()
    old = ticket(max_tokens=400, session=key, revision=1)
    worker.submit(old)
    assert engines[0].at_work.wait(PATIENCE_S)
    new = ticket("she would th", session=key, revision=2)
    worker.submit(new)
    engines[0].go.set()
    assert old.answer.result(PATIENCE_S).partial
    assert new.answer.result(PATIENCE_S).continuations


def test_a_stream_reads_everything_and_ends_with_the_answer(start: Callable[..., Worker]) -> None:
    worker = start()
    asked = ticket(max_tokens=12, stream=TextStream())
    worker.submit(asked)
    assert asked.stream is not None
    text = "".join(asked.stream)
    found = asked.answer.result(PATIENCE_S)
    assert text == (found.continuations[0].text if found.continuations else "")
