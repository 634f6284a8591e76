"""One writer at a time in an owner's folder, across threads and processes.

The lock is `flock` on a file in the folder, so the system lets go of it when its holder dies. The
folder may be thrown away by who holds it; who waited for it then finds that its file is no longer
the one of that name, and begins again with a new folder. Readers take no lock.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tecla.errors import StoreBusyError, StoreError

WAIT_S: Final = 60.0
NAME: Final = "lock"
_LOOK_AGAIN_S: Final = 0.01


class FolderLock:
    """The lock of one folder. A thread that holds it may take it again."""

    def __init__(self, folder: Path, *, wait_s: float = WAIT_S) -> None:
        """Takes nothing yet; `wait_s` is how long to wait for another writer."""
        self.folder, self._wait_s = folder, wait_s
        self._turn = threading.RLock()
        self._depth, self._file = 0, -1

    @property
    def held(self) -> bool:
        """Whether somebody holds it through this object."""
        return self._depth > 0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the one writer; makes the folder if there is none.

        Raises `StoreBusyError` when another does not let go, `StoreError` where the folder cannot
        be used.
        """
        deadline = time.monotonic() + self._wait_s
        if not self._turn.acquire(timeout=self._wait_s):
            raise self._busy()
        try:
            if not self._depth:
                self._file = self._taken(deadline)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if not self._depth:
                    os.close(self._file)
        finally:
            self._turn.release()

    def _taken(self, deadline: float) -> int:
        while True:
            try:
                for folder in (self.folder.parent, self.folder):
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                file = os.open(self.folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:
                continue  # thrown away between the two
            except OSError as error:
                raise StoreError(
                    f"cannot use the folder {str(self.folder)!r}: {error.strerror}"
                ) from error
            if self._locked(file, deadline):
                return file
            os.close(file)

    def _locked(self, file: int, deadline: float) -> bool:
        """Wait for the lock; whether it is still that of the folder."""
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(file)
                    raise self._busy() from None
                time.sleep(_LOOK_AGAIN_S)
                continue
            try:
                named = (self.folder / NAME).stat()
            except FileNotFoundError:
                return False
            return os.path.samestat(named, os.fstat(file))

    def _busy(self) -> StoreBusyError:
        return StoreBusyError(
            f"{str(self.folder)!r} is held by another program; the same call may work later"
        )
