"""One SQLite file: who writes it, who reads it, what its faults are called, how it forgets.

The one module that opens connections, so that another library for SQLite takes one file to change;
it knows no table but `unfinished`.

**One writer.** Threads take turns at one connection, processes at a lock on the file beside it
(`flock` on NAME.lock). SQLite has a lock of its own for that. This one is there because up to
SQLite 3.51.2, which most Pythons of today come with, two connections that write and checkpoint at
the same instant can damage the file (sqlite.org/wal.html#walresetbug); commits and the checkpoints
that follow them are inside the lock, so there are never two. Readers need no lock: each read sees
the file as it was when it began.

**Forgetting.** `secure_delete` overwrites a deleted row with zeros where it lies, which is not all:
rows move when pages are split and merged, and what is left at their old place is never looked at
again (found by searching the file: tests/store/test_bytes.py). So whoever erases has the file
written anew (`VACUUM`, its copy in memory and not in a temporary file), copied from the log back
into the file, and the log cut to nothing. That this is due is noted in the transaction that
deletes, so a process that dies in between leaves the note, and the next finishes the work.

**Never from outside.** No other code of this process may open the file and close it again: POSIX
gives a process's locks up when any handle is closed, SQLite's among them. The file's kind is
therefore looked at through SQLite as well.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from tecla.closing import Closing
from tecla.errors import StoreBusyError, StoreError, StoreFormatError, StoreFullError
from tecla.store.migrations import Migration, check_version, migrate
from tecla.store.sqlite_schema import APPLICATION, MIGRATIONS

BUSY_S: Final = 5.0
_BESIDE = ("-wal", "-shm", "-journal")
_PRAGMAS = (
    "synchronous = FULL",  # what a commit kept is there after a power cut
    "secure_delete = ON",
    "temp_store = MEMORY",  # no copy of text in a temporary file
    "cell_size_check = ON",  # damage is seen sooner
)
_FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE}
_CLOSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class SqliteFile(Closing):
    """An open file, at the newest version of its tables. For any thread of one process."""

    def __init__(
        self, path: Path, *, busy_s: float = BUSY_S, migrations: Sequence[Migration] = MIGRATIONS
    ) -> None:
        """Open or create; waits for other processes at most `busy_s` seconds.

        Raises `StoreFormatError` for a file that is none of tecla's or damaged, `StoreVersionError`
        for one of a newer tecla, `StoreBusyError`, `StoreFullError`, or `StoreError` where the
        folder cannot be used.
        """
        self.path, self._busy_s, self._migrations = path.resolve(), busy_s, migrations
        self._process, self._closed = os.getpid(), False
        self._readers: list[sqlite3.Connection] = []
        self._turn = threading.Lock()
        self._lock = _open_lock(self.path)
        try:
            with self._alone():
                self._writer = self._open()
                try:
                    self._finish_what_others_began()
                except BaseException:
                    self._writer.close()
                    raise
        except BaseException:
            os.close(self._lock)
            raise

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is on the disk afterwards or, if anything raises, nothing."""
        with self._alone(), self._transaction() as connection:
            yield connection

    @contextmanager
    def erasing(self) -> Iterator[sqlite3.Connection]:
        """A transaction after which nothing of what it deleted is left in the files, to the byte.

        Costs writing the whole file anew, twice, and its size in memory. Raises as `writing`; a
        `StoreBusyError` or `StoreFullError` may also mean that all rows are gone but traces are
        left: the work is noted and done at the next opening or erasing.
        """
        with self._alone():
            with self._transaction() as connection:
                connection.execute("INSERT OR IGNORE INTO unfinished VALUES ('erasing')")
                yield connection
            self._finish_erasing()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that only reads, of one thread's for as long as this lasts."""
        self._check_usable()
        with _named_errors(self.path):
            connection = self._idle_reader() or self._connect(self.path, writes=False)
            try:
                yield connection
            finally:
                self._readers.append(connection)
                if self._closed:
                    self._close_readers()

    def check(self) -> None:
        """Read every page; raises `StoreFormatError` where they contradict one another."""
        with self.reading() as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise damaged(self.path)

    def close(self) -> None:
        """Let go of the file, once the write at work is done; safe to call twice."""
        if os.getpid() != self._process:
            return  # a fork's copy: what it would let go of is its parent's
        with self._turn:
            if self._closed:
                return
            self._closed = True
            self._writer.close()
            self._close_readers()
            os.close(self._lock)

    def _open(self) -> sqlite3.Connection:
        """The connection that writes; the caller holds the lock."""
        with _named_errors(self.path):
            if not self.path.exists() or not self.path.stat().st_size:
                self._create()
            _check_kind(self.path)
            connection = self._connect(self.path, writes=True)
            try:
                _check_application(connection, self.path)
                for suffix in ("", *_BESIDE):
                    with suppress(PermissionError, FileNotFoundError):
                        Path(f"{self.path}{suffix}").chmod(0o600)
                migrate(connection, self.path, self._migrations)
            except BaseException:
                connection.close()
                raise
            return connection

    def _create(self) -> None:
        """Make the file under another name: whole or not there."""
        for suffix in _BESIDE:
            if (left := Path(f"{self.path}{suffix}")).exists():
                raise StoreFormatError(
                    f"{str(left)!r} is what is left of a store whose file {self.path.name!r} is "
                    "gone; put that back, or delete what is left"
                )
        new = self.path.with_name(f"{self.path.name}.new")
        for suffix in ("", *_BESIDE):
            Path(f"{new}{suffix}").unlink(missing_ok=True)
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(self._connect(new, writes=True)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute("PRAGMA journal_mode = WAL")
            migrate(connection, new, self._migrations)
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)  # or the name may be gone after a power cut, and the file with it
        os.close(folder)

    def _connect(self, path: Path, *, writes: bool) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.as_uri()}?mode=rw",  # readers too: they keep the index of the log
            timeout=self._busy_s,
            isolation_level=None,
            check_same_thread=False,
            uri=True,
        )
        try:
            for pragma in (*_PRAGMAS, f"query_only = {'OFF' if writes else 'ON'}"):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """This thread's turn, and this process's; raises `StoreBusyError` if it does not come."""
        self._check_usable()
        until = time.monotonic() + self._busy_s
        if not self._turn.acquire(timeout=self._busy_s):
            raise StoreBusyError(self._busy("another thread"))
        try:
            self._check_usable()
            pause_s = 0.0005
            while not _locked(self._lock):
                if time.monotonic() >= until:
                    raise StoreBusyError(self._busy("another process"))
                time.sleep(pause_s)
                pause_s = min(2 * pause_s, 0.02)
            try:
                yield
            finally:
                fcntl.flock(self._lock, fcntl.LOCK_UN)
        finally:
            self._turn.release()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._writer
        with _named_errors(self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                # A newer tecla may have taken further steps since this one opened the file.
                check_version(connection, self.path, len(self._migrations))
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # some faults have ended it already
                    connection.execute("ROLLBACK")
                raise

    def _finish_what_others_began(self) -> None:
        with _named_errors(self.path):
            found = self._writer.execute("SELECT 1 FROM unfinished").fetchone()
        if found:
            with suppress(StoreBusyError, StoreFullError):  # whoever erases next goes on
                self._finish_erasing()

    def _finish_erasing(self) -> None:
        with _named_errors(self.path):
            self._writer.execute("VACUUM")
            (held, _, _) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if held:
                raise StoreBusyError(self._busy("a reader"))
            self._writer.execute("DELETE FROM unfinished WHERE task = 'erasing'")

    def _check_usable(self) -> None:
        if self._closed:
            raise StoreError(f"{str(self.path)!r} is closed; open it again")
        if os.getpid() != self._process:
            raise StoreError(
                f"{str(self.path)!r} was opened before this process was forked; open it in each"
            )

    def _close_readers(self) -> None:
        while reader := self._idle_reader():
            reader.close()

    def _idle_reader(self) -> sqlite3.Connection | None:
        try:
            return self._readers.pop()
        except IndexError:
            return None

    def _busy(self, who: str) -> str:
        return (
            f"{str(self.path)!r} was held by {who} for more than {self._busy_s:g} s; try again, or "
            "end the program that holds it"
        )


def _open_lock(path: Path) -> int:
    """The lock file beside it, in a folder of the owner's alone where there was none."""
    try:
        if path.is_dir():
            raise StoreError(f"{str(path)!r} is a folder; name a file")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = path.with_name(f"{path.name}.lock")
        return os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot keep anything at {str(path)!r}: {error.strerror}; name another file with "
            "TECLA_STORE_FILE"
        ) from error


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _check_kind(path: Path) -> None:
    """Raise `StoreFormatError` for a file of another kind, having changed nothing beside it.

    Read without its log: what says the kind was in the file before it had its name.
    """
    name = f"{path.as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(name, uri=True)) as connection:
            _check_application(connection, path)
    except (sqlite3.Error, UnicodeDecodeError) as error:
        if _primary(error) == sqlite3.SQLITE_NOTADB:
            raise _foreign(path) from None
        # Damaged, or cut short and whole together with its log: opening it tells.


