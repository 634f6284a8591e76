"""Connections to a store's file, and what kind of file it is. The one module that opens any.

The library is apsw, with the SQLite that it brings: vectors (sqlite-vec) need one that loads
extensions, encryption needs one that has ciphers (SQLite3 Multiple Ciphers).

**Never from outside.** No other code of this process may open the file and close it again: POSIX
gives a process's locks up when any handle is closed, SQLite's among them. For the same reason no
other library for SQLite may be used on it. The file's first bytes are therefore read through
SQLite's own file layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, Literal

import apsw

from tecla.errors import StoreError, StoreKeyError
from tecla.store.sealing import StoreKey
from tecla.store.sqlite_errors import foreign, primary
from tecla.store.sqlite_rows import first
from tecla.store.sqlite_schema import APPLICATION

_PRAGMAS = (
    "synchronous = FULL",  # what a commit kept is there after a power cut
    "secure_delete = ON",
    "temp_store = MEMORY",  # no copy of text in a temporary file
    "cell_size_check = ON",  # damage is seen sooner
    "cache_size = -16384",  # KiB; vectors are looked through from memory
)
_MAGIC: Final = b"SQLite format 3\0"
# Of an encrypted file, bytes 16 to 23 alone are plain: the size of a page (any), how it is written
# (1: rollback, 2: log), how many bytes of each page the cipher takes, and three fixed numbers.
_CIPHER_TAIL: Final = (32, 64, 32, 32)

FileKind = Literal["plain", "sealed", "other"]


def connect(
    path: Path, key: StoreKey | None, *, busy_s: float, writes: bool = True
) -> apsw.Connection:
    """A connection to a file that is there; readers too may write, but only the log's index."""
    connection = apsw.Connection(
        f"{path.as_uri()}?mode=rw", flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
    )
    try:
        connection.set_busy_timeout(round(busy_s * 1000))
        unlock(connection, key)
        for pragma in (*_PRAGMAS, f"query_only = {'OFF' if writes else 'ON'}"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def unlock(connection: apsw.Connection, key: StoreKey | None) -> None:
    """Say the key, before anything is read."""
    if key is not None:
        for pragma in (f"cipher = '{key.CIPHER}'", f"key = '{key.for_sqlite}'"):
            connection.execute(f"PRAGMA {pragma}", can_cache=False).fetchall()


def kind_of(path: Path) -> FileKind:
    """What the first bytes say; of a `plain` one nothing but that it is SQLite's."""
    head = _first_bytes(path)
    if head.startswith(_MAGIC):
        return "plain"
    if len(head) >= 24 and (*head[20:24],) == _CIPHER_TAIL and {*head[18:20]} <= {1, 2}:
        return "sealed"
    return "other"


def check_kind(path: Path, key: StoreKey | None) -> None:
    """Raise for a file of another kind or key, having changed nothing beside it.

    `StoreFormatError`: no store of tecla's. `StoreKeyError`: encrypted, and no key was given, or
    another one. Read without its log: what says the kind was in the file before it had its name.
    """
    kind = kind_of(path)
    if kind == "sealed" and key is None:
        raise StoreKeyError(
            f"{str(path)!r} is encrypted, and no key is given; name the file of its key with "
            "TECLA_STORE_KEY_FILE"
        )
    name = f"{path.as_uri()}?mode=ro&immutable=1"
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    try:
        with closing(apsw.Connection(name, flags=flags)) as connection:
            unlock(connection, key if kind == "sealed" else None)
            check_application(connection, path)
    except (apsw.Error, UnicodeDecodeError) as error:
        if primary(error) == apsw.SQLITE_NOTADB and kind == "sealed":
            raise wrong_key(path) from None
        if primary(error) == apsw.SQLITE_NOTADB:
            raise foreign(path) from None
        # Damaged, or cut short and whole together with its log: opening it tells.


def is_store(path: Path) -> bool:
    """Whether a file is a store of tecla's that is not encrypted."""
    if not path.is_file():
        return False
    try:
        check_kind(path, None)
    except StoreError:
        return False
    return True


def check_application(connection: apsw.Connection, path: Path) -> None:
    """Raise `StoreFormatError` unless it is a store of tecla's."""
    if first(connection, "PRAGMA application_id") != APPLICATION:
        raise foreign(path)


def wrong_key(path: Path) -> StoreKeyError:
    """The error of a key that is not the file's."""
    return StoreKeyError(
        f"{str(path)!r} is encrypted with another key, or damaged; it is left as it is: name the "
        "file of its key with TECLA_STORE_KEY_FILE"
    )


def _first_bytes(path: Path) -> bytes:
    try:
        with _raw(path) as file:
            return bytes(file.xRead(min(100, file.xFileSize()), 0))
    except UnicodeEncodeError:  # a path that has no UTF-8: such a file is never sealed
        return _MAGIC


@contextmanager
def _raw(path: Path) -> Iterator[apsw.VFSFile]:
    flags = [apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_MAIN_DB, 0]
    file = apsw.VFSFile("unix", str(path), flags)
    try:
        yield file
    finally:
        file.xClose()
