"""Indexes follow the store: what it holds they hold, what it forgot is in no file of theirs."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from personal.naive import Naive, plain
from personal.seals import Seal
from personal.traces import Canary
from tecla.engines.fake import FakeTokenizer
from tecla.errors import StoreBusyError, StoreFormatError
from tecla.personal import following
from tecla.personal.following import (
    Followed,
    bring_up_to_date,
    finish_purges,
    folder_beside,
    is_up_to_date,
    tokens_of,
)
from tecla.personal.lock import FolderLock
from tecla.personal.shelf import Learnt, Reader
from tecla.personal.vocabulary import Vocabulary, fingerprint_of
from tecla.store.base import Store
from tecla.store.documents import NewDocument
from tecla.store.memory import MemoryStore
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

ANNA, TEAM = Owner("user", "anna"), Owner("collection", "team")
SECRET = "would not help an otter"
TOKENIZER = FakeTokenizer()
CANARY = Canary(SECRET, [TOKENIZER.encode(f" {SECRET}".encode())], window_tokens=6)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    made = MemoryStore() if request.param == "memory" else SqliteStore.open(tmp_path / "tecla.db")
    with made:
        yield made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return folder_beside(tmp_path / "tecla.db")


def document(owner: Owner, source: str, *passages: str) -> NewDocument:
    return NewDocument(
        owner=owner,
        source=source,
        kind="text",
        digest=b"-",
        time_s=1.0,
        size_bytes=1,
        passages=passages,
    )


def expect(root: Path, store: Store, owner: Owner, *texts: str) -> None:
    """The owner's index says what counting these texts says."""
    naive = Naive(TOKENIZER.encode(text.encode()) for text in texts)
    with Learnt.of(root, store, [owner]).open(TOKENIZER) as shelf:
        for text in (*texts, f"a {SECRET}", "the future of art"):
            ids = TOKENIZER.encode(text.encode())
            for end in range(1, len(ids) + 1):
                assert plain(shelf.matches(ids[:end])) == plain(naive.matches(ids[:end]))
        assert [reader.fault for reader in shelf.readers] == [None]
    assert is_up_to_date(root, store, owner, TOKENIZER)


def test_what_is_learnt_replaced_and_removed_is_followed(store: Store, root: Path) -> None:
    assert bring_up_to_date(root, store, ANNA, TOKENIZER) == (0, 0)
    assert not root.exists()
    expect(root, store, ANNA)
    store.documents.put(
        [document(ANNA, "a", "The future ", "of art"), document(ANNA, "b", "a help")]
    )
    store.documents.put([document(TEAM, "a", SECRET)])
    assert not is_up_to_date(root, store, ANNA, TOKENIZER)
    assert bring_up_to_date(root, store, ANNA, TOKENIZER) == Followed(added=2, removed=0)
    expect(root, store, ANNA, "The future of art", "a help")
    assert bring_up_to_date(root, store, ANNA, TOKENIZER) == (0, 0)
    store.documents.put([document(ANNA, "a", "Another future"), document(ANNA, "c")])
    assert bring_up_to_date(root, store, ANNA, TOKENIZER) == Followed(added=2, removed=1)
    expect(root, store, ANNA, "Another future", "a help", "")
    store.documents.remove(ANNA, ["b"])
    assert bring_up_to_date(root, store, ANNA, TOKENIZER) == Followed(added=0, removed=1)
    expect(root, store, ANNA, "Another future", "")


