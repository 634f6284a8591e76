"""An index on the disk: adds, merges and removes as counting does, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from personal.naive import Naive, plain
from personal.rows import SMALL, question, row
from personal.seals import Seal
from personal.traces import Canary
from tecla.errors import OptionError, StoreError, StoreFormatError, StoreFullError, StoreKeyError
from tecla.personal.index import SMALL_TOKENS, Index, due_for_merging
from tecla.personal.segment import Row
from tecla.personal.vocabulary import Vocabulary

VOCABULARY = Vocabulary(SMALL)
WIDE = Vocabulary(49_152)
SECRET = [1017, 20_333, 4_001, 777, 31_999, 62]
CANARY = Canary(tokens=[SECRET])


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Index]]:
    """Opens indexes on one folder; the folder of their owner is `tmp_path / "owner"`."""
    every: list[Index] = []

    def open_index(vocabulary: Vocabulary = WIDE, seal: Seal | None = None) -> Index:
        every.append(Index(tmp_path / "owner" / "print", vocabulary, cipher=seal))
        return every[-1]

    yield open_index
    for each in every:
        each.close()


class Keeping(RuleBasedStateMachine):
    """Two processes' worth of one index: either adds, removes and merges; both see it."""

    @initialize(sealed=st.booleans())
    def open(self, sealed: bool) -> None:
        self.root = Path(tempfile.mkdtemp())
        self.seal = Seal() if sealed else None
        folder = self.root / "owner" / "print"
        self.indexes = [Index(folder, VOCABULARY, cipher=self.seal) for _ in range(2)]
        self.rows: dict[int, list[int]] = {}
        self.next = 1

    @rule(which=st.integers(0, 1), added=st.lists(row, max_size=4))
    def add(self, which: int, added: list[list[int]]) -> None:
        new = {self.next + number: each for number, each in enumerate(added)}
        self.next += len(added)
        self.indexes[which].add([Row(*each) for each in new.items()], version=self.next)
        self.rows |= new

    @rule(which=st.integers(0, 1), chosen=st.sets(st.integers(1, 40), max_size=8))
    def remove(self, which: int, chosen: set[int]) -> None:
        gone = chosen & self.rows.keys()
        assert self.indexes[which].remove(chosen) == len(gone)
        for document in gone:
            del self.rows[document]

    @rule(which=st.integers(0, 1))
    def tidy(self, which: int) -> None:
        self.indexes[which].tidy()
        assert len(self.indexes[which].segments) <= 1  # all are small

    @rule(which=st.integers(0, 1))
    def reopen(self, which: int) -> None:
        self.indexes[which].close()
        folder = self.indexes[which].folder
        self.indexes[which] = Index(folder, VOCABULARY, cipher=self.seal)

    @rule(asked=question, most=st.integers(1, 9))
    def ask(self, asked: list[int], most: int) -> None:
        expected = plain(Naive(self.rows.values()).matches(asked, most))
        for index in self.indexes:
            assert plain(index.matches(asked, most)) == expected

    @invariant()
    def holds(self) -> None:
        for index in self.indexes:
            assert index.documents == set(self.rows)
            index.check()
        folder = self.indexes[0].folder
        if manifest := self.indexes[0].manifest:
            named = {"manifest", *(entry.file for entry in manifest.entries)}
            assert {path.name for path in folder.iterdir()} == named

    def teardown(self) -> None:
        for index in self.indexes:
            index.close()
        shutil.rmtree(self.root)


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(max_examples=10, stateful_step_count=10)
TestKeeping = pytest.mark.slow(TestKeeping)


def test_removed_documents_are_in_no_file(opened: Callable[..., Index], tmp_path: Path) -> None:
    index = opened()
    index.add([Row(1, [5, 6, 7]), Row(2, [*SECRET, 9])])
    index.add([Row(3, [8] * 50), Row(4, SECRET * 3)])
    index.add([Row(5, [5, 6])])
    assert CANARY.traces(tmp_path)
    assert index.remove([2, 4, 77]) == 2
    assert CANARY.traces(tmp_path) == []
    assert index.matches(SECRET[:2], 1) == []
    assert plain(index.matches([5, 6])) == [
        (2, 1, {7: 1}),
    ]
    assert index.remove([5, 3, 1]) == 3
    assert [path.name for path in index.folder.iterdir()] == ["manifest"]


