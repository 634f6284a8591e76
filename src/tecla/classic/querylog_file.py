"""A query log on disk: one SQLite file, in which every update is a transaction.

A query keeps its count, and its weight as of the last time it was asked: each asking adds 1, and
what was there has halved once every `half_life_days`. So no list of times is stored, and the weight
at any moment follows (forward decay: Cormode et al. 2009). Queries that differ in case alone are
one, spelt as they were last.

SQLite rather than the file of named arrays that trained models use, because a log is written while
it is read, by more than one process, and must survive a crash between two bytes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from tecla.checks import whole
from tecla.classic.casing import lower
from tecla.classic.entry_files import tidy
from tecla.closing import Closing
from tecla.errors import InputError, ModelError, ModelFormatError, UnknownModelError

MOST_CHARS = 1000
_APPLICATION, _VERSION = 0x7E61C0DE, 1
_REMEDY = "build it with `tecla train querylog`"
_SCHEMA = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_VERSION};
CREATE TABLE log (half_life_s REAL);
CREATE TABLE queries (
    key TEXT PRIMARY KEY, text TEXT NOT NULL, times INTEGER NOT NULL,
    weight REAL NOT NULL, time REAL NOT NULL
) WITHOUT ROWID;
"""


class Asked(NamedTuple):
    """A query, when it was asked (seconds since the epoch), and how many times at once."""

    text: str
    time: float
    times: int = 1


class Stored(NamedTuple):
    """A query of the log; `weight` is that at `time`."""

    key: str
    text: str
    times: int
    weight: float
    time: float


def key_of(text: str) -> str:
    """What queries are compared by; as long as `text`, character by character."""
    return lower(text)


def checked_query(text: str) -> str:
    """`text` as it is stored; raises `InputError` if it is empty or too long."""
    tidied = tidy(text)
    if not 0 < len(tidied) <= MOST_CHARS:
        raise InputError(
            f"a query has {len(tidied)} characters; it must have 1 to {MOST_CHARS} that are no "
            "white space"
        )
    return tidied


class QueryLogFile(Closing):
    """The file; used from one thread. Other processes may read and write it at the same time."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        """Made by `open` and `create`."""
        self._connection: sqlite3.Connection | None = connection
        self._path = path
        (self.half_life_s,) = connection.execute("SELECT half_life_s FROM log").fetchone()

    @classmethod
    def create(cls, path: Path, half_life_days: float | None) -> QueryLogFile:
        """A new, empty log; `None` days: nothing fades. Raises `ModelError`."""
        half_life_s = None if half_life_days is None else half_life_days * 86_400
        try:
            connection = sqlite3.connect(path, isolation_level=None)
        except sqlite3.Error as error:
            raise ModelError(f"cannot write {str(path)!r}: {error}") from error
        try:
            connection.executescript(f"BEGIN; {_SCHEMA} COMMIT;")
            connection.execute("INSERT INTO log VALUES (?)", (half_life_s,))
        except sqlite3.Error as error:
            connection.close()
            raise ModelError(f"cannot write {str(path)!r}: {error}") from error
        return cls(connection, path)

    @classmethod
    def open(cls, path: Path) -> QueryLogFile:
        """An existing log.

        Raises `UnknownModelError` if there is no such file, `ModelFormatError` if it is damaged,
        of another kind or of another version.
        """
        if not path.is_file():
            raise UnknownModelError(f"there is no file {str(path)!r}; {_REMEDY}")
        try:
            connection = sqlite3.connect(path, isolation_level=None)
        except sqlite3.Error as error:
            raise ModelError(f"cannot read {str(path)!r}: {error}") from error
        try:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if application != _APPLICATION:
                raise ModelFormatError(f"{str(path)!r} is no querylog file; {_REMEDY}")
            if version != _VERSION:
                raise ModelFormatError(
                    f"{str(path)!r} is of version {version}, this program reads {_VERSION}; "
                    f"{_REMEDY}"
                )
            (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise ModelFormatError(f"{str(path)!r} is damaged ({state}); {_REMEDY}")
            return cls(connection, path)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise ModelFormatError(
                f"{str(path)!r} is no querylog file, or damaged ({error}); {_REMEDY}"
            ) from error
        except ModelFormatError:
            connection.close()
            raise

    def record(self, asked: Iterable[Asked]) -> Iterator[Stored]:
        """Add queries in one transaction; yields each as it is then, nothing before all are in.

        Raises `ModelError` if the file cannot be written: then none of them is in.
        """
        connection = self._open_connection()
        found: list[Stored] = []
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                found.extend(self._add(connection, each) for each in asked)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise ModelError(f"cannot write {str(self._path)!r}: {error}") from error
        return iter(found)

    def queries(self) -> Iterator[Stored]:
        """Every query, in no particular order; raises `ModelFormatError` for a damaged file."""
        try:
            rows = self._open_connection().execute("SELECT * FROM queries")
            for row in rows:
                yield Stored(*row)
        except sqlite3.DatabaseError as error:
            raise ModelFormatError(f"{str(self._path)!r} is damaged ({error})") from error

    def faded(self, seconds: float) -> float:
        """What is left of a weight of 1 after so many seconds; above 1 for a moment before."""
        return 1.0 if self.half_life_s is None else float(2.0 ** (-seconds / self.half_life_s))

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ModelError(f"the query log {str(self._path)!r} was closed; open it again")
        return self._connection

    def _add(self, connection: sqlite3.Connection, asked: Asked) -> Stored:
        text = checked_query(asked.text)
        whole("times", asked.times, 1)
        key = key_of(text)
        row = connection.execute("SELECT * FROM queries WHERE key = ?", (key,)).fetchone()
        new = Stored(key, text, asked.times, float(asked.times), asked.time)
        if row is not None:
            old = Stored(*row)
            latest = max(old, new, key=lambda each: each.time)
            weight = sum(each.weight * self.faded(latest.time - each.time) for each in (old, new))
            text = new.text if new.time >= old.time else old.text
            new = Stored(key, text, old.times + asked.times, weight, latest.time)
        connection.execute("INSERT OR REPLACE INTO queries VALUES (?, ?, ?, ?, ?)", new)
        return new