@pytest.mark.slow
def test_batches_and_interruptions_lose_nothing(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [f"{number} help of the art " * 3 for number in range(7)]
    store.documents.put([document(ANNA, str(number), text) for number, text in enumerate(texts)])
    monkeypatch.setattr(following, "BATCH_TOKENS", 1)
    stop = threading.Event()
    stop.set()
    assert bring_up_to_date(root, store, ANNA, TOKENIZER, stop=stop) == (0, 0)
    with monkeypatch.context() as patch:
        real, calls = following._batch, iter([1, 1])

        def broken(*given: object) -> object:
            next(calls)
            return real(*given)  # type: ignore[arg-type]

        patch.setattr(following, "_batch", broken)
        with pytest.raises(StopIteration):
            bring_up_to_date(root, store, ANNA, TOKENIZER)
    assert not is_up_to_date(root, store, ANNA, TOKENIZER)
    assert bring_up_to_date(root, store, ANNA, TOKENIZER) == Followed(added=5, removed=0)
    expect(root, store, ANNA, *texts)


@pytest.mark.parametrize("how", ["document", "owner", "everything"])
def test_what_is_forgotten_is_in_no_file(store: Store, root: Path, how: str) -> None:
    kept = document(ANNA, "kept", "The future of art")
    store.documents.put([kept, document(ANNA, "gone", f"a {SECRET}. ", SECRET)])
    store.documents.put([document(TEAM, "a", "of the art")])
    with Learnt.of(root, store, [ANNA]).open(TOKENIZER) as shelf:
        for owner in (ANNA, TEAM):
            bring_up_to_date(root, store, owner, TOKENIZER)
        asked = TOKENIZER.encode(f" {SECRET}".encode())[:-1]
        assert CANARY.traces(root)
        assert shelf.matches(asked, 1)[0].length == len(asked)
        if how == "document":
            store.documents.remove(ANNA, ["gone"])
        elif how == "owner":
            store.forget_user("anna")
        else:
            store.forget_everything()
        assert finish_purges(root, store) == 1
        assert CANARY.traces(root) == []
        assert all(level.length < len(asked) for level in shelf.matches(asked))
    assert store.derived.to_purge() == []
    left = {path.name for path in root.iterdir()}
    names = {owner: store.derived.name_of(owner) for owner in (ANNA, TEAM)}
    expected = {"document": {ANNA, TEAM}, "owner": {TEAM}, "everything": set()}[how]
    assert left == {names[owner] for owner in expected}
    if how == "document":
        bring_up_to_date(root, store, ANNA, TOKENIZER)
        expect(root, store, ANNA, "The future of art")
    assert finish_purges(root, store) == 0


def test_a_purge_reaches_every_tokenizer_and_what_is_damaged(store: Store, root: Path) -> None:
    other = FakeTokenizer(fills=True)
    store.documents.put([document(ANNA, "a", f"a {SECRET}"), document(ANNA, "b", "the art")])
    for tokenizer in (TOKENIZER, other):
        bring_up_to_date(root, store, ANNA, tokenizer)
    folder = root / store.derived.name_of(ANNA)
    damaged = folder / fingerprint_of(other) / "manifest"
    damaged.write_bytes(damaged.read_bytes()[:-5])
    (folder / "0123").mkdir()
    (folder / "0123" / "left.segment").write_text(SECRET)
    store.documents.remove(ANNA, ["a"])
    finish_purges(root, store)
    assert CANARY.traces(root) == []
    assert [path.name for path in sorted(folder.iterdir())] == sorted(
        ["lock", fingerprint_of(TOKENIZER)]
    )


def test_a_purge_that_is_interrupted_is_finished_later(
    store: Store, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.documents.put([document(ANNA, "a", SECRET)])
    bring_up_to_date(root, store, ANNA, TOKENIZER)
    store.forget_user("anna")
    with monkeypatch.context() as patch:
        patch.setattr("tecla.personal.following.shutil.rmtree", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            finish_purges(root, store)
    assert len(store.derived.to_purge()) == 1
    assert CANARY.traces(root)
    finish_purges(root, store)
    assert list(root.iterdir()) == []
    assert store.derived.to_purge() == []


def test_a_purge_waits_for_who_is_adding(store: Store, root: Path) -> None:
    store.documents.put([document(ANNA, "a", SECRET)])
    bring_up_to_date(root, store, ANNA, TOKENIZER)
    lock = FolderLock(root / store.derived.name_of(ANNA))
    store.forget_user("anna")
    done = threading.Event()

    def purge() -> None:
        finish_purges(root, store)
        done.set()

    with lock.alone():
        thread = threading.Thread(target=purge)
        thread.start()
        assert not done.wait(0.05)
        assert CANARY.traces(root)
    thread.join()
    assert CANARY.traces(root) == []


def test_who_waited_for_a_folder_that_went_makes_a_new_one(store: Store, root: Path) -> None:
    store.documents.put([document(ANNA, "a", SECRET)])
    bring_up_to_date(root, store, ANNA, TOKENIZER)
    folder = root / store.derived.name_of(ANNA)
    entered = threading.Event()

    def wait() -> None:
        with FolderLock(folder).alone():
            entered.set()

    with FolderLock(folder).alone():
        thread = threading.Thread(target=wait)
        thread.start()
        assert not entered.wait(0.05)
        following._throw_away(folder)
        assert not folder.exists()
    thread.join()
    assert entered.is_set()
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_a_lock_that_is_held_is_busy_at_last(tmp_path: Path) -> None:
    waiting = FolderLock(tmp_path / "a", wait_s=0.02)
    with (
        FolderLock(tmp_path / "a").alone(),
        pytest.raises(StoreBusyError, match="held by another"),
        waiting.alone(),
    ):
        pytest.fail("two at once")


def test_damage_and_another_store_are_made_anew(store: Store, root: Path) -> None:
    store.documents.put([document(ANNA, "a", "The future of art")])
    bring_up_to_date(root, store, ANNA, TOKENIZER)
    folder = root / store.derived.name_of(ANNA) / fingerprint_of(TOKENIZER)
    (segment,) = folder.glob("*.segment")
    data = bytearray(segment.read_bytes())
    data[64] ^= 1
    segment.write_bytes(data)
    with Learnt.of(root, store, [ANNA]).open(TOKENIZER) as shelf:
        assert shelf.matches([1]) == shelf.matches([2]) == []
        assert isinstance(shelf.readers[0].fault, StoreFormatError)
        before = shelf.generation
        store.documents.put([document(ANNA, "b", "a help")])
        bring_up_to_date(root, store, ANNA, TOKENIZER)
        assert shelf.matches(TOKENIZER.encode(b"a"))
        assert shelf.generation != before
    expect(root, store, ANNA, "The future of art", "a help")
    with MemoryStore() as another:
        foreign = root / another.derived.name_of(ANNA)
        (root / store.derived.name_of(ANNA)).rename(foreign)
        another.documents.put([document(ANNA, "c", "of the art")])
        bring_up_to_date(root, another, ANNA, TOKENIZER)
        expect(root, another, ANNA, "of the art")


def test_a_store_that_is_encrypted_now_leaves_nothing_in_plain(root: Path) -> None:
    store, seal = MemoryStore(), Seal()
    store.documents.put([document(ANNA, "a", SECRET)])
    bring_up_to_date(root, store, ANNA, TOKENIZER)
    assert CANARY.traces(root)
    store.derived.cipher = seal
    assert not is_up_to_date(root, store, ANNA, TOKENIZER)
    bring_up_to_date(root, store, ANNA, TOKENIZER)
    assert CANARY.traces(root) == []
    assert CANARY.traces(root, lambda path, data: seal.opened(data))
    name = store.derived.name_of(ANNA)
    reader = Reader(root / name / fingerprint_of(TOKENIZER), Vocabulary(len(TOKENIZER.table)), seal)
    ids = TOKENIZER.encode(SECRET.encode())
    assert reader.matches(ids[:4], 1)[0].length == 4
    reader.close()
    assert reader.matches(ids[:4]) == []


def test_what_was_learnt_is_a_value(store: Store, root: Path) -> None:
    learnt = Learnt.of(root, store, [TEAM, ANNA])
    assert learnt == Learnt.of(root, store, [ANNA, TEAM])
    assert pickle.loads(pickle.dumps(learnt)) == learnt
    assert hash(learnt) == hash(Learnt.of(root, store, [ANNA, TEAM]))
    assert "anna" not in repr(learnt)
    with learnt.open(TOKENIZER) as shelf:
        before = shelf.generation
        assert shelf.matches([1, 2]) == []
        store.documents.put([document(TEAM, "a", "of the art")])
        bring_up_to_date(root, store, TEAM, TOKENIZER)
        assert shelf.generation != before
        assert shelf.matches(TOKENIZER.encode(b"of the"))


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_tokens_of_pieces_are_those_of_the_text(
    piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "_PIECE_BYTES", 5)
    text = "It's the future of art;\n\n and I'll help  you — Agustín 日本 99 " * 3
    pieces = [text[start : start + piece] for start in range(0, len(text), piece)]
    assert tokens_of(pieces, TOKENIZER).tolist() == TOKENIZER.encode(text.encode())


def test_fingerprints_tell_tokenizers_apart() -> None:
    assert fingerprint_of(TOKENIZER) == fingerprint_of(FakeTokenizer())
    assert fingerprint_of(TOKENIZER) != fingerprint_of(FakeTokenizer(fills=True))
    assert len(fingerprint_of(TOKENIZER)) == 32
