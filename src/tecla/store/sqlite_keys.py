"""Keys in a SQLite file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from tecla.errors import InputError, OptionError
from tecla.store.keys import KeyLimits, KeyScope, StoredKey
from tecla.store.sqlite_errors import damaged
from tecla.store.sqlite_file import SqliteFile
from tecla.store.sqlite_rows import fetched

_COLUMNS = (
    "id, name, scopes, digest, created_s, per_second, concurrent, chars, expires_s, revoked_s"
)


class SqliteKeys:
    """`KeyBook` in the file."""

    def __init__(self, file: SqliteFile, clock: Callable[[], float]) -> None:
        self._file, self._clock = file, clock

    def add(self, key: StoredKey) -> None:
        """Keep a new key."""
        limits = key.limits
        row = (
            *(key.id, key.name, " ".join(sorted(key.scopes)), key.digest, key.created_s),
            *(limits.per_second, limits.concurrent, limits.chars, key.expires_s, key.revoked_s),
        )
        with self._file.writing() as connection:
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT OR IGNORE INTO keys ({_COLUMNS}) VALUES ({marks})", row)
            if not connection.changes():
                raise OptionError(f"there is a key {key.id!r} already; make another")

    def get(self, key_id: str) -> StoredKey | None:
        """The key of an id."""
        with self._file.reading() as connection:
            rows = fetched(connection, f"SELECT {_COLUMNS} FROM keys WHERE id = ?", (key_id,))
        return self._key(rows[0]) if rows else None

    def all(self) -> list[StoredKey]:
        """Every key, the oldest first."""
        with self._file.reading() as connection:
            rows = fetched(connection, f"SELECT {_COLUMNS} FROM keys ORDER BY created_s, id")
        return [self._key(row) for row in rows]

    def revoke(self, key_id: str) -> bool:
        """End it."""
        with self._file.writing() as connection:
            connection.execute(
                "UPDATE keys SET revoked_s = ? WHERE id = ? AND revoked_s IS NULL",
                (self._clock(), key_id),
            )
            return connection.changes() > 0

    def _key(self, row: tuple[Any, ...]) -> StoredKey:
        key_id, name, scopes, digest, created_s, per_second, concurrent, chars, expires, revoked = (
            row
        )
        try:
            return StoredKey(
                key_id,
                name,
                frozenset(cast(KeyScope, each) for each in scopes.split()),
                bytes(digest),
                float(created_s),
                KeyLimits(per_second, concurrent, chars),
                expires,
                revoked,
            )
        except (AttributeError, TypeError, ValueError, InputError):
            raise damaged(self._file.path) from None
