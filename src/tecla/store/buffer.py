"""Feedback from the path of a keystroke to a store, without a wait for the disk.

`add` puts an event into memory and returns; a thread of its own writes what has come together, as
one transaction, every `interval_s`. The bound holds whatever the disk does: beyond it events are
dropped and counted, as feedback is worth less than a keystroke. A process that is killed loses what
was not written yet, at most one interval's worth, and damages nothing.

A store that is full or busy is tried again at the next interval, with the same events. The lock is
never held while anything is written.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import Final

from tecla.checks import number, whole
from tecla.closing import Closing
from tecla.errors import OptionError, StoreError
from tecla.store.base import FeedbackLog
from tecla.store.events import FeedbackEvent

MOST_AT_ONCE: Final = 1000  # events in one transaction
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BufferStatus:
    """Counts since it was opened: events waiting, written and dropped, and writes that failed.

    error: the code of what the last write failed with, `None` since one went well.
    """

    waiting: int
    written: int
    dropped: int
    failures: int
    error: str | None


class FeedbackBuffer(Closing):
    """Takes events from any thread at once, and writes them behind.

    `log` must take calls from another thread; it stays open when this closes. capacity: most
    events that wait, those being written included. interval_s: longest time between two writes.
    """

    def __init__(self, log: FeedbackLog, *, capacity: int = 4096, interval_s: float = 1.0) -> None:
        whole("capacity", capacity, 1)
        if number("interval_s", interval_s) <= 0:
            raise OptionError(f"interval_s is {interval_s!r}; it must be more than 0")
        self._log, self._capacity, self._interval_s = log, capacity, interval_s
        self._changed = threading.Condition()
        self._waiting: list[FeedbackEvent] = []
        self._writing = 0  # events that the thread has taken and not yet written
        self._added = self._settled = 0  # settled: written, or given up
        self._written = self._dropped = self._failures = 0
        self._error: StoreError | None = None
        self._is_wanted = self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="tecla-feedback", daemon=True)
        self._thread.start()

    def add(self, event: FeedbackEvent) -> bool:
        """Take an event; False if it was dropped, because too many wait or the buffer is closed.

        Never waits for the disk, never raises.
        """
        with self._changed:
            if self._is_closed or len(self._waiting) + self._writing >= self._capacity:
                self._dropped += 1
                return False
            self._waiting.append(event)
            self._added += 1
            return True

    def flush(self, timeout_s: float = 10.0) -> None:
        """Wait until everything added so far is written.

        Raises the `StoreError` of a write that failed, or one after `timeout_s`; the events go on
        waiting.
        """
        with self._changed:
            wanted, failures = self._added, self._failures
            self._is_wanted = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._settled >= wanted or self._failures > failures, timeout_s
            )
            if self._failures > failures and self._error is not None:
                raise type(self._error)(str(self._error)) from self._error
            if self._settled < wanted:
                raise StoreError(
                    f"{wanted - self._settled} events of feedback are not written after "
                    f"{timeout_s:g} s; they go on waiting"
                )

    def status(self) -> BufferStatus:
        """What has become of the events so far."""
        with self._changed:
            return BufferStatus(
                waiting=len(self._waiting) + self._writing,
                written=self._written,
                dropped=self._dropped,
                failures=self._failures,
                error=None if self._error is None else self._error.code,
            )

    def close(self) -> None:
        """Write what waits and end the thread; safe to call twice.

        What cannot be written now is dropped and counted; raises the `StoreError` that kept it.
        """
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            self._changed.notify_all()
        self._thread.join()
        lost, self._waiting = len(self._waiting), []
        self._dropped += lost
        if lost and self._error is not None:
            message = f"{lost} events of feedback are lost: {self._error}"
            raise type(self._error)(message) from self._error

    def _work(self) -> None:
        """Round after round: wait, take what has come together, write it."""
        is_last = False
        while not is_last:
            with self._changed:
                self._changed.wait_for(lambda: self._is_wanted or self._is_closed, self._interval_s)
                self._is_wanted, is_last = False, self._is_closed
                taken, self._waiting = self._waiting, []
                self._writing = len(taken)
            for start in range(0, len(taken), MOST_AT_ONCE):
                if not self._write(taken[start : start + MOST_AT_ONCE]):
                    break
            with self._changed:
                self._waiting[:0] = taken[len(taken) - self._writing :]
                self._writing = 0
                self._changed.notify_all()

    def _write(self, events: list[FeedbackEvent]) -> bool:
        """Write some; whether to go on. What a store cannot take at all is given up."""
        failed: StoreError | None = None
        is_written, is_kept = True, False
        try:
            self._log.record(events)
        except StoreError as error:
            failed, is_written, is_kept = error, False, True
        except Exception as error:  # a fault of the store's code: the thread lives on
            failed = StoreError(f"feedback was not written: {type(error).__name__}")
            is_written = False
        if failed is not None:
            _log.warning("feedback is not written: %s, %d events", failed.code, len(events))
        with self._changed:
            self._error = failed
            self._failures += failed is not None
            if is_kept:
                return False
            self._writing -= len(events)
            self._settled += len(events)
            self._written += len(events) if is_written else 0
            self._dropped += 0 if is_written else len(events)
            self._changed.notify_all()
            return True
