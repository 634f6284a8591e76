"""The one thread that owns an engine, and the door to it for everybody else.

Callers of any thread hand in tickets and orders through a bounded queue; the thread takes
them between two steps, so a cancellation or a newer revision is seen before the next batch.

When the engine fails, every pending request fails with `EngineFailedError`, `healthy` turns
false, and a new engine is opened once; the next failure in a row, or one while opening, leaves
the worker dead: every request, waiting or new, fails at once with the reason. A request that is
answered after a restart earns the next one.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

from tecla.engines.factory import LoadedModel
from tecla.errors import EngineFailedError, OverloadedError, TeclaError
from tecla.scheduler.scheduler import Scheduler
from tecla.scheduler.ticket import Ticket

_MOST_ORDERS = 4096  # cancellations and the like that may wait
_LOOK_S = 0.5  # whoever waits looks this often whether the thread is still there
_log = logging.getLogger(__name__)
_workers: weakref.WeakSet[Worker] = weakref.WeakSet()

Result = TypeVar("Result")
Order = Callable[[Scheduler], None]


class Worker:
    """A scheduler on a thread of its own."""

    def __init__(
        self,
        loaded: LoadedModel,
        make: Callable[[LoadedModel], Scheduler],
        reopen: Callable[[], LoadedModel] | None = None,
    ) -> None:
        """Start on a loaded model, which the worker then owns; `reopen` loads it anew."""
        self.loaded, self._make, self._reopen = loaded, make, reopen
        self._scheduler = make(loaded)
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._tickets: list[Ticket] = []
        self._orders: list[Order] = []
        self._room = self._scheduler.room
        self._room_freed = threading.Condition(self._lock)
        self._closing = False
        self._dead: TeclaError | None = None
        self._restarts = 0
        self._may_restart = True
        self._healthy = True
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name="tecla-engine", daemon=True)
        self._thread.start()
        _workers.add(self)

    @property
    def healthy(self) -> bool:
        """Whether requests are being served."""
        return self._healthy and self._thread.is_alive()

    @property
    def alive(self) -> bool:
        """Whether requests are served, or will be again."""
        return self._dead is None and self._thread.is_alive()

    @property
    def restarts(self) -> int:
        """How often the engine was opened anew after a failure."""
        return self._restarts

    def submit(self, ticket: Ticket, *, wait: bool = False) -> None:
        """Hand in a request; its answer comes through `ticket.answer`.

        Raises `OverloadedError` when too many wait (with `wait` it blocks until there is room)
        and `EngineFailedError` when there is no engine any more.
        """
        self._check_process()
        with self._lock:
            self._check_alive()
            while len(self._tickets) >= self._room:
                if not wait:
                    raise OverloadedError(
                        f"{len(self._tickets)} requests are waiting to be taken; try again in "
                        "50 ms, or run more engines",
                        retry_after_ms=50.0,
                    )
                self._room_freed.wait(_LOOK_S)
                self._check_alive()
            self._tickets.append(ticket)
            self._wake.notify()

    def cancel(self, ticket: Ticket) -> None:
        """Give up a request; the answer says so, within one step."""
        if not ticket.answer.done():
            self._post(lambda scheduler: scheduler.cancel(ticket))

    def post(self, order: Order) -> None:
        """Run `order` between two steps, some time."""
        self._post(order)

    def call(self, job: Callable[[Scheduler], Result]) -> Result:
        """Run `job` between two steps and wait for what it returns or raises."""
        result: Future[Result] = Future()

        def order(scheduler: Scheduler) -> None:
            try:
                result.set_result(job(scheduler))
            except Exception as error:
                result.set_exception(error)

        self._check_process()
        with self._lock:
            self._check_alive()
            self._orders.append(order)
            self._wake.notify()
        while not wait([result], timeout=_LOOK_S).done:
            if not self._thread.is_alive() and not result.done():
                self._check_alive()
                raise EngineFailedError("the engine's thread ended; open the model again")
        return result.result()

    def close(self) -> None:
        """Fail what is pending, end the thread and free the model; safe to call twice."""
        if self._process != os.getpid():
            return  # the thread is in the process this one was forked from
        with self._lock:
            self._closing = True
            self._wake.notify()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _post(self, order: Order) -> None:
        if self._process != os.getpid():
            return
        with self._lock:
            if self._dead is None and len(self._orders) < _MOST_ORDERS:
                self._orders.append(order)
                self._wake.notify()

    def _check_process(self) -> None:
        """Raise in a forked process, which has the memory of this one but not the thread."""
        if self._process != os.getpid():
            raise EngineFailedError(
                "the model was opened before this process was forked; open it in this process"
            )

    def _check_alive(self) -> None:
        if self._dead is not None:
            raise self._dead
        if self._closing:
            raise EngineFailedError("the model was closed; open it again")

    def _run(self) -> None:
        try:
            while self._take():
                try:
                    self._scheduler.step()
                except Exception as error:
                    self._recover(error)
        except BaseException as error:  # whatever it was: nobody may wait for a dead thread
            _log.error("the engine's thread ended", exc_info=error)
            self._die(error)
        else:
            self._die(None)

    def _take(self) -> bool:
        """Move what was handed in to the scheduler; waits while there is nothing to do."""
        with self._lock:
            while not (self._tickets or self._orders or self._closing):
                if not self._scheduler.idle:
                    break
                self._wake.wait()
            if self._closing:
                return False
            room = max(0, self._scheduler.room)
            tickets, self._tickets = self._tickets[:room], self._tickets[room:]
            orders, self._orders = self._orders, []
            self._room = max(1, self._scheduler.terms.most_waiting)
            self._room_freed.notify_all()
        for ticket in tickets:
            try:
                self._scheduler.submit(ticket)
            except TeclaError as error:
                ticket.fail(error)
            except Exception as error:  # nobody may wait for a request that is nowhere
                ticket.fail(EngineFailedError(f"a request could not be taken ({error!r})"))
        for order in orders:
            order(self._scheduler)
        if self._scheduler.counts["answered"]:
            self._may_restart = True
        return True

    def _recover(self, error: Exception) -> None:
        """Fail what is pending and open a new engine, once in a row."""
        self._healthy = False
        _log.error("the engine failed: %s", error)
        failure = EngineFailedError(f"the engine failed ({type(error).__name__}: {error})")
        failure.__cause__ = error
        self._scheduler.fail_all(failure)
        if self._reopen is None or not self._may_restart:
            raise failure
        self._may_restart = False
        self.loaded.engine.close()
        self.loaded = self._reopen()
        self._scheduler = self._make(self.loaded)
        self._restarts += 1
        self._healthy = True

    def _die(self, error: BaseException | None) -> None:
        """End for good: everything pending and everything to come fails."""
        if isinstance(error, TeclaError):
            reason: TeclaError = error
        elif error is not None:
            reason = EngineFailedError(f"the engine's thread ended ({error!r}); open it again")
        else:
            reason = EngineFailedError("the model was closed; open it again")
        with self._lock:
            self._dead = reason
            self._healthy = False
            tickets, self._tickets = self._tickets, []
            orders, self._orders = self._orders, []
            self._room_freed.notify_all()
        for ticket in tickets:
            ticket.fail(reason)
        self._scheduler.fail_all(reason)
        for order in orders:  # callers wait for these
            order(self._scheduler)
        self.loaded.engine.close()


@atexit.register
def _close_all() -> None:
    """End what nobody closed: native code that runs while the program is torn down would crash."""
    for worker in list(_workers):
        worker.close()