def test_what_a_dead_writer_left_is_deleted(opened: Callable[..., Index], tmp_path: Path) -> None:
    index = opened()
    index.add([Row(1, SECRET)])
    (held,) = (path for path in index.folder.iterdir() if path.suffix == ".segment")
    left = held.read_bytes()
    index.remove([1])
    for name in ("000000000009-0123abcd.segment", "manifest.77.part"):
        (index.folder / name).write_bytes(left)
    assert CANARY.traces(tmp_path)
    assert index.remove([]) == 0
    assert CANARY.traces(tmp_path) == []


def test_sealed_files_hold_nothing_in_plain(opened: Callable[..., Index], tmp_path: Path) -> None:
    seal = Seal()
    index = opened(seal=seal)
    index.add([Row(1, SECRET)])
    assert CANARY.traces(tmp_path) == []
    assert CANARY.traces(tmp_path, lambda path, data: seal.opened(data))
    assert plain(opened(seal=seal).matches(SECRET[:3], 1)) == [(3, 1, {SECRET[3]: 1})]
    with pytest.raises(StoreKeyError):
        opened(seal=Seal(b"another"))
    with pytest.raises(StoreFormatError, match="is encrypted and the store is otherwise"):
        opened()


def test_sealed_files_cannot_take_the_place_of_one_another(opened: Callable[..., Index]) -> None:
    seal = Seal()
    index = opened(seal=seal)
    index.add([Row(1, [1] * 9)])
    index.add([Row(2, [2] * 9)])
    one, other = sorted(index.folder.glob("*.segment"))
    one.write_bytes(other.read_bytes())
    with pytest.raises(StoreKeyError):
        opened(seal=seal)


def test_modes_let_nobody_else_in(opened: Callable[..., Index], tmp_path: Path) -> None:
    index = opened()
    index.add([Row(1, SECRET)])
    for path in (tmp_path / "owner").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
    assert (tmp_path / "owner").stat().st_mode & 0o077 == 0


def test_readers_follow_and_keep_what_they_have_mapped(opened: Callable[..., Index]) -> None:
    writer, reader = opened(), opened()
    assert reader.generation == writer.generation == "none"
    writer.add([Row(1, [1, 2, 3])])
    segment = reader.segments[0]
    before = reader.generation
    assert plain(reader.matches([1, 2])) == [(2, 1, {3: 1})]
    writer.remove([1])
    assert plain(segment.matches([1, 2])) == [(2, 1, {3: 1})]  # its file is gone
    assert reader.generation != before
    assert reader.matches([1, 2]) == []


@pytest.mark.slow
def test_readers_never_see_a_change_by_half(opened: Callable[..., Index]) -> None:
    """While documents are swapped for others again and again, exactly one is there."""
    writer, reader = opened(), opened()
    writer.add([Row(0, [1, 2, 0])])
    done = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not done.is_set():
            levels = plain(reader.matches([1, 2], 1))
            if len(levels) != 1 or levels[0][:2] not in {(2, 1), (2, 2)}:
                wrong.append(levels)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        for number in range(1, 20):
            writer.add([Row(number, [1, 2, number])])
            writer.remove([number - 1])
            writer.tidy()
    finally:
        done.set()
        thread.join()
    assert wrong == []


def test_what_is_noted_stays(opened: Callable[..., Index]) -> None:
    index = opened()
    index.add([], store="a" * 32, version=7)
    index.add([Row(1, [1, 2])])
    assert index.manifest is not None
    assert (index.manifest.store, index.manifest.version) == ("a" * 32, 7)
    assert (opened().documents, len(opened().segments)) == ({1}, 1)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param([Row(1, [1])], "document 1 is in the index already", id="known"),
        pytest.param([Row(2, [1]), Row(2, [2])], "there twice", id="twice"),
        pytest.param([Row(2, [1 << 17])], "does not exist", id="no id"),
    ],
)
def test_what_cannot_be_added_changes_nothing(
    opened: Callable[..., Index], rows: list[Row], said: str
) -> None:
    index = opened()
    index.add([Row(1, SECRET)])
    before = index.generation
    with pytest.raises(OptionError, match=said):
        index.add(rows)
    assert index.generation == before
    assert len(list(index.folder.iterdir())) == 2


