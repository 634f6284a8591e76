"""An encrypted store: no plain byte on the disk, nothing without its key, nothing lost."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from store.children import KILLED, run, start
from store.made import NO_LIMIT, document, event, make_key_file
from tecla.errors import StoreBusyError, StoreFormatError, StoreKeyError, StoreVersionError
from tecla.store.base import Owner
from tecla.store.documents import VectorModel
from tecla.store.events import SuggestedText
from tecla.store.migrations import Migration
from tecla.store.sealing import StoreKey
from tecla.store.sqlite import SqliteStore, change_key
from tecla.store.sqlite_file import SqliteFile
from tecla.store.sqlite_schema import MIGRATIONS

ANA = Owner("user", "ana-the-owner")
PLAIN = (b"SECRET", b"secretword", b"ana-the-owner", b"VECTORVECTOR", b"feedback", b"SQLite format")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tecla.db"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key_file(tmp_path)


def open_store(path: Path, key: Path | None = None, **options: Any) -> SqliteStore:
    return SqliteStore.open(path, key_file=key, retention=NO_LIMIT, **options)


def fill(store: SqliteStore, rounds: int = 3) -> None:
    store.consent.give(ANA.name)
    store.documents.use_vectors_of(VectorModel("tiny", 3))
    for at in range(rounds):
        text = SuggestedText("SECRET" * 30, "SECRET")
        store.feedback.record([event(user=ANA.name, time_s=4e9, text=text)] * 50)
        store.documents.put([document(ANA, f"s{at}", "a secretword here")])
    missing = store.documents.without_vector()
    vector = memoryview(b"VECTORVECTOR").cast("f").tolist()
    store.documents.put_vectors(VectorModel("tiny", 3), {each.id: vector for each in missing})


def found(store: SqliteStore) -> tuple[int, int]:
    hits = store.documents.by_words("secretword", [ANA])
    return len(list(store.feedback.events())), len(hits)


def plain_bytes(path: Path) -> list[bytes]:
    """What of `PLAIN` is in any file beside the store."""
    files = [each.read_bytes() for each in path.parent.iterdir()]
    return [each for each in PLAIN if any(each in file for file in files)]


def test_nothing_plain_is_ever_written(path: Path, key: Path) -> None:
    with open_store(path, key) as store:
        fill(store)
        assert path.with_name("tecla.db-wal").stat().st_size > 0
        assert plain_bytes(path) == []
        store.feedback.prune(NO_LIMIT)
        store.documents.remove(ANA, ["s0"])
        assert plain_bytes(path) == []
        store.check()
    assert plain_bytes(path) == []
    with open_store(path, key) as store:
        assert found(store) == (150, 2)


def test_without_the_key_it_is_left_as_it_is(path: Path, key: Path, tmp_path: Path) -> None:
    with open_store(path, key) as store:
        fill(store)
    before = path.read_bytes()
    with pytest.raises(StoreKeyError, match=r"is encrypted, and no key is given; name the file"):
        open_store(path)
    with pytest.raises(StoreKeyError, match=r"is encrypted with another key, or damaged"):
        open_store(path, make_key_file(tmp_path, "other"))
    assert path.read_bytes() == before
    assert {each.name for each in path.parent.iterdir()} == {"tecla.db", "tecla.db.lock"}
    with open_store(path, key) as store:
        assert found(store) == (150, 3)


def test_the_key_of_the_settings_is_used(
    path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECLA_STORE_KEY_FILE", str(key))
    monkeypatch.setenv("TECLA_STORE_FILE", str(path))
    with SqliteStore.open() as store:
        fill(store)
    assert plain_bytes(path) == []
    monkeypatch.delenv("TECLA_STORE_KEY_FILE")
    with pytest.raises(StoreKeyError):
        SqliteStore.open()


def test_a_plain_store_is_encrypted_when_it_is_opened_with_a_key(path: Path, key: Path) -> None:
    with open_store(path) as store:
        fill(store)
        store.forget_user("nobody")
        identity, notes = store.derived.identity, store.derived.to_purge()
    assert len(plain_bytes(path)) == len(PLAIN)
    with path.open("rb") as old:  # whoever still holds the old file finds nothing in it either
        with open_store(path, key) as store:
            assert plain_bytes(path) == []
            assert (store.derived.identity, store.derived.to_purge()) == (identity, notes)
            assert found(store) == (150, 3)
            fill(store, 1)
            store.check()
        left = old.read()
        assert len(left) > 10_000
        assert not any(left)
    assert plain_bytes(path) == []
    assert {each.name for each in path.parent.iterdir()} == {"tecla.db", "tecla.db.lock"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_old_plain_store_becomes_a_new_encrypted_one(path: Path, key: Path) -> None:
    with SqliteStore(SqliteFile(path, migrations=MIGRATIONS[:1]), retention=NO_LIMIT) as store:
        store.feedback.record([event()])
    with open_store(path, key) as store:
        assert list(store.feedback.events()) == [event()]
        fill(store)
    assert plain_bytes(path) == []


def test_a_store_that_is_open_elsewhere_is_not_encrypted(path: Path, key: Path) -> None:
    with open_store(path) as store:
        fill(store)
        with pytest.raises(StoreBusyError, match="is open in another program, and is to be put"):
            open_store(path, key, busy_s=0.02)
        store.feedback.record([event()])
        assert found(store) == (151, 3)
    with open_store(path, key) as store:
        assert found(store) == (151, 3)


def test_a_key_can_be_changed_and_taken_away(path: Path, key: Path, tmp_path: Path) -> None:
    other = make_key_file(tmp_path, "other")
    with open_store(path, key) as store:
        fill(store)
    change_key(path, key, other)
    with pytest.raises(StoreKeyError):
        open_store(path, key)
    with open_store(path, other) as store:
        assert found(store) == (150, 3)
        with pytest.raises(StoreBusyError):
            change_key(path, other, key, busy_s=0.02)
    with pytest.raises(StoreKeyError):
        change_key(path, key, None)
    change_key(path, other, None)
    with open_store(path) as store:
        assert found(store) == (150, 3)
    assert len(plain_bytes(path)) == len(PLAIN)


def test_what_is_no_store_is_refused_with_a_key_too(path: Path, key: Path) -> None:
    path.parent.mkdir()
    for content in (b"My letters.\n" * 500, bytes(8192), os.urandom(8192), b"SQLite format 3\0"):
        path.write_bytes(content)
        with pytest.raises(StoreFormatError):
            open_store(path, key)
        assert path.read_bytes() == content


def test_a_newer_encrypted_file_is_left_alone(path: Path, key: Path) -> None:
    newer = (*MIGRATIONS, Migration("notes", ("CREATE TABLE notes (note TEXT)",)))
    SqliteFile(path, migrations=newer, key=StoreKey.read(key)).close()
    before = path.read_bytes()
    with pytest.raises(StoreVersionError):
        open_store(path, key)
    assert path.read_bytes() == before


@pytest.mark.slow
def test_a_changed_byte_is_noticed(path: Path, key: Path) -> None:
    with open_store(path, key) as store:
        fill(store)
    whole = path.read_bytes()
    for at in range(100, len(whole), len(whole) // 25):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises((StoreFormatError, StoreKeyError)), open_store(path, key) as store:
            store.check()
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)


ENCRYPT_AND_DIE = """
import tecla.store.sqlite_rewrite as rewriting
at, seen = int(sys.argv[3]), 0
def step(name, work):
    def stepped(*given, **more):
        global seen
        seen += 1
        if seen == at:
            die()
        return work(*given, **more)
    return stepped
