"""Ten thousand people who have a text open and do not type."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

import tiny_gguf
from serve.processes import TEXT, Process, serving, write_config
from serve.serving import Socket, until
from tecla.serve import socket_route

pytestmark = pytest.mark.soak
MANY = 10_000


@contextmanager
def crowd(service: Process, number: int) -> Iterator[subprocess.Popen[str]]:
    """So many sessions, held open by another process."""
    script = Path(__file__).with_name("crowd.py")
    command = [sys.executable, str(script), str(service.port), str(number)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == number
        try:
            yield process
        finally:
            process.kill()


def connections(service: Process) -> int:
    page = service.ask("GET", "/metrics").body.decode()
    (line,) = (each for each in page.splitlines() if each.startswith("tecla_connections "))
    return round(float(line.split()[1]))


def test_ten_thousand_idle_sessions(tmp_path: Path) -> None:
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most_files < MANY + 1000:
        pytest.fail(f"this system lets a process open {most_files} files; raise the limit")
    model = tiny_gguf.write_bpe_llama(tmp_path / "tiny.gguf")
    write_config(tmp_path, model, connections=MANY + 1, concurrent=2 * MANY, per_second=MANY)
    with serving(tmp_path) as service:
        memory = psutil.Process(service.process.pid).memory_info
        with Socket(service) as first:
            first.open(TEXT)
            before_bytes, began = memory().rss, time.monotonic()
            with crowd(service, MANY) as process:
                opened_s = time.monotonic() - began
                each_bytes = (memory().rss - before_bytes) / MANY
                print(
                    f"{MANY} sessions: opened in {opened_s:.0f} s, {each_bytes / 1024:.1f} kB each"
                )
                assert connections(service) == MANY + 1
                with Socket(service) as over:  # one more than there may be
                    assert over.ending()[0] == socket_route.CROWDED
                began = time.monotonic()
                for revision in range(2, 52):
                    at = len(TEXT) + revision - 2
                    first.send(type="edit", revision=revision, start=at, end=at, text="a")
                    while first.settled()["revision"] != revision:
                        pass
                print(f"a key among them: {1000 * (time.monotonic() - began) / 50:.1f} ms")
                until(lambda: service.health() == "serving")
                process.send_signal(signal.SIGKILL)
                until(lambda: connections(service) == 1, "the end of all of them")
        left_bytes = (memory().rss - before_bytes) / MANY
        print(f"afterwards {left_bytes / 1024:.1f} kB each: their texts are kept for a while")
        until(lambda: service.health() == "serving")
        assert service.end() == 0


def test_more_sessions_than_files(tmp_path: Path) -> None:
    """The process may open fewer files than there are to be connections."""
    model = tiny_gguf.write_bpe_llama(tmp_path / "tiny.gguf")
    write_config(tmp_path, model, concurrent=MANY)
    few = 800
    with serving(tmp_path, open_files=few) as service:
        held = [service.connect() for _ in range(few)]
        answers = [each.recv(1 << 16) for each in held[-20:]]
        assert all(b"429" in each.split(b"\r\n")[0] for each in answers)
        for each in held:
            each.close()
        until(lambda: service.suggest(TEXT).status == 200)
        assert service.health() == "serving"
        assert not any("Too many open files" in line for line in service.lines)
        assert service.end() == 0
