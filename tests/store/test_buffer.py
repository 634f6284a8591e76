"""Feedback written behind: no wait for the disk, a bound, and counts of what was lost."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from store.made import NO_LIMIT, NOW_S, event
from tecla.errors import OptionError, StoreBusyError, StoreError, StoreFullError
from tecla.store.base import FeedbackLog
from tecla.store.buffer import MOST_AT_ONCE, BufferStatus, FeedbackBuffer
from tecla.store.events import FeedbackEvent, SuggestedText
from tecla.store.memory import MemoryFeedback, MemoryStore
from tecla.store.sqlite import SqliteStore

LONG_S = 3600.0  # no test waits for the interval unless it is about it


class Disk:
    """A log that takes events when it is let, and fails when it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.fault: Exception | None = None
        self.free, self.reached, self.taken = (threading.Event() for _ in range(3))
        self.free.set()

    def record(self, events: Iterable[FeedbackEvent]) -> None:
        self.reached.set()
        assert self.free.wait(30)
        if self.fault is not None:
            raise self.fault
        self.batches.append([each.suggestion for each in events])
        self.taken.set()

    def names(self) -> list[str]:
        return [name for batch in self.batches for name in batch]


class DiskLog(Disk, MemoryFeedback):
    """With the rest of the contract, which a buffer does not call."""


@pytest.fixture
def disk() -> Iterator[DiskLog]:
    found = DiskLog()
    yield found
    found.free.set()


def add(buffer: FeedbackBuffer, names: Iterable[object]) -> list[bool]:
    return [buffer.add(event(f"s{name}")) for name in names]


def test_everything_arrives_in_order(disk: DiskLog) -> None:
    with FeedbackBuffer(disk, interval_s=LONG_S) as buffer:
        assert all(add(buffer, range(5)))
        assert disk.names() == []
        buffer.flush()
        assert disk.names() == ["s0", "s1", "s2", "s3", "s4"]
        add(buffer, range(5, 8))
        assert buffer.status() == BufferStatus(3, 5, 0, 0, None)
        buffer.flush()
        buffer.flush()
    assert disk.names() == [f"s{at}" for at in range(8)]


def test_it_writes_by_itself_after_the_interval(disk: DiskLog) -> None:
    with FeedbackBuffer(disk, interval_s=0.001) as buffer:
        add(buffer, [1])
        assert disk.taken.wait(30)
        assert disk.names() == ["s1"]


def test_closing_writes_what_waits(disk: DiskLog) -> None:
    buffer = FeedbackBuffer(disk, interval_s=LONG_S)
    add(buffer, range(3))
    buffer.close()
    buffer.close()
    assert disk.names() == ["s0", "s1", "s2"]
    assert add(buffer, [4]) == [False]
    assert buffer.status() == BufferStatus(0, 3, 1, 0, None)


def test_beyond_the_bound_events_are_dropped_and_counted(disk: DiskLog) -> None:
    """A disk that hangs: adding returns all the same, and memory stays bounded."""
    disk.free.clear()
    with FeedbackBuffer(disk, capacity=10, interval_s=0.001) as buffer:
        assert all(add(buffer, range(6)))
        assert disk.reached.wait(30)
        assert add(buffer, range(6, 20)) == [True] * 4 + [False] * 10
        assert (buffer.status().waiting, buffer.status().dropped) == (10, 10)
        with pytest.raises(StoreError, match=r"10 events .* not written after 0\.01 s"):
            buffer.flush(0.01)
        disk.free.set()
        buffer.flush()
        assert add(buffer, [20]) == [True]
    assert disk.names() == [f"s{at}" for at in (*range(10), 20)]
    assert buffer.status() == BufferStatus(0, 11, 10, 0, None)


def test_large_heaps_are_written_in_pieces(disk: DiskLog) -> None:
    count = 2 * MOST_AT_ONCE + 5
    with FeedbackBuffer(disk, capacity=count, interval_s=LONG_S) as buffer:
        add(buffer, range(count))
    assert [len(batch) for batch in disk.batches] == [MOST_AT_ONCE, MOST_AT_ONCE, 5]
    assert disk.names() == [f"s{at}" for at in range(count)]