def _check_application(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    if found != APPLICATION:
        raise _foreign(path)


def _foreign(path: Path) -> StoreFormatError:
    return StoreFormatError(
        f"{str(path)!r} is no store of tecla's; it is left as it is: name another file with "
        "TECLA_STORE_FILE"
    )


@contextmanager
def _named_errors(path: Path) -> Iterator[None]:
    """What sqlite3 raises, as an error of tecla's.

    Not chained: Python's own messages, such as that of bytes that are no text, quote rows.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _named(error, path) from None
    except UnicodeDecodeError:  # sqlite3, making a message of a damaged table's name
        raise damaged(path) from None
    except OSError as error:
        raise StoreError(f"cannot use {str(path)!r}: {error.strerror}") from error


def _named(error: sqlite3.Error, path: Path) -> StoreError:
    code, primary = getattr(error, "sqlite_errorcode", 0), _primary(error)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if code in _FULL or primary in _FULL:
        return StoreFullError(
            f"the disk takes no more of {str(path)!r} ({name}); what was kept is still there: make "
            "room, or set a shorter retention"
        )
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreBusyError(f"{str(path)!r} is held by another program ({name}); try again")
    if primary in _DAMAGED or "decode to UTF-8" in str(error):
        return damaged(path)
    if primary in _CLOSED:
        return StoreError(f"cannot use {str(path)!r} ({name}); is it there, and writable?")
    return StoreError(
        f"{str(path)!r} cannot do what was asked of it ({name}): move it away together with its "
        "-wal and -shm, and put a copy in its place, or have an empty store made"
    )


def damaged(path: Path) -> StoreFormatError:
    """The error of a file that holds what nobody can have written."""
    return StoreFormatError(
        f"{str(path)!r} is damaged; it is left as it is: move it away together with its -wal and "
        "-shm, and put a copy in its place, or have an empty store made"
    )


def _primary(error: Exception) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF
