"""Folders that are kept learnt: every change is followed, and nothing else costs anything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import watchfiles

from learning.files import PROSE
from tecla.errors import OptionError, StoreBusyError
from tecla.learning import watching
from tecla.learning.learner import Learner
from tecla.learning.reading import Reading
from tecla.learning.summary import Summary
from tecla.learning.watching import changes_in, keep_learnt
from tecla.store.memory import MemoryStore
from tecla.store.owners import Owner

ME = Owner("user", "local")

pytestmark = pytest.mark.slow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = (tmp_path / "folder").resolve()
    made.mkdir()
    (made / "a.txt").write_text(f"{PROSE} One.")
    return made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often at what the system tells, as nobody waits for a test."""
    monkeypatch.setattr(watching, "_STEP_MS", 20)
    monkeypatch.setattr(watching, "_FIRST_MS", 100)


def names(store: MemoryStore) -> set[str]:
    return {Path(each.source).name for each in store.documents.all()}


def test_each_batch_that_concerns_the_folder_is_a_round(
    folder: Path, tmp_path: Path, reading: Reading
) -> None:
    store = MemoryStore()
    seen: list[set[str]] = []

    def changes() -> Iterator[set[Path]]:
        (folder / "b.txt").write_text(f"{PROSE} Two.")
        yield {folder / "b.txt"}
        yield {tmp_path / "other.txt"}  # elsewhere
        yield {folder / ".git" / "index"}  # hidden
        (folder / "a.txt").unlink()
        yield {folder / "a.txt", folder / "b.txt"}
        (folder / ".gitignore").write_text("*.txt\n")
        (folder / "c.md").write_text(f"{PROSE} Three.")
        yield {folder / ".gitignore"}  # hidden, but a rule

    with Learner(store, ME, reading=reading) as learner:
        keep_learnt(learner, [folder], changes(), lambda summary: seen.append(names(store)))
    assert seen == [{"a.txt"}, {"a.txt", "b.txt"}, {"b.txt"}, {"c.md"}]


def test_a_path_that_is_gone_is_waited_for(folder: Path, reading: Reading) -> None:
    store = MemoryStore()
    file = folder / "a.txt"
    rounds: list[Summary] = []

    def changes() -> Iterator[set[Path]]:
        text = file.read_text()
        file.unlink()  # as programs do that write a file anew
        yield {file}
        assert names(store) == {"a.txt"}
        file.write_text(f"{text} More.")
        yield {file}

    with Learner(store, ME, reading=reading) as learner:
        keep_learnt(learner, [file], changes(), rounds.append)
    assert [each.texts for each in rounds] == [1, 1]


def test_a_busy_store_costs_a_round(
    folder: Path, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    put = store.documents.put
    rounds: list[Summary] = []

    def busy(documents: object) -> object:
        raise StoreBusyError("held")

    def changes() -> Iterator[set[Path]]:
        (folder / "b.txt").write_text(f"{PROSE} Two.")
        monkeypatch.setattr(store.documents, "put", busy)
        yield {folder / "b.txt"}
        monkeypatch.setattr(store.documents, "put", put)
        yield {folder / "a.txt"}

    with Learner(store, ME, reading=reading) as learner:
        keep_learnt(learner, [folder], changes(), rounds.append)
    assert names(store) == {"a.txt", "b.txt"}
    assert len(rounds) == 2


def test_what_is_not_there_at_first_is_an_error(folder: Path) -> None:
    with Learner(MemoryStore(), ME) as learner, pytest.raises(OptionError, match="does not exist"):
        keep_learnt(learner, [folder / "nothing"], [], lambda summary: None)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("named", ["folder", "file"])
def test_the_system_tells_of_changes(folder: Path, named: str) -> None:
    """Once with the real thing: a file is written anew until the system says so."""
    file = folder / "a.txt"
    stop = threading.Event()
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.wait(0.05):
            number += 1
            file.write_text(f"{PROSE} {number}")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        changes = changes_in([folder if named == "folder" else file], stop=stop)
        next(changes)
        for batch in changes:
            assert file in batch
            stop.set()
            ended.set()
    finally:
        ended.set()
        writer.join()
    assert stop.is_set()


@pytest.mark.usefixtures("quick")
def test_what_changes_in_the_first_round_is_learnt_though_nobody_tells(
    folder: Path, reading: Reading
) -> None:
    store, stop = MemoryStore(), threading.Event()
    rounds: list[set[str]] = []

    def told(summary: Summary) -> None:
        rounds.append(names(store))
        if len(rounds) == 1:
            (folder / "b.txt").write_text(f"{PROSE} Two.")
        else:
            stop.set()

    with Learner(store, ME, reading=reading) as learner:
        keep_learnt(learner, [folder], changes_in([folder], stop=stop), told)
    assert rounds == [{"a.txt"}, {"a.txt", "b.txt"}]


def test_it_sleeps_for_seconds_and_tells_of_changes_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleeps: list[int] = []

    def watch(
        *paths: Path, step: int, rust_timeout: int, **others: object
    ) -> Iterator[set[object]]:
        sleeps.extend((step, rust_timeout))
        yield set()
        yield set()
        yield {(1, str(folder / "b.txt"))}

    monkeypatch.setattr(watchfiles, "watch", watch)
    assert list(changes_in([folder])) == [{folder}, {folder / "b.txt"}]
    assert min(sleeps) >= 1000


def test_what_is_not_there_cannot_be_watched(folder: Path) -> None:
    with pytest.raises(OptionError, match="does not exist"):
        changes_in([folder / "nothing"])