@pytest.mark.parametrize("fault", [StoreFullError("full"), StoreBusyError("busy")])
def test_a_store_that_fails_is_tried_again(disk: DiskLog, fault: StoreError) -> None:
    with FeedbackBuffer(disk, capacity=8, interval_s=LONG_S) as buffer:
        add(buffer, range(5))
        disk.fault = fault
        with pytest.raises(type(fault), match=str(fault)):
            buffer.flush()
        assert buffer.status() == BufferStatus(5, 0, 0, 1, fault.code)
        assert add(buffer, range(5, 10)) == [True] * 3 + [False] * 2
        with pytest.raises(type(fault)):
            buffer.flush()
        disk.fault = None
        buffer.flush()
        assert disk.names() == [f"s{at}" for at in range(8)]
        assert buffer.status() == BufferStatus(0, 8, 2, 2, None)


def test_closing_on_a_full_disk_says_what_is_lost(disk: DiskLog) -> None:
    buffer = FeedbackBuffer(disk, interval_s=LONG_S)
    add(buffer, range(5))
    disk.fault = StoreFullError("no room")
    with pytest.raises(StoreFullError, match="5 events of feedback are lost: no room"):
        buffer.close()
    assert buffer.status() == BufferStatus(0, 0, 5, 1, "store_full")


def test_a_fault_of_the_store_does_not_end_the_thread(disk: DiskLog) -> None:
    with FeedbackBuffer(disk, interval_s=LONG_S) as buffer:
        add(buffer, range(3))
        disk.fault = ZeroDivisionError("a text that is nobody's business")
        with pytest.raises(StoreError, match=r"not written: ZeroDivisionError$"):
            buffer.flush()
        assert buffer.status() == BufferStatus(0, 0, 3, 1, "store_error")
        disk.fault = None
        add(buffer, [3])
        buffer.flush()
        assert disk.names() == ["s3"]


def test_the_log_says_how_many_and_never_what(
    disk: DiskLog, caplog: pytest.LogCaptureFixture
) -> None:
    disk.fault = StoreFullError("full")
    buffer = FeedbackBuffer(disk, interval_s=LONG_S)
    buffer.add(event("S", user="SECRET", text=SuggestedText("SECRET", "SECRET")))
    with pytest.raises(StoreFullError):
        buffer.close()
    assert "store_full, 1 events" in caplog.text
    assert "SECRET" not in caplog.text


def test_threads_add_at_once(disk: DiskLog) -> None:
    with FeedbackBuffer(disk, capacity=10_000, interval_s=0.001) as buffer:
        threads = [
            threading.Thread(
                target=lambda name: add(buffer, (f"{name}-{at}" for at in range(300))), args=(name,)
            )
            for name in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for name in range(4):
        mine = [each for each in disk.names() if each.startswith(f"s{name}-")]
        assert mine == [f"s{name}-{at}" for at in range(300)]
    assert buffer.status().written == 1200


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_consent_counts_when_it_happened_and_when_it_is_written(tmp_path: Path, kind: str) -> None:
    """Text in the buffer is dropped if consent came after it, or was withdrawn before the write."""
    now = [NOW_S]
    text = SuggestedText("a", "b")
    path = tmp_path / "tecla.db"
    with (
        MemoryStore(retention=NO_LIMIT, clock=lambda: now[0])
        if kind == "memory"
        else SqliteStore.open(path, retention=NO_LIMIT, clock=lambda: now[0])
    ) as store:
        log: FeedbackLog = store.feedback
        with FeedbackBuffer(log, interval_s=LONG_S) as buffer:
            buffer.add(event("before", text=text))
            now[0] += 1
            store.consent.give("ana")
            buffer.add(event("with", time_s=now[0], text=text))
            buffer.flush()
            assert [each.text for each in log.events()] == [None, text]
            buffer.add(event("after", time_s=now[0], text=text))
            store.consent.withdraw("ana")
            buffer.flush()
            buffer.add(event("between", time_s=now[0] + 1, text=text))
            now[0] += 2
            store.consent.give("ana")
        found = {each.suggestion: each.text for each in log.events()}
        assert found == dict.fromkeys(("before", "with", "after", "between"))


@pytest.mark.parametrize(
    "wrong", [{"capacity": 0}, {"capacity": 1.5}, {"interval_s": 0}, {"interval_s": "1"}]
)
def test_options_out_of_range(disk: DiskLog, wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        FeedbackBuffer(disk, **wrong)  # type: ignore[arg-type]
