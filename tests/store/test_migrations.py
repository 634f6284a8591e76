"""Steps from an old file to a new one: whole or not taken, and never backwards."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from store.children import KILLED, run
from store.made import NO_LIMIT, event
from tecla.errors import StoreError, StoreVersionError
from tecla.store.base import Owner
from tecla.store.migrations import Migration, version_of
from tecla.store.sqlite import SqliteStore
from tecla.store.sqlite_file import SqliteFile
from tecla.store.sqlite_schema import MIGRATIONS

KNOWN = len(MIGRATIONS)
NOTES = Migration("notes", ("CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT NOT NULL)",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tecla.db"


def version(path: Path) -> int:
    with closing(apsw.Connection(str(path))) as connection:
        return version_of(connection)


def tables(path: Path) -> set[str]:
    with closing(apsw.Connection(str(path))) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


@pytest.mark.parametrize("old", range(1, KNOWN))
def test_every_old_version_becomes_the_newest_and_keeps_what_it_held(path: Path, old: int) -> None:
    file = SqliteFile(path, migrations=MIGRATIONS[:old])
    with SqliteStore(file, retention=NO_LIMIT) as store:
        store.feedback.record([event()])
        store.consent.give("ana")
    assert version(path) == old
    with SqliteStore.open(path, retention=NO_LIMIT) as store:
        assert list(store.feedback.events()) == [event()]
        assert store.consent.since_s("ana") is not None
        store.settings.put(Owner("user", "ana"), "eagerness", 1)
        store.check()
    assert version(path) == KNOWN


def test_an_old_file_gets_the_tables_of_a_new_one(path: Path) -> None:
    SqliteFile(path, migrations=MIGRATIONS[:1]).close()
    SqliteFile(path).close()
    SqliteFile(path.with_name("new.db")).close()
    assert tables(path) == tables(path.with_name("new.db"))


def test_a_newer_file_is_left_alone(path: Path) -> None:
    with SqliteStore(SqliteFile(path, migrations=(*MIGRATIONS, NOTES)), retention=NO_LIMIT) as one:
        one.feedback.record([event()])
    before = path.read_bytes()
    message = rf"tecla.db' has version {KNOWN + 1}, and this tecla knows versions up to {KNOWN}: up"
    with pytest.raises(StoreVersionError, match=message):
        SqliteStore.open(path)
    assert path.read_bytes() == before


def test_a_file_that_gets_newer_while_it_is_open_is_not_written(path: Path) -> None:
    with SqliteStore.open(path, retention=NO_LIMIT) as store:
        store.feedback.record([event()])
        SqliteFile(path, migrations=(*MIGRATIONS, NOTES)).close()
        with pytest.raises(StoreVersionError):
            store.feedback.record([event()])
        assert len(list(store.feedback.events())) == 1


def test_a_step_that_fails_leaves_the_old_version(path: Path) -> None:
    SqliteFile(path).close()
    before = tables(path)
    broken = Migration("broken", (*NOTES.work, "INSERT INTO nothing VALUES (1)"))
    with pytest.raises(StoreError):
        SqliteFile(path, migrations=(*MIGRATIONS, broken))
    assert (tables(path), version(path)) == (before, KNOWN)
    SqliteFile(path, migrations=(*MIGRATIONS, NOTES)).close()
    assert version(path) == KNOWN + 1


MIGRATE_AND_DIE = """
from tecla.store.migrations import Migration
from tecla.store.sqlite_schema import MIGRATIONS
from store.test_migrations import NOTES

def many(connection):
    connection.execute("PRAGMA cache_size = 10")  # so that pages reach the log before the end
    rows = (("note " * 200,) for _ in range(2000))
    connection.executemany("INSERT INTO notes (note) VALUES (?)", rows)

steps = [*NOTES.work, many, "ALTER TABLE feedback ADD COLUMN extra TEXT", "DROP TABLE settings"]
steps.insert(int(sys.argv[2]), die)
SqliteFile(path, migrations=(*MIGRATIONS, Migration("dies", tuple(steps))))
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", range(5))
def test_a_process_that_dies_in_a_step_leaves_the_old_version(path: Path, at: int) -> None:
    with SqliteStore.open(path, retention=NO_LIMIT) as store:
        store.feedback.record(event(f"s{each}") for each in range(100))
        store.settings.put(Owner("user", "ana"), "eagerness", 1)
    assert run(MIGRATE_AND_DIE, path, at)[0] == KILLED
    with SqliteStore.open(path, retention=NO_LIMIT) as store:
        assert [each.suggestion for each in store.feedback.events()] == [
            f"s{each}" for each in range(100)
        ]
        assert store.settings.of(Owner("user", "ana")) == {"eagerness": 1}
        store.check()
    assert version(path) == KNOWN
    assert "notes" not in tables(path)
    SqliteFile(path, migrations=(*MIGRATIONS, NOTES)).close()
    assert version(path) == KNOWN + 1


CREATE_AND_DIE = """
from tecla.store.migrations import Migration
from tecla.store.sqlite_schema import MIGRATIONS
steps = list(MIGRATIONS)
steps.insert(int(sys.argv[2]), Migration("dies", (die,)))
SqliteFile(path, migrations=steps)
"""


@pytest.mark.slow
@pytest.mark.parametrize("at", range(KNOWN + 1))
def test_a_process_that_dies_making_the_file_leaves_none(path: Path, at: int) -> None:
    assert run(CREATE_AND_DIE, path, at)[0] == KILLED
    assert not path.exists()
    with SqliteStore.open(path, retention=NO_LIMIT) as store:
        store.feedback.record([event()])
        store.check()
    assert {each.name for each in path.parent.iterdir()} == {"tecla.db", "tecla.db.lock"}
