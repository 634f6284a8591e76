"""What is forgotten is gone from every file, and the search that says so can find it."""

from __future__ import annotations

import gzip
import json
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.files import PROSE
from store.made import NO_LIMIT, event
from tecla.errors import OptionError
from tecla.learning.forgetting import Wish, plan, proven
from tecla.learning.learner import Learner
from tecla.learning.reading import Reading
from tecla.learning.traces import LEAST_CHARS, MOST_PIECES, files_in, pieces_of, search
from tecla.store.base import Store
from tecla.store.events import EVERY, SuggestedText
from tecla.store.memory import MemoryStore
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

ME, THEM = Owner("user", "local"), Owner("collection", "team")
CANARY = "The heron counts seventeen brass buttons before it sleeps under the viaduct."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    (made / "sub").mkdir(parents=True)
    (made / "a.txt").write_text(CANARY)
    (made / "sub" / "b.md").write_text(f"{PROSE} Two.")
    (made / "c.jsonl").write_text(json.dumps({"text": f"{PROSE} Three."}))
    return made


@pytest.fixture
def opened(folder: Path, tmp_path: Path, reading: Reading) -> Callable[[], SqliteStore]:
    """Open a store in which the folder is learnt for a user and for a collection."""
    path = tmp_path / "kept" / "tecla.db"
    with SqliteStore.open(path) as store:
        for owner in (ME, THEM):
            Learner(store, owner, reading=reading).learn([folder])
        store.consent.give("local")
        store.settings.put(ME, "eagerness", 0.5)
    return lambda: SqliteStore.open(path)


def sources(store: Store, owner: Owner) -> list[str]:
    return sorted(Path(each.source).name[:6] for each in store.documents.all([owner]))


