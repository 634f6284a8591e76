"""A store's file under another key: written anew beside the old one, then in its place.

`VACUUM INTO` and a renaming, where SQLite3 Multiple Ciphers would encrypt page by page in the file
itself: a process that dies leaves the old file whole or the new one whole, and nothing in between
that only a journal can mend.
"""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import apsw

from tecla.errors import StoreBusyError
from tecla.store.sealing import StoreKey
from tecla.store.sqlite_names import new_of
from tecla.store.sqlite_open import check_application, connect
from tecla.store.sqlite_rows import first

_PIECE_BYTES = 1 << 20


def rewrite(path: Path, now: StoreKey | None, new: StoreKey | None, *, busy_s: float) -> None:
    """Put the file under the key `new` (`None`: plain); `now` is the one it has.

    The caller holds the lock of the file, and no connection of this process to it is open. The old
    file is overwritten with zeros. Raises `StoreBusyError` where another program has it open, and
    what SQLite raises; the file then is as it was.
    """
    copy = new_of(path)
    copy.unlink(missing_ok=True)
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with closing(connect(path, now, busy_s=busy_s)) as connection:
            check_application(connection, path)
            _take_alone(connection, path)
            # Without a word about a key the copy would get that of the connection.
            target = f"{copy.as_uri()}?key="
            if new is not None:
                target += f"{new.for_sqlite}&cipher={new.CIPHER}"
            connection.execute("VACUUM INTO ?", (target,), can_cache=False)
        with closing(connect(copy, new, busy_s=busy_s)) as connection:
            check_application(connection, copy)
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
        with copy.open("rb") as file:
            os.fsync(file.fileno())
    except BaseException:
        copy.unlink(missing_ok=True)
        raise
    with path.open("r+b") as old:
        copy.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        left = old.seek(0, os.SEEK_END)
        old.seek(0)
        while left > 0:
            left -= old.write(bytes(min(left, _PIECE_BYTES)))
        old.flush()
        os.fsync(old.fileno())


def _take_alone(connection: apsw.Connection, path: Path) -> None:
    """Do without the log: only who has the file alone can."""
    try:
        mode = first(connection, "PRAGMA journal_mode = DELETE")
    except apsw.BusyError:
        mode = None
    if mode != "delete":
        raise StoreBusyError(
            f"{str(path)!r} is open in another program, and is to be put under another key; end "
            "that program, and try again"
        )
