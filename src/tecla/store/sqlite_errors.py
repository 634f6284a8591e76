"""What SQLite's faults are called. Knows the codes, and no connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from tecla.errors import StoreBusyError, StoreError, StoreFormatError, StoreFullError

_FULL = {apsw.SQLITE_FULL, apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_SHMSIZE}
_CLOSED = {apsw.SQLITE_CANTOPEN, apsw.SQLITE_READONLY, apsw.SQLITE_PERM}
_DAMAGED = {apsw.SQLITE_CORRUPT, apsw.SQLITE_NOTADB}


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """What SQLite raises, as an error of tecla's.

    Not chained: messages from below, such as that of bytes that are no text, quote rows.
    """
    try:
        yield
    except apsw.Error as error:
        raise _named(error, path) from None
    except UnicodeDecodeError:  # a name or a text in the file that is none
        raise damaged(path) from None
    except OSError as error:
        raise StoreError(f"cannot use {str(path)!r}: {error.strerror}") from error


def primary(error: Exception) -> int:
    """SQLite's code of a fault, without what it adds to it; 0 where it has none."""
    return int(getattr(error, "result", 0)) & 0xFF


def damaged(path: Path) -> StoreFormatError:
    """The error of a file that holds what nobody can have written."""
    return StoreFormatError(
        f"{str(path)!r} is damaged; it is left as it is: move it away together with its -wal and "
        "-shm, and put a copy in its place, or have an empty store made"
    )


def foreign(path: Path) -> StoreFormatError:
    """The error of a file of another kind."""
    return StoreFormatError(
        f"{str(path)!r} is no store of tecla's; it is left as it is: name another file with "
        "TECLA_STORE_FILE"
    )


def _named(error: apsw.Error, path: Path) -> StoreError:
    code = int(getattr(error, "extendedresult", 0))
    name = apsw.mapping_extended_result_codes.get(code) or apsw.mapping_result_codes.get(
        primary(error), type(error).__name__
    )
    if code in _FULL or primary(error) in _FULL:
        return StoreFullError(
            f"the disk takes no more of {str(path)!r} ({name}); what was kept is still there: make "
            "room, or set a shorter retention"
        )
    if primary(error) in (apsw.SQLITE_BUSY, apsw.SQLITE_LOCKED):
        return StoreBusyError(f"{str(path)!r} is held by another program ({name}); try again")
    if primary(error) in _DAMAGED:
        return damaged(path)
    if primary(error) in _CLOSED:
        return StoreError(f"cannot use {str(path)!r} ({name}); is it there, and writable?")
    return StoreError(
        f"{str(path)!r} cannot do what was asked of it ({name}): move it away together with its "
        "-wal and -shm, and put a copy in its place, or have an empty store made"
    )
