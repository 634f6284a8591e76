"""`tecla serve` as a process of its own, with a tiny model, and typists who do not give up."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from serve.held import LIMIT_S
from serve.serving import Peer, Socket, until

TEXT = "We are going to the market this afternoon, and then we will have something"


class Process(Peer):
    """A service that was started."""

    def __init__(self, folder: Path, *, port: int = 0, open_files: int | None = None) -> None:
        """Serve by the configuration in a folder, with at most so many files open."""
        self.folder = folder
        self.lines: list[str] = []

        tecla = Path(sys.executable).with_name("tecla")
        limit = [] if open_files is None else ["prlimit", f"--nofile={open_files}:{open_files}"]
        self.process = subprocess.Popen(
            [*limit, tecla, "serve", "--port", str(port)],
            env={
                **os.environ,
                "HOME": str(folder),
                "TECLA_CONFIG": str(folder / "config.toml"),
                "TECLA_CACHE_DIR": str(folder.parent / "cache"),  # made once for all tests
                "TECLA_STORE_FILE": str(folder / "store" / "tecla.db"),
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        until(lambda: self._where() or self.process.poll() is not None, "the start")
        found = self._where()
        assert found, self.lines
        super().__init__(int(found[1]))

    @property
    def engine(self) -> psutil.Process | None:
        """The process of the engine, if it has one now."""
        children = psutil.Process(self.process.pid).children()
        return next((each for each in children if each.status() != psutil.STATUS_ZOMBIE), None)

    def kill_engine(self, how: signal.Signals) -> psutil.Process:
        engine = self.engine
        assert engine is not None
        os.kill(engine.pid, how)
        return engine

    @property
    def restarts(self) -> int:
        """How often it has started its engine again."""
        found = self.ask("GET", "/healthz").document["restarts"]
        assert isinstance(found, int)
        return found

    def is_ready(self) -> bool:
        return self.ask("GET", "/readyz").status == 200

    def configure(self, **settings: object) -> None:
        """What it reads at its start, and when it is told to read it again."""
        write_config(self.folder, **settings)
        self.process.send_signal(signal.SIGHUP)

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status."""
        self.process.send_signal(how)
        status = self.process.wait(LIMIT_S)
        self._reader.join(LIMIT_S)
        return status

    def _where(self) -> re.Match[str] | None:
        return re.search(r"http://127\.0\.0\.1:(\d+)", "".join(self.lines))

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            self.lines.extend(stream)


def write_config(folder: Path, model: Path | str, **serve: object) -> None:
    lines = [f'[engine]\nmodel = "{model}"\n[serve]', *(f"{k} = {v}" for k, v in serve.items())]
    (folder / "config.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


@contextmanager
def serving(folder: Path, **terms: Any) -> Iterator[Process]:
    """A service, which ends with the block."""
    found = Process(folder, **terms)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.end(signal.SIGKILL)


class Typist:
    """Types without end over one connection, and keeps what is said; one thread."""

    def __init__(self, service: Peer, number: int, pause_s: float) -> None:
        self.answers: list[dict[str, Any]] = []
        self.longest_s = 0.0
        self.ended: BaseException | None = None
        self._socket = Socket(service)
        self._stops = threading.Event()
        self._number, self._pause_s = number, pause_s
        self._thread = threading.Thread(target=self._type)
        self._thread.start()

    def _type(self) -> None:
        try:
            self._socket.open(TEXT, session=f"typist {self._number}", deadline_ms=5000)
            revision, text = 1, TEXT
            while not self._stops.wait(self._pause_s):
                revision += 1
                began = time.monotonic()
                letter = " abcdefgh"[revision % 9]
                at = len(text)
                self._socket.send(type="edit", revision=revision, start=at, end=at, text=letter)
                text += letter
                found = self._socket.settled()
                while found["revision"] != revision:
                    found = self._socket.settled()
                self.answers.append(found)
                self.longest_s = max(self.longest_s, time.monotonic() - began)
                if revision % 200 == 0:
                    revision += 1
                    self._socket.send(
                        type="edit", revision=revision, start=0, end=len(text), text=TEXT
                    )
                    text = TEXT
        except BaseException as error:
            self.ended = error
        finally:
            self._socket.end.close()

    def stop(self) -> None:
        """End between two keys."""
        self._stops.set()
        self._thread.join(LIMIT_S)
        assert not self._thread.is_alive(), "an answer did not come"


@contextmanager
def typists(
    service: Peer, number: int = 4, *, pause_s: float = 0.0, ended_by: int | None = None
) -> Iterator[list[Typist]]:
    """People who type as long as the block lasts, and none of whom waits in vain.

    They pause between a key's answer and the next key. They are not cut off, or all with the same
    close code.
    """
    found = [Typist(service, each, pause_s) for each in range(number)]
    try:
        yield found
    finally:
        for each in found:
            each.stop()
    for each in found:
        if each.ended is not None and getattr(each.ended, "code", None) != ended_by:
            raise each.ended
        assert (each.ended is not None) == (ended_by is not None)
