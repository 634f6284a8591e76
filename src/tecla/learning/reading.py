"""Reading files through a process of its own, which is ended and begun again when it must be.

`Reading` is one such process, begun with the first file. Whatever a file does to it (it takes too
long, eats memory, ends it) costs that file and a new process, never the caller. A line is asked
for only when the caller wants the next text, so memory stays that of one text.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tecla.closing import Closing
from tecla.errors import OptionError
from tecla.learning.base import REASONS, Left, ReadingOptions, UnreadableError
from tecla.learning.kinds import Kind

_BEGIN_S: Final = 120.0  # until the process has begun, on a busy machine
_CHUNK_BYTES: Final = 1 << 16
_STEP_BYTES: Final = 10_000_000  # of a file, for each of which there is the time anew


class Reading(Closing):
    """A process that reads files. For one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._got = bytearray()

    def texts(self, path: Path, kind: Kind, options: ReadingOptions) -> Iterator[str | Left]:
        """The texts of a file and what was left out, in order.

        Raises `UnreadableError` where nothing of it, or nothing more, can be read, and
        `OptionError` where a library is missing.
        """
        process = self._begun()
        limits = options.limits
        request: dict[str, object] = {
            "path": os.fspath(path),
            "kind": kind,
            "columns": options.columns,
            "senders": options.senders,
            "limits": asdict(limits),
        }
        try:
            size = path.stat().st_size
        except OSError as error:
            raise UnreadableError("unreadable") from error
        until = time.monotonic() + limits.seconds * (1 + size // _STEP_BYTES)
        done = False
        try:
            self._ask(process, request)
            while not done:
                wait_until = min(until, time.monotonic() + limits.seconds)
                message = self._message(process, wait_until)
                done = "end" in message
                if "text" in message:
                    yield message["text"]
                elif "left" in message:
                    yield Left(message["left"], message["count"])
            reason = message["end"]
        finally:
            if not done:  # too slow, ended by the file, or left by the caller
                self.close()
        if reason == "not_installed":
            raise OptionError(
                f"reading files of the kind {kind!r} needs a library that is not installed: run "
                "`pip install 'tecla[learn]'`"
            )
        if reason is not None:
            assert reason in REASONS
            raise UnreadableError(reason, message["columns"])

    def close(self) -> None:
        """End the process; the next file begins another. Safe to call twice."""
        process, self._process = self._process, None
        self._got.clear()
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(BrokenPipeError):  # what was not sent yet is not wanted any more
                        pipe.close()

    def _begun(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "tecla.learning.child"],  # nothing from this folder
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._message(self._process, time.monotonic() + _BEGIN_S)
        return self._process

    def _ask(self, process: subprocess.Popen[bytes], request: dict[str, object]) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(json.dumps(request).encode("ascii") + b"\n")
            process.stdin.flush()
        except OSError as error:
            raise UnreadableError("broke_down") from error

    def _message(self, process: subprocess.Popen[bytes], until: float) -> dict[str, Any]:
        """The next line; raises `UnreadableError` if it does not come in time, or not at all."""
        assert process.stdout is not None
        searched = 0
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while (end := self._got.find(b"\n", searched)) < 0:
                searched = len(self._got)
                if not selector.select(max(0.0, until - time.monotonic())):
                    raise UnreadableError("too_long")
                chunk = os.read(process.stdout.fileno(), _CHUNK_BYTES)
                if not chunk:
                    raise UnreadableError("broke_down")
                self._got += chunk
        line = bytes(self._got[:end])
        del self._got[: end + 1]
        found: dict[str, Any] = json.loads(line)
        return found