@pytest.mark.slow
def test_a_file_is_forgotten_for_its_owner_alone(
    opened: Callable[[], SqliteStore], folder: Path
) -> None:
    planned, proof = proven(opened, Wish(ME, (str(folder / "c.jsonl"),)), [])
    assert (planned.files, planned.texts) == (1, 1)
    assert proof is not None
    with opened() as store:
        assert sources(store, ME) == ["a.txt", "b.md"]
        assert sources(store, THEM) == ["a.txt", "b.md", "c.json", "c.json"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "named", ["sub", "sub/b.md", "../folder/sub/b.md"], ids=["folder", "file", "roundabout"]
)
def test_folders_and_files_that_may_be_gone_are_named_by_their_path(
    opened: Callable[[], SqliteStore], folder: Path, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    if named == "sub/b.md":
        (folder / "sub" / "b.md").unlink()
    planned, _ = proven(opened, Wish(ME, (named,)), [])
    assert planned.files == 1
    with opened() as store:
        assert sources(store, ME) == ["a.txt", "c.json", "c.json"]


@pytest.mark.slow
@pytest.mark.parametrize("named", ["../link/b.md", "../sub/b.md", "../link/to-b.md"])
def test_a_file_that_is_gone_is_named_through_links_and_from_elsewhere(
    opened: Callable[[], SqliteStore], folder: Path, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "link").symlink_to("sub")
    (folder / "sub" / "to-b.md").symlink_to("b.md")
    (folder / "sub" / "b.md").unlink()
    (folder / "ring").symlink_to("ring")
    (folder / "other").mkdir()
    monkeypatch.chdir(folder / "other")
    planned, _ = proven(opened, Wish(ME, ("../ring", named)), [])
    assert planned.files == 1
    with opened() as store:
        assert sources(store, ME) == ["a.txt", "c.json", "c.json"]


@pytest.mark.slow
def test_single_files_are_searched(opened: Callable[[], SqliteStore], tmp_path: Path) -> None:
    store, beside = tmp_path / "kept" / "tecla.db", tmp_path / "kept" / "mine"
    beside.write_text(CANARY)
    _, proof = proven(opened, Wish(), [store, store, tmp_path / "nothing"])
    assert proof is not None
    assert (proof.before.files, proof.after.files) == (1, 1)
    assert list(proof.before.hits) == [store]
    assert proof.holds
    _, proof = proven(opened, Wish(), [store, beside])
    assert proof is not None
    assert proof.after.files == 2


@pytest.mark.slow
def test_the_proof_finds_before_and_not_after(
    opened: Callable[[], SqliteStore], folder: Path, tmp_path: Path
) -> None:
    kept = [tmp_path / "kept"]
    with opened() as store:
        assert CANARY in [each.text for each in store.documents.passages(THEM)]
    # While the collection has the same text it is no trace of the user.
    planned, proof = proven(opened, Wish(ME, (str(folder / "a.txt"),)), kept)
    assert planned.pieces == ()
    assert proof is not None
    assert proof.holds
    planned, proof = proven(opened, Wish(THEM), kept)
    assert proof is not None
    assert proof.before.found > 0
    assert proof.after.found == 0
    assert proof.after.files >= 1
    with opened() as store:
        assert sources(store, THEM) == []
        assert sources(store, ME) == ["b.md", "c.json", "c.json"]


@pytest.mark.slow
@pytest.mark.parametrize("wish", [Wish(ME), Wish()], ids=["user", "everything"])
def test_a_user_goes_with_feedback_consent_and_settings(
    opened: Callable[[], SqliteStore], wish: Wish, tmp_path: Path
) -> None:
    with opened() as store:
        text = SuggestedText("The walrus signs ", "nine letters in green ink")
        now_s = store.consent.since_s("local") or 0.0
        store.feedback.record([event("s1", user="local", time_s=now_s + 1, text=text)])
    planned, proof = proven(opened, wish, [tmp_path / "kept"])
    assert planned.events == 1
    assert any("walrus" in piece or "letters" in piece for piece in planned.pieces)
    assert proof is not None
    assert proof.before.found > 0
    assert proof.holds
    with opened() as store:
        assert sources(store, ME) == []
        assert store.consent.since_s("local") is None
        assert store.settings.of(ME) == {}
        assert not list(store.feedback.events(EVERY))


@pytest.mark.slow
def test_nothing_happens_unless_it_is_agreed(opened: Callable[[], SqliteStore]) -> None:
    planned, proof = proven(opened, Wish(ME), [], agreed=lambda planned: planned.files > 99)
    assert planned.files == 3
    assert proof is None
    with opened() as store:
        assert len(sources(store, ME)) == 4


@pytest.mark.slow
def test_what_is_derived_is_purged_and_a_trace_in_it_breaks_the_proof(
    opened: Callable[[], SqliteStore], folder: Path, tmp_path: Path
) -> None:
    derived = tmp_path / "kept" / "derived"
    derived.write_bytes(zlib.compress(CANARY.encode()))
    proven(opened, Wish(THEM), [])
    named: list[str | None] = []

    def purge(store: Store) -> None:
        named.extend(each.name for each in store.derived.to_purge())
        for each in store.derived.to_purge():
            store.derived.purged(each)

    _, proof = proven(opened, Wish(ME), [tmp_path / "kept"], purge=purge)
    assert named
    assert proof is not None
    assert not proof.holds
    assert list(proof.after.hits) == [derived]
    with opened() as store:
        assert store.derived.to_purge() == []


def test_what_was_never_learnt_is_named() -> None:
    store = MemoryStore()
    with pytest.raises(OptionError, match=r"learnt from 'nothing' for .* nor of anybody else"):
        plan(store, Wish(ME, ("nothing",)))
    store.settings.put(ME, "eagerness", 0.5)
    with pytest.raises(OptionError, match=r"nothing was learnt from 'nothing'.*tecla learned"):
        plan(store, Wish(ME, ("nothing",)))


def test_of_many_who_are_known_some_are_named() -> None:
    store = MemoryStore(retention=NO_LIMIT)
    store.feedback.record(event(f"s{at}", user=f"user-{at:02}") for at in range(12))
    with pytest.raises(OptionError, match=r"the users 'user-00', .*'user-09' and 2 more$"):
        plan(store, Wish(ME))


PACKED = {
    "plain": lambda data: b"\0\1" + data + b"\2",
    "zlib": lambda data: b"junk" + zlib.compress(data) + b"junk",
    "gzip": lambda data: b"x" * 5000 + gzip.compress(data),
    "late": lambda data: b"\0" * (1 << 22) + data,
    "across": lambda data: b"\0" * ((1 << 22) - 20) + data,
}


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("way", PACKED)
def test_traces_are_met_in_any_form(tmp_path: Path, way: str, encoding: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(PACKED[way](CANARY.encode(encoding)))
    (tmp_path / "other").write_bytes(b"nothing here")
    (tmp_path / "empty").touch()
    pieces = pieces_of([CANARY], list)
    found = search(pieces, [tmp_path])
    assert found.found >= len(pieces) > 1
    assert list(found.hits) == [tmp_path / "sub" / "file"]
    assert found.files == 3


def test_traces_in_archives_in_json_and_as_a_caller_spells_them(tmp_path: Path) -> None:
    text = "Seventeen “brass” buttons\\are\tcounted by the heron"
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("inside.txt", text)
    (tmp_path / "b.json").write_text(json.dumps({"text": text}))
    (tmp_path / "c.bin").write_bytes(text[::-1].encode())
    hits = search([text], [tmp_path], spell=lambda piece: [piece[::-1].encode()]).hits
    assert sorted(path.name for path in hits) == ["a.zip", "b.json", "c.bin"]


def test_models_are_not_searched_and_nothing_twice(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(CANARY.encode())
    (tmp_path / "b").write_bytes(b"x")
    (tmp_path / "c").symlink_to(tmp_path / "b")
    assert [path.name for path in files_in([tmp_path, tmp_path])] == ["b"]


@given(st.lists(st.text(max_size=200), max_size=60), st.lists(st.text(max_size=200), max_size=3))
@settings(max_examples=40)
def test_pieces_stand_in_what_goes_and_not_in_what_stays(gone: list[str], stay: list[str]) -> None:
    pieces = pieces_of(gone, lambda: stay)
    assert len(pieces) <= MOST_PIECES
    for piece in pieces:
        assert len(piece) >= LEAST_CHARS
        assert any(piece in text for text in gone)
        assert not any(piece in text for text in stay)
