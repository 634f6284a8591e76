"""The store of one machine: a SQLite file, for any number of threads and processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from tecla.closing import Closing
from tecla.errors import OptionError
from tecla.settings import load
from tecla.store.base import Owner, SettingValue
from tecla.store.checking import check_setting
from tecla.store.events import Retention, check_name
from tecla.store.sealing import StoreKey
from tecla.store.sqlite_derived import SqliteDerived
from tecla.store.sqlite_documents import SqliteDocuments, forget, forget_all, forget_feedback
from tecla.store.sqlite_errors import damaged
from tecla.store.sqlite_feedback import SqliteFeedback
from tecla.store.sqlite_file import BUSY_S, SqliteFile
from tecla.store.sqlite_keys import SqliteKeys
from tecla.store.sqlite_rows import fetched, first

Clock = Callable[[], float]


class SqliteStore(Closing):
    """Everything in one file; see `Store` for what its methods promise."""

    def __init__(
        self, file: SqliteFile, *, retention: Retention | None = None, clock: Clock = time.time
    ) -> None:
        """Over an open file; use `open`."""
        self._file = file
        self.feedback = SqliteFeedback(file, retention or Retention(), clock)
        self.consent = SqliteConsent(file, clock)
        self.settings = SqliteSettings(file)
        self.keys = SqliteKeys(file, clock)
        self.documents = SqliteDocuments(file, clock)
        self.derived = SqliteDerived(file)

    @classmethod
    def open(
        cls,
        path: Path | str | None = None,
        *,
        key_file: Path | str | None = None,
        retention: Retention | None = None,
        busy_s: float = BUSY_S,
        clock: Clock = time.time,
    ) -> SqliteStore:
        """Open a file, or make it; `None` takes that of the settings, as does `key_file`.

        With a key file the store is encrypted; a plain one that is there is encrypted first.

        The file is for its owner's eyes alone (mode 0600), as is a folder that is made for it
        (0700). busy_s: longest wait for another process. clock: seconds since the epoch. Raises
        `StoreFormatError` for a damaged or foreign file, `StoreVersionError` for one of a newer
        tecla, `StoreKeyError` where the key is not the file's (all of them are left as they are) or
        cannot be read, `StoreFullError`, `StoreBusyError`, or `StoreError` where
        the folder cannot be used.
        """
        paths = load().settings.paths
        where = paths.store_file if path is None else _path(path)
        named = paths.store_key_file if key_file is None else _path(key_file)
        key = None if named is None else StoreKey.read(named)
        return cls(SqliteFile(where, busy_s=busy_s, key=key), retention=retention, clock=clock)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._file.path

    def forget_user(self, user: str) -> None:
        """Erase everything of a user, to the last byte."""
        check_name("user", user)
        with self._file.erasing() as connection:
            connection.execute("DELETE FROM feedback WHERE user = ?", (user,))
            connection.execute("DELETE FROM consents WHERE user = ?", (user,))
            connection.execute(
                "DELETE FROM settings WHERE owner_kind = 'user' AND owner = ?", (user,)
            )
            forget(connection, Owner("user", user))

    def forget_collection(self, collection: str) -> None:
        """Erase everything of a collection, to the last byte."""
        check_name("collection", collection)
        with self._file.erasing() as connection:
            connection.execute("DELETE FROM feedback WHERE collection = ?", (collection,))
            connection.execute(
                "DELETE FROM settings WHERE owner_kind = 'collection' AND owner = ?", (collection,)
            )
            forget(connection, Owner("collection", collection))

    def forget_everything(self) -> None:
        """Erase everything, to the last byte."""
        with self._file.erasing() as connection:
            for table in ("feedback", "consents", "settings", "keys"):
                connection.execute(f"DELETE FROM {table}")
            forget_all(connection)

    def check(self) -> None:
        """Read everything through; raises `StoreFormatError` where it is damaged."""
        self._file.check()
        for _ in self.feedback.events():
            pass
        self.keys.all()
        self.documents.check()

    def close(self) -> None:
        """Let go of the file; safe to call twice."""
        self._file.close()


class SqliteConsent:
    """`ConsentBook` in the file."""

    def __init__(self, file: SqliteFile, clock: Clock) -> None:
        self._file, self._clock = file, clock

    def since_s(self, user: str) -> float | None:
        """When it was given."""
        check_name("user", user)
        with self._file.reading() as connection:
            found = first(connection, "SELECT since_s FROM consents WHERE user = ?", (user,))
        try:
            return None if found is None else float(found)
        except (TypeError, ValueError):
            raise damaged(self._file.path) from None

    def give(self, user: str) -> None:
        """Allow text from now on."""
        check_name("user", user)
        with self._file.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO consents VALUES (?, ?)", (user, self._clock())
            )

    def withdraw(self, user: str) -> None:
        """End it, and erase every text of this user, to the last byte."""
        check_name("user", user)
        with self._file.erasing() as connection:
            connection.execute("DELETE FROM consents WHERE user = ?", (user,))
            connection.execute(
                "UPDATE feedback SET text_before = NULL, text_suggested = NULL"
                " WHERE user = ? AND text_before IS NOT NULL",
                (user,),
            )
            forget_feedback(connection, Owner("user", user))


class SqliteSettings:
    """`SettingsBook` in the file; values are JSON."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file

    def of(self, owner: Owner) -> dict[str, SettingValue]:
        """Everything this owner has set."""
        with self._file.reading() as connection:
            rows = fetched(
                connection,
                "SELECT key, value FROM settings WHERE owner_kind = ? AND owner = ? ORDER BY key",
                (owner.kind, owner.name),
            )
        try:
            return {key: json.loads(value) for key, value in rows}
        except (TypeError, ValueError):
            raise damaged(self._file.path) from None

    def put(self, owner: Owner, key: str, value: SettingValue) -> None:
        """Set one."""
        check_setting(key, value)
        with self._file.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO settings VALUES (?, ?, ?, ?)",
                (owner.kind, owner.name, key, json.dumps(value)),
            )

    def remove(self, owner: Owner, key: str) -> None:
        """Unset one."""
        with self._file.writing() as connection:
            connection.execute(
                "DELETE FROM settings WHERE owner_kind = ? AND owner = ? AND key = ?",
                (owner.kind, owner.name, key),
            )


def change_key(
    path: Path | str, now: Path | str | None, new: Path | str | None, *, busy_s: float = BUSY_S
) -> None:
    """Put a store under the key in the file `new`, or under none; `now` is that of its key.

    Nobody may have it open. Raises as `SqliteStore.open`; the store then is as it was.
    """
    old_key, new_key = (None if each is None else StoreKey.read(_path(each)) for each in (now, new))
    with SqliteFile(_path(path), busy_s=busy_s, key=old_key) as file:
        file.put_under(new_key)


def _path(path: object) -> Path:
    if not isinstance(path, str | Path) or "\0" in str(path):
        raise OptionError("the path of a store must be a path; name a file")
    return Path(path)
