"""From the schema a file has to the one this tecla knows: numbered steps, forwards only.

Each step is one transaction together with its number, so a process that is killed in a step leaves
the file as the step before left it, and the next who opens it takes the step again. A step that
was released is never changed; a new one is added behind it. Whoever runs them holds the file's
write lock (`sqlite_file.py`), so two processes that open an old file do not meet here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import apsw

from tecla.errors import StoreFormatError, StoreVersionError
from tecla.store.sqlite_rows import first

Work = str | Callable[[apsw.Connection], None]


class Migration(NamedTuple):
    """One step: what it brings, and statements or functions that are run in order."""

    brings: str
    work: tuple[Work, ...]


def version_of(connection: apsw.Connection) -> int:
    """How many steps the file has taken."""
    return int(first(connection, "PRAGMA user_version"))


def check_version(connection: apsw.Connection, path: Path, known: int) -> int:
    """The file's version; raises `StoreVersionError` where it is beyond the `known` one."""
    version = version_of(connection)
    if version > known:
        raise StoreVersionError(
            f"{str(path)!r} has version {version}, and this tecla knows versions up to {known}: "
            "update tecla, or name another file with TECLA_STORE_FILE"
        )
    if version < 0:
        raise StoreFormatError(f"{str(path)!r} has version {version}; it must be 0 or more")
    return version


def migrate(connection: apsw.Connection, path: Path, steps: Sequence[Migration]) -> None:
    """Take every step that the file has not taken.

    Raises `StoreVersionError` for a newer file, and what SQLite raises; the file then is as the
    last whole step left it.
    """
    for number in range(check_version(connection, path, len(steps)), len(steps)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for work in steps[number].work:
                if isinstance(work, str):
                    connection.execute(work)
                else:
                    work(connection)
            connection.execute(f"PRAGMA user_version = {number + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
