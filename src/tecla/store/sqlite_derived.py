"""Notes for the makers of derived files, in the store's SQLite file."""

from __future__ import annotations

import re

import apsw

from tecla.store.documents import Cipher, Purge, name_under
from tecla.store.owners import Owner
from tecla.store.sqlite_errors import damaged
from tecla.store.sqlite_file import SqliteFile
from tecla.store.sqlite_rows import fetched, first

_EVERYBODY = ""
_IDENTITY = re.compile(r"[0-9a-f]{32}")


class SqliteDerived:
    """`DerivedFiles` of a store in a file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        self._cipher: Cipher | None = None
        self._identity: str | None = None

    @property
    def identity(self) -> str:
        """Of this store alone."""
        if self._identity is None:
            with self._file.reading() as connection:
                self._identity = identity_in(connection)
        if not _IDENTITY.fullmatch(self._identity):
            raise damaged(self._file.path)
        return self._identity

    def name_of(self, owner: Owner) -> str:
        """What an owner's derived files are called."""
        return name_under(self.identity, owner)

    def to_purge(self) -> list[Purge]:
        """The oldest first."""
        with self._file.reading() as connection:
            rows = fetched(connection, "SELECT name, number FROM purges ORDER BY number")
        return [Purge(name or None, number) for name, number in rows]

    def purged(self, purge: Purge) -> None:
        """It is done."""
        with self._file.writing() as connection:
            connection.execute(
                "DELETE FROM purges WHERE name = ? AND number = ?",
                (purge.name or _EVERYBODY, purge.number),
            )

    @property
    def cipher(self) -> Cipher | None:
        """What seals derived files; made when it is first asked for."""
        if self._cipher is None and self._file.key is not None:
            self._cipher = self._file.key.cipher()
        return self._cipher


def identity_in(connection: apsw.Connection) -> str:
    """The store's identity."""
    return str(first(connection, "SELECT value FROM facts WHERE name = 'identity'"))


def next_number(connection: apsw.Connection) -> int:
    """The store's counter, one further."""
    return int(
        first(
            connection,
            "UPDATE facts SET value = value + 1 WHERE name = 'counter' RETURNING value",
        )
    )


def note_purge(connection: apsw.Connection, owner: Owner | None) -> int:
    """Note whose derived files are to go (`None`: everybody's); the number of the note."""
    name = _EVERYBODY if owner is None else name_under(identity_in(connection), owner)
    number = next_number(connection)
    if owner is None:
        connection.execute("DELETE FROM purges")
    connection.execute("INSERT OR REPLACE INTO purges VALUES (?, ?)", (name, number))
    return number
