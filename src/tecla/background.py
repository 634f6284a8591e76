"""Work in the background: one object in a process of its own, which does one task after the other.

For what takes seconds of a core beside somebody who types. The process gives way to all others, is
started by whoever needs it, and ends by itself when nothing was to be done for a while or whoever
started it is gone; a task that meets its end raises `BrokenExecutor`.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

_IDLE_S: Final = 600.0
_LOOKS: Final = 40  # at whether it has been idle, in that time


def process(
    make: Callable[[], object], *, nicer: int, idle_s: float = _IDLE_S
) -> ProcessPoolExecutor:
    """A process for one object, which `make` gives at its first task there; submit it `call`.

    `make` goes there as a pickle. `nicer` is by how much it gives way to this process, from 0 to
    19; `idle_s` how long it lives without a task.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, _begin, (make, nicer, idle_s))


def call(method: str, *arguments: object) -> Any:
    """There: what a method of the object gives; raises what it raises."""
    assert _life is not None
    with _life.lock:  # while it is held the process does not end
        try:
            return getattr(_life.found(), method)(*arguments)
        finally:
            _life.used_at = time.monotonic()


@dataclass(slots=True)
class _Life:
    make: Callable[[], object]
    idle_s: float
    used_at: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)
    made: object = None

    def found(self) -> object:
        if self.made is None:
            self.made = self.make()
        return self.made

    def end_alone(self) -> None:
        """Wait for the end, and end: nothing is lost that was not begun."""
        parent = multiprocessing.parent_process()
        assert parent is not None
        while parent.is_alive():
            parent.join(self.idle_s / _LOOKS)
            if not self.lock.acquire(blocking=False):
                continue
            if time.monotonic() - self.used_at >= self.idle_s:
                break
            self.lock.release()
        os._exit(0)


_life: _Life | None = None


def _begin(make: Callable[[], object], nicer: int, idle_s: float) -> None:
    global _life
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this says when it ends
    os.nice(nicer)
    _life = _Life(make, idle_s)
    threading.Thread(target=_life.end_alone, daemon=True).start()
