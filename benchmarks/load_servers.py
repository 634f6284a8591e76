"""The servers of `load.py`, each in a process of its own, started and ended.

- `tecla`: `tecla serve` as it comes, with the default model and without keys; only the rate of the
  one caller that all typists are is raised. Its own files are in a folder that is thrown away, but
  for the cache, where n-grams lie ready.
- `classical`: the same service without its engine, so that every answer is the predictors'.
- `llama-server`: as `replay_children.py` starts it.
- `nothing`: says at once that there is nothing to show; what it and the typists take is what is
  paid for the messages alone.

This file run with a server's name is that server; it prints a line of JSON with its port.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn
from unittest import mock

import psutil
from replay_children import Child, MissingSystemError, Options

from tecla.machine import physical_cores
from tecla.settings import Settings, load

SERVERS: Final = ("tecla", "classical", "llama-server", "nothing")
_START_S: Final = 180.0
_END_S: Final = 15.0
_PORT: Final = re.compile(r"http://127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, slots=True)
class Started:
    """A server that listens: its port, and its processes by what they are."""

    port: int
    processes: dict[str, int]


@contextmanager
def started(server: str, model: Path, typists: int, python: str) -> Iterator[Started]:
    """A server for so many typists; raises `MissingSystemError` where it cannot be started."""
    if server == "llama-server":
        with _llama_server(model, typists, python) as found:
            yield found
        return
    command = [sys.executable, __file__, server]
    if server == "tecla":
        command = [str(Path(sys.executable).with_name("tecla")), "serve", "--without-keys"]
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        process = subprocess.Popen(
            command, env=_environment(Path(folder), model), stdout=log, stderr=log
        )
        try:
            port = _port(process, Path(folder) / "log")
            yield Started(port, _processes(process.pid))
        finally:
            process.terminate()
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _llama_server(model: Path, typists: int, python: str) -> Iterator[Started]:
    options = Options(
        model=str(model),
        threads=physical_cores(),
        typists=typists,
        max_tokens=0,
        deadline_ms=0,
        kv_tokens=0,
        min_probability=0.0,
        tolerance=0.0,
    )
    child = Child("llama-server", python, options)
    try:
        ready = asyncio.run(child.ready())
        yield Started(ready["port"], {"server": child.process.pid})
    finally:
        child.close()


def _environment(folder: Path, model: Path) -> dict[str, str]:
    """Settings for a server whose own files are in `folder`."""
    cache_dir = load().settings.paths.cache_dir
    (folder / "config.toml").touch()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TECLA_")}
    return {
        **inherited,
        "TECLA_CONFIG": str(folder / "config.toml"),
        "TECLA_CACHE_DIR": str(cache_dir),
        "TECLA_STORE_FILE": str(folder / "store.db"),
        "TECLA_MODEL": str(model),
        "TECLA_PORT": "0",
        "TECLA_PER_SECOND": "1000000",
        "TECLA_CONCURRENT": "4096",
    }


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait until a server says where it listens."""
    until = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < until:
        found = _PORT.search(log.read_text(encoding="utf-8"))
        if found is not None:
            return int(found.group(1))
        time.sleep(0.05)
    lines = log.read_text(encoding="utf-8").strip().splitlines()
    raise MissingSystemError(lines[-1] if lines else f"ended with status {process.poll()}")


def _processes(number: int) -> dict[str, int]:
    """A server's own process and that of its engine, if it has one."""
    found = {"server": number}
    with suppress(psutil.Error):
        for child in psutil.Process(number).children():
            if "tecla.process.child" in child.cmdline():
                found["engine"] = child.pid
    return found


class _Absent:
    """A model that is never there: what `RemoteSuggester` is while its engine has ended."""

    context_tokens = 0
    restarts = 0
    state: Final = "starting"

    def __init__(self, settings: Settings) -> None:
        from tecla.models.resolve import resolve

        paths = settings.paths
        self.info = resolve(
            settings.engine.model, models_dir=paths.models_dir, cache_dir=paths.cache_dir
        )

    def session(self, *, scope: Hashable = "") -> _Absent:
        return self

    def begin(self, before: str, after: str = "", **options: Any) -> Future[Any]:
        self.generate()

    def generate(self, *_: Any) -> NoReturn:
        from tecla.errors import EngineFailedError

        raise EngineFailedError("there is no engine")

    def counters(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        """Nothing is held."""


def serve_classical() -> None:
    """`tecla serve` without an engine."""
    from tecla.serve import run

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with mock.patch.object(run, "opened", _Absent):
        run.serve(lambda: load().settings, without_keys=True)


async def serve_nothing() -> None:
    """The session over WebSocket, of whose suggestions there is none."""
    from websockets.asyncio.server import ServerConnection, serve

    async def talk(connection: ServerConnection) -> None:
        async for message in connection:
            answer = {
                "type": "suggestion",
                "revision": json.loads(message)["revision"],
                "silence": "unsure",
                "source": "classical",
            }
            await connection.send(json.dumps(answer))

    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    async with serve(talk, sock=listening, compression=None):
        print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
        await asyncio.get_running_loop().create_future()


def main() -> None:
    """Be the server that is named; without a name nothing is done."""
    if sys.argv[1:] == ["classical"]:
        serve_classical()
    elif sys.argv[1:] == ["nothing"]:
        asyncio.run(serve_nothing())


if __name__ == "__main__":
    main()