rewriting.connect = step("connect", rewriting.connect)
rewriting.os.fsync = step("fsync", os.fsync)
Path.replace = step("replace", Path.replace)
opened(key_file=sys.argv[2])
say("through")
"""


@pytest.mark.slow
def test_a_process_that_dies_while_it_encrypts(path: Path, key: Path) -> None:
    with open_store(path) as store:
        fill(store)
    whole = path.read_bytes()
    for at in range(1, 20):
        path.write_bytes(whole)
        status, said = run(ENCRYPT_AND_DIE, path, key, at)
        with open_store(path, key) as store:
            assert found(store) == (150, 3)
            store.check()
        assert plain_bytes(path) == []
        if "through" in said:
            break
        assert status == KILLED
    assert at > 4


@pytest.mark.slow
def test_processes_share_an_encrypted_store(path: Path, key: Path) -> None:
    code = """
with opened(key_file=sys.argv[2], busy_s=60) as store:
    for at in range(20):
        store.documents.put([document(Owner("user", "bo"), f"s{at}", "a secretword here")])
"""
    with open_store(path, key, busy_s=60) as store, start(code, path, key) as child:
        fill(store)
        assert child.wait(60) == 0
        assert found(store) == (150, 3)
        assert len(store.documents.by_words("secretword", [Owner("user", "bo")], limit=99)) == 20
    assert plain_bytes(path) == []


# --- the key --------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"short", bytes(31), bytes(4097)], ids=len)
def test_what_is_no_key_is_refused(path: Path, key: Path, content: bytes) -> None:
    key.write_bytes(content)
    with pytest.raises(StoreKeyError, match=r"does not hold 32 to 4096 bytes.*umask 077; head -c"):
        open_store(path, key)
    assert not path.exists()


def test_a_key_that_others_may_read_is_refused(path: Path, key: Path) -> None:
    for mode in (0o640, 0o604, 0o620):
        key.chmod(mode)
        with pytest.raises(StoreKeyError, match=rf"has mode {mode:04o}.*chmod 600"):
            open_store(path, key)
    key.unlink()
    with pytest.raises(StoreKeyError, match=r"cannot read the key in .*make one with"):
        open_store(path, key)
    assert not path.exists()


def test_the_line_that_makes_a_key(tmp_path: Path) -> None:
    made = tmp_path / "made"
    line = f"(umask 077; head -c 32 /dev/urandom > {made})"
    subprocess.run(["sh", "-c", line], check=True)
    assert len(StoreKey.read(made).secret) == 32


def test_no_repr_shows_a_key(key: Path) -> None:
    read = StoreKey.read(key)
    assert "key---" not in repr(read)
    assert read.secret.decode() not in repr(read)


# --- derived files --------------------------------------------------------------------------------


@pytest.fixture
def store(path: Path, key: Path) -> Iterator[SqliteStore]:
    with open_store(path, key) as opened:
        yield opened


def test_a_plain_store_has_no_cipher(path: Path) -> None:
    with open_store(path) as store:
        assert store.derived.cipher is None


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_sealed_files_come_back(store: SqliteStore, size: int) -> None:
    cipher, plain = store.derived.cipher, os.urandom(size)
    assert cipher is not None
    sealed = cipher.seal(memoryview(plain), "segment 1")
    assert cipher.unseal(sealed, "segment 1") == plain
    assert len(sealed) - len(plain) <= 48 + 16 * (size // (1 << 20) + 1)
    assert sealed != cipher.seal(plain, "segment 1")
    assert size < 64 or plain[:64] not in sealed


def test_what_was_changed_cut_or_swapped_is_refused(store: SqliteStore, tmp_path: Path) -> None:
    cipher = store.derived.cipher
    assert cipher is not None
    block = 1 << 20
    sealed = cipher.seal(bytes(2 * block + 5), "segment 1")
    step, head = block + 16, 48
    wrong = {
        "cut at a block": sealed[: head + step],
        "cut at two blocks": sealed[: head + 2 * step],
        "cut inside": sealed[:-1],
        "nothing": b"",
        "head alone": sealed[:head],
        "a block swapped": sealed[:head] + sealed[head + step : head + 2 * step]
        + sealed[head : head + step] + sealed[head + 2 * step :],
        "a block left out": sealed[: head + step] + sealed[head + 2 * step :],
        "more": sealed + sealed[head:],
        "a byte": sealed[:100] + bytes([sealed[100] ^ 1]) + sealed[101:],
        "the salt": sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:],
        "plain": bytes(1000),
    }  # fmt: skip
    for given in wrong.values():
        with pytest.raises(StoreKeyError, match="sealed with another key, or is damaged"):
            cipher.unseal(given, "segment 1")
    with pytest.raises(StoreKeyError):
        cipher.unseal(sealed, "segment 2")
    with pytest.raises(StoreKeyError):
        StoreKey.read(make_key_file(tmp_path, "other")).cipher().unseal(sealed, "segment 1")


def test_a_missing_package_is_named(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(StoreKeyError, match=r"tecla\[encryption\]"):
        store.derived.cipher  # noqa: B018
