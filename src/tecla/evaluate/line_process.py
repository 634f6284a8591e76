"""A program that answers every line with one line: how peers outside Python's process are asked.

It owns the process: its pipes, the time limits on what it says, and its end. It knows nothing of
what the lines mean. What the program writes to its standard error is shown only while it starts,
before it has been told any text. Invariant: after a missed time limit nothing more is asked, as
the late answer would be taken for that of the next question.
"""

from __future__ import annotations

import os
import select
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence

from tecla.closing import Closing
from tecla.errors import PeerError, PeerMissingError

_GOODBYE_S = 5.0
_CHUNK_BYTES = 65536


class LineProcess(Closing):
    """One running program; used from one thread at a time.

    It is asked to end by the end of its input, so it also ends when this process dies.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        start_s: float,
        answer_s: float,
    ) -> None:
        """Start `command` and wait for its first line, `greeting`.

        name: what messages call it. environment: added to this process's own. Raises
        `PeerMissingError` if there is no such program, `PeerError` if it ends or stays silent.
        """
        self._name = name
        self._answer_s = answer_s
        self._rest = b""
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                bufsize=0,
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # an interrupt is this process's to handle
            )
        except OSError as error:
            self._log.close()
            raise PeerMissingError(
                f"{name} cannot be started: {error.strerror} ({command[0]!r})"
            ) from None
        self._open = True
        try:
            self.greeting = self._read(start_s, starting=True)
        except BaseException:
            self.close()
            raise

    def ask(self, line: str) -> str:
        """The answer to one line; raises `PeerError` if none comes in time."""
        if not self._open:
            raise PeerError(f"{self._name} was closed, or ended by an earlier failure")
        assert self._process.stdin
        try:
            self._write(line.encode() + b"\n")
            return self._read(self._answer_s)
        except OSError:
            self.close()
            raise PeerError(f"{self._name} ended with status {self._process.poll()}") from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the program, if need be by force, and wait until it has ended."""
        if not self._open:
            return
        self._open = False
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(_GOODBYE_S if self._process.returncode is None else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _write(self, data: bytes) -> None:
        assert self._process.stdin
        while data:
            data = data[os.write(self._process.stdin.fileno(), data) :]

    def _read(self, limit_s: float, *, starting: bool = False) -> str:
        """The next line, without its end."""
        assert self._process.stdout
        descriptor = self._process.stdout.fileno()
        until = time.monotonic() + limit_s
        while b"\n" not in self._rest:
            ready, _, _ = select.select([descriptor], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                self._process.kill()
                raise PeerError(f"{self._name} did not answer within {limit_s:g} s; it was ended")
            chunk = os.read(descriptor, _CHUNK_BYTES)
            if not chunk:
                raise PeerError(f"{self._name} ended: {self._last_words(starting)}")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode(errors="replace")

    def _last_words(self, starting: bool) -> str:
        status = f"status {self._process.wait()}"
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if starting and lines else status
