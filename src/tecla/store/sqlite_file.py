"""One SQLite file: who writes it, who reads it, how it forgets.

Knows no table but `unfinished`, and that there is an index of words.

**One writer.** Threads take turns at one connection, processes at a lock on the file beside it
(`flock` on NAME.lock). SQLite has a lock of its own for single transactions; this one holds over
several of them: making the file, taking it to a newer version, erasing, encrypting. It also keeps
apart from this one an older tecla with a SQLite up to 3.51.2, in which two connections that write
and checkpoint at the same instant can damage the file (sqlite.org/wal.html#walresetbug). Readers
need no lock: each read sees the file as it was when it began.

**Forgetting.** `secure_delete` overwrites a deleted row with zeros where it lies, which is not all:
rows move when pages are split and merged, and what is left at their old place is never looked at
again (found by searching the file: tests/store/test_bytes.py); and the index of words only notes
that a row is gone. So whoever erases has that index merged, the file written anew (`VACUUM`, its
copy in memory and not in a temporary file), copied from the log back into the file, and the log cut
to nothing. That this is due is noted in the transaction that deletes, so a process that dies in
between leaves the note, and the next finishes the work.

**Encrypting.** A plain file that is opened with a key is written anew under that key, beside it and
then in its place, and the old one is overwritten. Nobody else may have it open meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import apsw

from tecla.closing import Closing
from tecla.errors import StoreBusyError, StoreError, StoreFormatError, StoreFullError
from tecla.store.migrations import Migration, check_version, migrate
from tecla.store.sealing import StoreKey
from tecla.store.sqlite_errors import damaged, named_errors
from tecla.store.sqlite_names import beside, lock_of, new_of
from tecla.store.sqlite_open import check_application, check_kind, connect, kind_of
from tecla.store.sqlite_rewrite import rewrite
from tecla.store.sqlite_rows import first
from tecla.store.sqlite_schema import APPLICATION, MIGRATIONS

BUSY_S: Final = 5.0


class SqliteFile(Closing):
    """An open file, at the newest version of its tables. For any thread of one process.

    key: what it is encrypted with; `None`: it is not.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_s: float = BUSY_S,
        migrations: Sequence[Migration] = MIGRATIONS,
        key: StoreKey | None = None,
    ) -> None:
        """Open or create; waits for other processes at most `busy_s` seconds.

        With a key the file is encrypted, or becomes so. Raises `StoreFormatError` for a file that
        is none of tecla's or damaged, `StoreVersionError` for one of a newer tecla, `StoreKeyError`
        for an encrypted one without its key, `StoreBusyError`, `StoreFullError`, or `StoreError`
        where the folder cannot be used.
        """
        self.path, self._busy_s, self._migrations = path.resolve(), busy_s, migrations
        self.key = key
        self._process, self._closed = os.getpid(), False
        self._readers: list[apsw.Connection] = []
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
    def writing(self) -> Iterator[apsw.Connection]:
        """A transaction: all of it is on the disk afterwards or, if anything raises, nothing."""
        with self._alone(), self._transaction() as connection:
            yield connection

    @contextmanager
    def erasing(self) -> Iterator[apsw.Connection]:
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
    def reading(self) -> Iterator[apsw.Connection]:
        """A connection that only reads, of one thread's for as long as this lasts."""
        self._check_usable()
        with named_errors(self.path):
            connection = self._idle_reader() or self._connect(self.path, writes=False)
            try:
                yield connection
            finally:
                self._readers.append(connection)
                if self._closed:
                    self._close_readers()

    def put_under(self, key: StoreKey | None) -> None:
        """Put the file under another key, or none, and close it; nobody else may have it open."""
        with self._alone():
            self._closed = True
            self._writer.close()
            self._close_readers()
            with named_errors(self.path):
                rewrite(self.path, self.key, key, busy_s=self._busy_s)
        os.close(self._lock)

    def check(self) -> None:
        """Read every page; raises `StoreFormatError` where they contradict one another."""
        with self.reading() as connection:
            found = first(connection, "PRAGMA integrity_check(1)")
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

    def _open(self) -> apsw.Connection:
        """The connection that writes; the caller holds the lock."""
        with named_errors(self.path):
            if not self.path.exists() or not self.path.stat().st_size:
                self._create()
            check_kind(self.path, self.key)
            if self.key is not None and kind_of(self.path) == "plain":
                rewrite(self.path, None, self.key, busy_s=self._busy_s)
            connection = self._connect(self.path, writes=True)
            try:
                check_application(connection, self.path)
                for each in (self.path, *beside(self.path)):
                    with suppress(PermissionError, FileNotFoundError):
                        each.chmod(0o600)
                migrate(connection, self.path, self._migrations)
            except BaseException:
                connection.close()
                raise
            return connection

    def _create(self) -> None:
        """Make the file under another name: whole or not there."""
        for left in beside(self.path):
            if left.exists():
                raise StoreFormatError(
                    f"{str(left)!r} is what is left of a store whose file {self.path.name!r} is "
                    "gone; put that back, or delete what is left"
                )
        new = new_of(self.path)
        for each in (new, *beside(new)):
            each.unlink(missing_ok=True)
        os.close(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with closing(self._connect(new, writes=True)) as connection:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            migrate(connection, new, self._migrations)
        new.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY)
        os.fsync(folder)  # or the name may be gone after a power cut, and the file with it
        os.close(folder)

    def _connect(self, path: Path, *, writes: bool) -> apsw.Connection:
        return connect(path, self.key, busy_s=self._busy_s, writes=writes)

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
    def _transaction(self) -> Iterator[apsw.Connection]:
        connection = self._writer
        with named_errors(self.path):
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
        with named_errors(self.path):
            found = first(self._writer, "SELECT 1 FROM unfinished")
        if found:
            with suppress(StoreBusyError, StoreFullError):  # whoever erases next goes on
                self._finish_erasing()

    def _finish_erasing(self) -> None:
        with named_errors(self.path):
            if first(self._writer, "SELECT 1 FROM sqlite_schema WHERE name = 'words'"):
                self._writer.execute("INSERT INTO words (words) VALUES ('optimize')")
            self._writer.execute("VACUUM")
            if first(self._writer, "PRAGMA wal_checkpoint(TRUNCATE)"):
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

    def _idle_reader(self) -> apsw.Connection | None:
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
        return os.open(lock_of(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