@pytest.mark.parametrize("name", ["manifest", "segment"])
def test_damage_is_told_and_left(opened: Callable[..., Index], name: str) -> None:
    index = opened()
    index.add([Row(1, SECRET)])
    (path,) = (each for each in index.folder.iterdir() if each.name.endswith(name))
    data = bytearray(path.read_bytes())
    data[64] ^= 1  # inside the first array, or the list
    path.write_bytes(data)
    with pytest.raises(StoreFormatError, match="can be made anew from the store"):
        opened()
    with pytest.raises(StoreFormatError):
        index.check()
    assert path.read_bytes() == data


def test_a_missing_segment_is_told(opened: Callable[..., Index]) -> None:
    index = opened()
    index.add([Row(1, SECRET)])
    next(index.folder.glob("*.segment")).unlink()
    with pytest.raises(StoreFormatError, match="lacks a segment"):
        opened()


def test_another_vocabulary_is_told(opened: Callable[..., Index]) -> None:
    opened().add([Row(1, SECRET)])
    with pytest.raises(StoreFormatError, match="of another vocabulary"):
        opened(Vocabulary(50_000))


@pytest.mark.parametrize("calls", [0, 1, 2, 3])
def test_a_full_disk_loses_nothing(
    opened: Callable[..., Index], monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    """The disk takes `calls` of what is written, and then no more."""
    index = opened()
    index.add([Row(1, SECRET), Row(3, [3])])
    left = calls
    fsync = os.fsync

    def full(file: int) -> None:
        nonlocal left
        if not left:
            raise OSError(28, "No space left on device")
        left -= 1
        fsync(file)

    for change in (lambda: index.add([Row(2, [1, 2])]), lambda: index.remove([1])):
        left = calls
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(StoreFullError, match="the disk takes no more"):
                change()
        assert opened().documents == {1, 3}
    index.add([Row(2, [1, 2])])
    assert len(list(index.folder.iterdir())) == 3
    index.check()


def test_a_closed_index_is_empty_and_takes_nothing(opened: Callable[..., Index]) -> None:
    index = opened()
    index.add([Row(1, SECRET)])
    index.close()
    index.close()
    assert index.matches(SECRET[:2]) == []
    with pytest.raises(StoreError, match="the index is closed"):
        index.add([])


def test_merging_stops_when_it_is_told_to(opened: Callable[..., Index]) -> None:
    index = opened()
    for number in range(3):
        index.add([Row(number, [number] * 4)])
    stop = threading.Event()
    stop.set()
    assert index.tidy(stop) == 0
    assert len(index.segments) == 3
    assert index.tidy() == 1
    assert index.documents == {0, 1, 2}


@pytest.mark.slow
@given(st.lists(st.integers(1, 10**6), max_size=12))
def test_after_merging_sizes_fall_by_a_half_or_more(sizes: list[int]) -> None:
    sizes.sort(reverse=True)
    rounds = 0
    while due := due_for_merging(sizes):
        merged = sum(sizes[-due:])
        sizes = sorted([*sizes[:-due], merged], reverse=True)
        rounds += 1
    assert rounds <= 12
    for place in range(len(sizes) - 1):
        smaller = sum(sizes[place + 1 :])
        assert sizes[place] >= 2 * smaller
        assert sizes[place] + smaller > SMALL_TOKENS


@pytest.mark.slow
def test_large_segments_stay_apart(opened: Callable[..., Index]) -> None:
    index = opened()
    chooser = np.random.default_rng(0)
    rows = [
        Row(number, chooser.integers(0, 40_000, size).tolist())
        for number, size in enumerate((300_000, 90_000, 20_000, 9_000, 3_000))
    ]
    for each in rows:
        index.add([each])
        index.tidy()
    assert [segment.n_tokens for segment in index.segments] == [300_000, 90_000, 32_000]
    for each in rows:
        asked = list(each.tokens)[100:110]
        assert index.matches(asked, 1)[0].length == 10
    index.remove([0])
    index.tidy()
    assert [segment.n_tokens for segment in index.segments] == [90_000, 32_000]
