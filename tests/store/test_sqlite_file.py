"""The file itself: who may read it, what is refused, and what happens when the disk is full."""

from __future__ import annotations

import fcntl
import os
import random
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import psutil
import pytest

from store.children import run
from store.made import NO_LIMIT, event
from tecla.errors import (
    InputError,
    OptionError,
    StoreBusyError,
    StoreError,
    StoreFormatError,
    StoreFullError,
)
from tecla.settings import load
from tecla.store.base import Owner
from tecla.store.events import SuggestedText
from tecla.store.sqlite import SqliteStore
from tecla.store.sqlite_names import files_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tecla.db"


def open_store(path: Path, **options: Any) -> SqliteStore:
    return SqliteStore.open(path, retention=NO_LIMIT, **options)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- where it is, and who may read it ------------------------------------------------------------


def test_all_that_it_writes_beside_it_has_a_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: set[Path] = set()
    replace = Path.replace

    def replaced(new: Path, target: Path) -> Path:
        written.update(path.parent.iterdir())
        return replace(new, target)

    monkeypatch.setattr(Path, "replace", replaced)
    with open_store(path) as store:
        store.forget_everything()
        written |= set(path.parent.iterdir())
    assert {each.name for each in written} >= {"tecla.db", "tecla.db-wal", "tecla.db.lock"}
    assert any(each.name.startswith("tecla.db.new") for each in written)
    assert written <= set(files_of(path))


