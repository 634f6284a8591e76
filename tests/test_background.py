"""One object in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from functools import partial
from pathlib import Path

import pytest

from tecla import background

pytestmark = pytest.mark.slow
LIMIT_S = 60.0


class Counter:
    """Counts there."""

    def __init__(self, first: int) -> None:
        if first < 0:
            raise ValueError(f"{first} is below 0")
        self._count = first

    def add(self, number: int) -> int:
        self._count += number
        return self._count

    def where(self) -> tuple[int, int, int]:
        return os.getpid(), os.getppid(), os.nice(0)

    def interrupt(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    def rest(self, seconds: float) -> int:
        time.sleep(seconds)
        return os.getpid()


def gone(pid: int) -> bool:
    """Whether a process has ended; waits for it."""
    until = time.monotonic() + LIMIT_S
    while time.monotonic() < until:
        multiprocessing.active_children()  # reaps those that have ended
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_one_object_does_all_tasks_and_gives_way() -> None:
    with background.process(partial(Counter, 5), nicer=3) as there:
        tasks = [there.submit(background.call, "add", number) for number in (1, 2, 3)]
        assert [each.result(LIMIT_S) for each in tasks] == [6, 8, 11]
        there.submit(background.call, "interrupt").result(LIMIT_S)  # of whoever started it
        pid, parent, nice = there.submit(background.call, "where").result(LIMIT_S)
        assert pid != os.getpid() == parent
        assert nice == min(19, os.nice(0) + 3)
    assert gone(pid)


def test_what_cannot_be_made_is_said_each_time() -> None:
    with background.process(partial(Counter, -1), nicer=1) as there:
        for _ in range(2):
            with pytest.raises(ValueError, match="-1 is below 0"):
                there.submit(background.call, "add", 1).result(LIMIT_S)


def test_it_ends_when_idle_and_never_over_a_task() -> None:
    there = background.process(partial(Counter, 0), nicer=1, idle_s=0.2)
    try:
        pid = there.submit(background.call, "rest", 1.0).result(LIMIT_S)
        assert gone(pid)
        with pytest.raises(BrokenExecutor):
            there.submit(background.call, "add", 1).result(LIMIT_S)
    finally:
        there.shutdown(wait=False)


ORPHAN = """
import os
from functools import partial
from test_background import Counter
from tecla import background
if __name__ == "__main__":
    there = background.process(partial(Counter, 0), nicer=1)
    print(there.submit(background.call, "where").result(60)[0], flush=True)
    os._exit(0)
"""


def test_it_ends_with_whoever_started_it(tmp_path: Path) -> None:
    script = tmp_path / "orphan.py"
    script.write_text(ORPHAN, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run(
        [sys.executable, str(script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 0, done.stderr
    assert gone(int(done.stdout))
