"""One process of an engine, from its start to its end, as the program that started it sees it."""

from __future__ import annotations

import itertools
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Final

from tecla.closing import Closing
from tecla.decode.generation import Generation
from tecla.decode.request import Completed
from tecla.errors import EngineFailedError, OverloadedError, TeclaError
from tecla.filters.options import FilterOptions
from tecla.process.link import Link
from tecla.process.messages import (
    Answered,
    Begin,
    Count,
    Filtering,
    Generate,
    GiveUp,
    Open,
    Opened,
    Piece,
    ToEngine,
)
from tecla.scheduler.ticket import Sink
from tecla.settings import Settings
from tecla.suggest.base import Generating

MOST_PENDING: Final = 1024  # questions that were sent and not answered
_RETRY_MS: Final = 50.0
_END_S: Final = 2.0

Answer = Future[Any]


class Life(Closing):
    """A process, and what it owes answers to; used from any thread.

    When the process ends, whatever the reason, everything it owes fails with `EngineFailedError`.
    """

    def __init__(self, settings: Settings, common: str = "") -> None:
        """Start it and have it load the model; `opened` says when it is ready."""
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tecla.process.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._link = Link(ours)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._pending: dict[int, Answer] = {}
        self._sinks: dict[int, Sink] = {}
        self._filters: dict[FilterOptions, int] = {}
        self.opened: Future[Opened] = Future()
        self.ended = threading.Event()
        self._link.put(Open(settings, common))
        self._reader = threading.Thread(target=self._read, name="tecla-life", daemon=True)
        self._reader.start()

    @property
    def process_id(self) -> int:
        """Its number in the system."""
        return self._process.pid

    @property
    def pending(self) -> int:
        """How many answers it owes."""
        return len(self._pending)

    @property
    def how_it_ended(self) -> str:
        """In words; once `ended` is set."""
        status = self._process.returncode
        if status is None:
            return "it is still there"
        if status < 0:
            try:
                return f"signal {signal.Signals(-status).name}"
            except ValueError:
                return f"signal {-status}"
        return f"exit status {status}"

    def begin(self, question: Begin) -> Future[Completed]:
        """Send a question, whose `id` is given here.

        Raises `OverloadedError` if too many wait, `EngineFailedError` if the process has ended.
        """
        return self._ask(question)

    def generate(self, request: Generation, sink: Sink | None, scope: Hashable = "") -> Generating:
        """Begin a generation; raises what `begin` raises."""
        answer, number = self._sent(Generate(0, request, sink is not None, scope), sink)
        return Generating(answer, lambda: self.tell(GiveUp(number)))

    def count(self) -> Future[dict[str, int]]:
        """What was counted so far, told by the engine's thread; raises what `begin` raises."""
        return self._ask(Count(0))

    def tell(self, message: ToEngine) -> None:
        """Send what needs no answer."""
        self._link.put(message, always=True)

    def filtering(self, options: FilterOptions) -> int:
        """The number of some filters, which the process is told of before it is first used."""
        with self._lock:
            number = self._filters.get(options)
            if number is None:
                number = self._filters[options] = len(self._filters) + 1
                self._link.put(Filtering(number, options), always=True)
        return number

    def kill(self) -> None:
        """End it at once, even if it hangs."""
        self._process.kill()

    def close(self) -> None:
        """End it, and fail what it owes; safe to call twice."""
        self._link.close()
        if threading.current_thread() is not self._reader:
            self._reader.join()

    def _ask(self, question: Begin | Count) -> Answer:
        return self._sent(question, None)[0]

    def _sent(self, question: Begin | Count | Generate, sink: Sink | None) -> tuple[Answer, int]:
        """The answer to come, and the number of the question."""
        answer: Answer = Future()
        answer.set_running_or_notify_cancel()
        with self._lock:
            if self.ended.is_set():
                raise self._failure()
            if len(self._pending) >= MOST_PENDING:
                raise self._too_many()
            number = next(self._numbers)
            self._pending[number] = answer
            if sink is not None:
                self._sinks[number] = sink
        if not self._link.put(replace(question, id=number)):
            with self._lock:
                known = self._pending.pop(number, None)
                self._sinks.pop(number, None)
            if known is not None and not self.ended.is_set():
                raise self._too_many()
            raise self._failure()
        return answer, number

    def _too_many(self) -> OverloadedError:
        return OverloadedError(
            f"{len(self._pending)} questions wait for the engine; try again in {_RETRY_MS:.0f} ms, "
            "or run more engines",
            retry_after_ms=_RETRY_MS,
        )

    def _failure(self) -> EngineFailedError:
        return EngineFailedError(
            f"the engine's process has ended ({self.how_it_ended}); it is started again"
        )

    def _read(self) -> None:
        try:
            for message in self._link:
                self._take(message)
        finally:  # also where what came was no message: then it is not to be trusted any more
            self._bury()

    def _take(self, message: object) -> None:
        if isinstance(message, Opened):
            self.opened.set_result(message)
            return
        if isinstance(message, Piece):
            sink = self._sinks.get(message.id)
            if sink is not None:
                sink.put(message.text, message.tokens)
            return
        assert isinstance(message, Answered)
        with self._lock:
            answer = self._pending.pop(message.id, None)
            sink = self._sinks.pop(message.id, None)
        if sink is not None:
            sink.end()
        if message.id == 0 and isinstance(message.answer, TeclaError):
            self.opened.set_exception(message.answer)
        elif answer is None:
            return
        elif isinstance(message.answer, TeclaError):
            answer.set_exception(message.answer)
        else:
            answer.set_result(message.answer)

    def _bury(self) -> None:
        """The line is cut: make sure that it is gone, and fail what it owes."""
        self._link.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with self._lock:
            self.ended.set()
            owed, self._pending = list(self._pending.values()), {}
            sinks, self._sinks = list(self._sinks.values()), {}
        for sink in sinks:
            sink.end()
        failure = self._failure()
        for answer in owed:
            answer.set_exception(failure)
        if not self.opened.done():
            self.opened.set_exception(failure)