def test_by_default_it_is_in_the_data_folder_of_the_settings(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteStore.open() as store:
        assert store.path == load().settings.paths.store_file
        assert store.path.is_relative_to(home)
        assert store.path.name == "tecla.db"
    monkeypatch.setenv("TECLA_STORE_FILE", str(tmp_path / "mine.db"))
    with SqliteStore.open() as store:
        assert store.path == tmp_path / "mine.db"


def test_files_and_folder_are_for_their_owner_alone(path: Path) -> None:
    before = os.umask(0)
    try:
        with open_store(path) as store:
            store.feedback.record([event()])
            assert mode(path.parent) == 0o700
            names = {each.name: mode(each) for each in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert names == dict.fromkeys(
        ("tecla.db", "tecla.db-wal", "tecla.db-shm", "tecla.db.lock"), 0o600
    )


def test_a_file_that_others_may_read_is_closed_to_them(path: Path) -> None:
    open_store(path).close()
    path.chmod(0o644)
    path.parent.chmod(0o755)
    with open_store(path) as store:
        store.feedback.record([event()])
        assert {mode(each) for each in path.parent.iterdir()} == {0o600}
        assert mode(path.parent) == 0o755  # a folder that was there may have other guests


def test_a_name_stays_the_same_when_the_working_folder_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store("x y?&#%.db") as store:  # type: ignore[arg-type]
        monkeypatch.chdir("/")
        store.feedback.record([event()])
        assert list(store.feedback.events()) == [event()]
    assert (tmp_path / "x y?&#%.db").exists()


# --- files that are none --------------------------------------------------------------------------


def _sqlite(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE queries (key TEXT)")
        connection.execute("INSERT INTO queries VALUES ('mine')")
        connection.commit()


FOREIGN: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("My letters.\n" * 500),
    "one byte": lambda path: path.write_bytes(b"S"),
    "zeros": lambda path: path.write_bytes(bytes(8192)),
    "header alone": lambda path: path.write_bytes(b"SQLite format 3\0"),
    "another program's": _sqlite,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_left_as_it_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / "mine"
    FOREIGN[name](path)
    path.chmod(0o644)
    before = (path.read_bytes(), mode(path))
    for _ in range(2):
        with pytest.raises(
            StoreFormatError, match=r"mine' is (no store of tecla's|damaged); it is"
        ):
            open_store(path)
    assert (path.read_bytes(), mode(path)) == before
    assert {each.name for each in tmp_path.iterdir()} - {"home"} == {"mine", "mine.lock"}


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with open_store(path) as store:
        store.feedback.record([event()])


def test_a_log_without_its_file_is_left_as_it_is(path: Path) -> None:
    path.parent.mkdir()
    log = path.with_name("tecla.db-wal")
    log.write_bytes(b"may hold what somebody wants back")
    with pytest.raises(StoreFormatError, match=r"tecla\.db-wal' is what is left of a store"):
        open_store(path)
    assert log.read_bytes() == b"may hold what somebody wants back"
    assert not path.exists()


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"is a folder; name a file"):
        open_store(tmp_path)
    with pytest.raises(StoreError, match=r"cannot keep anything at .*TECLA_STORE_FILE"):
        open_store(tmp_path / "file" / "tecla.db")
    for wrong in (7, b"x", "a\0b"):
        with pytest.raises(OptionError):
            open_store(wrong)  # type: ignore[arg-type]


def test_no_handle_stays_open(path: Path) -> None:
    (path.parent / "store").mkdir(parents=True)
    foreign = path.parent / "foreign"
    foreign.write_text("My letters.")
    before = psutil.Process().num_fds()
    for _ in range(3):
        with open_store(path) as store:
            list(store.feedback.events())
        for wrong in (foreign, path.parent / "store"):
            with pytest.raises(StoreError):
                open_store(wrong)
    assert psutil.Process().num_fds() == before


def _use(path: Path) -> None:
    """Everything that reads and writes; raises nothing but errors of tecla's."""
    with open_store(path, clock=lambda: 1.0) as store:
        list(store.feedback.events())
        store.feedback.totals(("user",))
        store.feedback.record([event()])
        store.consent.since_s("ana")
        store.settings.of(Owner("user", "ana"))
        store.forget_user("bo")
        store.check()


def _filled(path: Path) -> bytes:
    with open_store(path, clock=lambda: 1.0) as store:
        store.consent.give("ana")
        for at in range(20):
            store.settings.put(Owner("user", "ana"), f"key{at}", "é" * 20)
        store.feedback.record(
            event(f"s{at}", text=SuggestedText("é" * 200, "b")) for at in range(200)
        )
    return path.read_bytes()


@pytest.mark.slow
def test_a_damaged_file_is_an_error_of_teclas_or_harmless(path: Path) -> None:
    whole, chooser, found = _filled(path), random.Random(3), 0
    for _ in range(120):
        damaged = bytearray(whole)
        start = chooser.randrange(len(whole))
        for at in range(start, min(len(whole), start + chooser.choice([1, 8, 200, 5000]))):
            damaged[at] ^= chooser.randrange(1, 256)
        path.write_bytes(damaged)
        try:
            _use(path)
        except StoreError:
            found += 1
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    assert found > 60


DAMAGES: dict[str, tuple[bytes, bytes]] = {
    "a name that is no text": (b"CREATE TABLE feedback", b"CREATE TABLE f\xf2edback"),
    "a statement that is none": (b"CREATE TABLE consents", b"CREATE TOBLE consents"),
    "a user that is no text": (b"ana", b"\xff\xff\xff"),
    "a source that is none": (b"neural", b"NEURAL"),
    "a setting that is none": (b'"\\u00e9', b'"\\u00g9'),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named_and_not_quoted(path: Path, name: str) -> None:
    old, new = DAMAGES[name]
    whole = _filled(path)
    assert old in whole
    path.write_bytes(whole.replace(old, new))
    with pytest.raises(StoreFormatError, match="is damaged; it is left as it is") as caught:
        _use(path)
    assert caught.value.__suppress_context__


@pytest.mark.slow
def test_a_file_that_is_cut_short_is_refused(path: Path) -> None:
    whole = _filled(path)
    for share in (0.01, 0.3, 0.5, 0.9):
        cut = whole[: int(len(whole) * share)]
        path.write_bytes(cut)
        with pytest.raises(StoreFormatError, match=r"damaged|no store of tecla's"):
            open_store(path)
        assert path.read_bytes() == cut
    path.write_bytes(whole[:-100])  # within a page: SQLite sees it when that is read
    with pytest.raises(StoreFormatError, match="damaged"):
        _use(path)


# --- other programs -------------------------------------------------------------------------------


def test_a_lock_that_is_not_given_back_is_an_error(path: Path) -> None:
    with open_store(path, busy_s=0.02) as store:
        with path.with_name("tecla.db.lock").open() as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(
                StoreBusyError, match=r"held by another process for more than 0\.02"
            ):
                store.feedback.record([event()])
            with pytest.raises(StoreBusyError):
                open_store(path, busy_s=0.02)
            assert list(store.feedback.events()) == []  # reading needs no lock
        store.feedback.record([event()])


def test_a_program_that_knows_nothing_of_the_lock_is_waited_for_too(path: Path) -> None:
    with open_store(path, busy_s=0.02) as store:
        with closing(apsw.Connection(str(path))) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreBusyError, match="held by another program"):
                store.feedback.record([event()])
            other.execute("ROLLBACK")
        store.feedback.record([event()])


@pytest.mark.slow
def test_a_forked_process_is_told_to_open_its_own(path: Path) -> None:
    code = """
store = opened()
child = os.fork()
if not child:
    try:
        store.feedback.record([event()])
    except Exception as error:
        say(f"{type(error).__name__}: {error}")
    store.close()
    os._exit(0)
os.waitpid(child, 0)
store.feedback.record([event()])
"""
    status, said = run(code, path)
    assert status == 0
    assert "StoreError" in said
    assert "open it in each" in said


def test_a_transaction_that_is_broken_off_changes_nothing(path: Path) -> None:
    with open_store(path) as store:
        store.feedback.record([event("kept")])

        def break_off(forgets: bool) -> None:
            with store._file.erasing() if forgets else store._file.writing() as connection:
                connection.execute("DELETE FROM feedback")
                raise KeyboardInterrupt

        for forgets in (False, True):
            with pytest.raises(KeyboardInterrupt):
                break_off(forgets)
            assert [each.suggestion for each in store.feedback.events()] == ["kept"]
        store.feedback.record([event("next")])
    with open_store(path) as store:
        assert [each.suggestion for each in store.feedback.events()] == ["kept", "next"]


# --- a full disk ----------------------------------------------------------------------------------


def _check_recovers(store: SqliteStore, kept: int, make_room: Callable[[], object]) -> None:
    found = [each.suggestion for each in store.feedback.events()]
    assert found == [f"s{at}" for at in range(kept)]
    store.check()
    make_room()
    store.feedback.record([event(f"s{kept}")])
    assert len(list(store.feedback.events())) == kept + 1


@pytest.mark.slow
def test_a_full_disk_keeps_what_was_kept(path: Path) -> None:
    with open_store(path) as store:
        writer = store._file._writer
        writer.execute("PRAGMA max_page_count = 40")
        kept = 0

        def fill() -> None:
            nonlocal kept
            while kept < 10_000:
                store.feedback.record(event(f"s{kept + at}") for at in range(20))
                kept += 20

        with pytest.raises(StoreFullError, match=r"the disk takes no more.*make room"):
            fill()
        assert kept > 100
        _check_recovers(store, kept, lambda: writer.execute("PRAGMA max_page_count = 100000"))


UNTIL_FULL = """
import resource
from tecla.errors import StoreFullError
store = opened()
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
kept, batch = 0, int(sys.argv[2]) // 20_000
try:
    while True:
        store.feedback.record(event(f"s{kept + at}") for at in range(batch))
        kept += batch
except StoreFullError as error:
    say(error.code)
for _ in range(3):
    try:
        store.forget_user("ana")
    except StoreFullError as error:
        say(error.code)
from store.test_sqlite_file import _check_recovers
if sys.argv[3] == "goes on":
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    _check_recovers(store, kept, lambda: None)
    kept += 1
say(kept)
os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit_bytes", [200_000, 2_000_000])
@pytest.mark.parametrize("then", ["goes on", "ends"])
def test_files_that_may_not_grow(path: Path, limit_bytes: int, then: str) -> None:
    status, said = run(UNTIL_FULL, path, limit_bytes, then)
    assert status == 0, said
    *codes, kept = said.split()
    assert set(codes) == {"store_full"}
    with open_store(path) as store:
        names = [each.suggestion for each in store.feedback.events()]
        assert names == [f"s{at}" for at in range(int(kept))]
        store.check()


def test_no_message_and_no_repr_holds_what_was_written(path: Path) -> None:
    text = SuggestedText("my SECRET", "SECRET too")
    one = event(text=text)
    assert "SECRET" not in repr(one) + repr(text) + str(one)
    with open_store(path) as store:
        assert "SECRET" not in repr(store)
    for wrong in (
        {"suggestion": "SECRET text"}, {"source": "SECRET"}, {"language": "SECRET text"},
        {"user": "SECRET\n"}, {"collection": "SECRET\0"},
    ):  # fmt: skip
        with pytest.raises(InputError) as caught:
            event(**({"suggestion": "s"} | wrong))
        assert "SECRET" not in str(caught.value)
    with pytest.raises(InputError) as caught:
        SuggestedText("SECRET" * 400, "")
    assert "SECRET" not in str(caught.value)
