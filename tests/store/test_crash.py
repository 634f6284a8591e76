"""Processes that learn and forget, killed at any instant: what was said to be done is done.

A child says what it is about to do and when it has done it. Whatever it was doing when it was
killed has happened or has not; everything before has. The words of each document are its own, so
that what was forgotten can be looked for in the bytes of the files.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from store.children import run, start
from store.made import NO_LIMIT, document, make_key_file
from tecla.store.base import Owner
from tecla.store.documents import VectorModel
from tecla.store.sqlite import SqliteStore

WORK = """
import json, random
from tecla.store.documents import VectorModel
chooser, number = random.Random(int(sys.argv[2])), int(sys.argv[3])
key = sys.argv[4] if len(sys.argv) > 4 else None
store = opened(key_file=key, busy_s=60)
model = VectorModel("tiny", 2)
while True:
    what = chooser.choice(["put"] * 6 + ["remove", "vectors", "feedback", "forget_user"])
    user = chooser.choice(["ana", "bo", "cy"])
    sources = [f"s{chooser.randrange(8)}" for _ in range(chooser.randrange(1, 4))]
    marks = [f"mark{number + at:07}x" for at in range(len(sources))]
    number += len(sources)
    say("begin " + json.dumps([what, user, sources, marks]))
    if what == "put":
        store.documents.put(
            document(Owner("user", user), source, *[f"{mark} and more words. "] * 3)
            for source, mark in zip(sources, marks)
        )
    elif what == "remove":
        store.documents.remove(Owner("user", user), sources)
    elif what == "vectors":
        store.documents.use_vectors_of(model)
        missing = store.documents.without_vector()
        store.documents.put_vectors(model, {each.id: [1, 2] for each in missing})
    elif what == "feedback":
        store.consent.give(user)
        store.feedback.record([event(user=user, time_s=4e9, text=SuggestedText(marks[0], "x"))])
    else:
        store.forget_user(user)
    say("done")
"""
State = dict[tuple[str, str], str]  # the mark of each document


@dataclass
class Expected:
    """What must be in the store, and the marks that must be in no file."""

    state: State = field(default_factory=State)
    texts: dict[str, list[str]] = field(default_factory=dict)  # of feedback
    gone: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)

    def do(self, what: str, user: str, sources: list[str], marks: list[str]) -> None:
        if what == "put":
            for source, mark in zip(sources, marks, strict=True):
                if (user, source) in self.state:
                    self.replaced.add(self.state[user, source])
                self.state[user, source] = mark
        elif what == "feedback":
            self.texts.setdefault(user, []).append(marks[0])
        elif what in ("remove", "forget_user"):
            wanted = [
                (each, source)
                for each, source in self.state
                if each == user and (what == "forget_user" or source in sources)
            ]
            if what == "forget_user":
                self.gone.update(self.texts.pop(user, ()))
            if wanted or what == "forget_user":
                self.gone.update(self.replaced)  # erasing writes the whole file anew
                self.replaced.clear()
            self.gone.update(self.state.pop(each) for each in wanted)


def found(store: SqliteStore) -> tuple[State, dict[str, list[str]]]:
    state, texts = State(), dict[str, list[str]]()
    for each in store.documents.all():
        first, *_ = store.documents.passages_of(each.id)
        state[each.owner.name, each.source] = first.text.split()[0]
    for event in store.feedback.events():
        assert event.text is not None
        texts.setdefault(event.user, []).append(event.text.before)
    return state, texts


def _kill_again_and_again(path: Path, loops: int, seed: int, key: Path | None = None) -> None:
    chooser, expected, number = random.Random(seed), Expected(), 0
    for loop in range(loops):
        more = [] if key is None else [key]
        with start(WORK, path, seed * 10_000 + loop, number, *more) as child:
            assert child.stdout is not None
            said = [child.stdout.readline() for _ in range(chooser.randrange(1, 40))]
            child.kill()
            said += child.stdout.readlines()
        begun: list[Any] | None = None
        for line in said:
            if line.startswith("begin ") and line.endswith("\n"):
                begun = json.loads(line.removeprefix("begin "))
                number += len(begun[2])
            elif line == "done\n" and begun is not None:
                expected.do(*begun)
                begun = None
        number += 10  # a line that was not read to its end
        with SqliteStore.open(path, key_file=key, retention=NO_LIMIT) as store:
            store.check()
            now = found(store)
            if now != (expected.state, expected.texts) and begun is not None:
                expected.do(*begun)  # what it was at has happened
            assert now == (expected.state, expected.texts)
            for mark in list(expected.state.values())[:3]:
                owners = [Owner("user", name) for name in ("ana", "bo", "cy")]
                assert len(store.documents.by_words(mark, owners)) == 3
            for purge in store.derived.to_purge()[1:]:
                store.derived.purged(purge)
        if key is None:
            files = [each.read_bytes() for each in path.parent.iterdir()]
            for mark in sorted(expected.gone)[-300:]:
                assert not any(mark.encode() in file for file in files)
            for mark in expected.state.values():
                assert any(mark.encode() in file for file in files)
    assert expected.gone


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tecla.db"


@pytest.mark.slow
def test_killed_while_learning_and_forgetting(path: Path) -> None:
    _kill_again_and_again(path, loops=8, seed=1)


@pytest.mark.slow
def test_killed_while_learning_and_forgetting_encrypted(path: Path, tmp_path: Path) -> None:
    _kill_again_and_again(path, loops=4, seed=2, key=make_key_file(tmp_path))


@pytest.mark.soak
@pytest.mark.timeout(1800)  # it starts 300 processes, on a machine that may be busy
def test_killed_hundreds_of_times(path: Path, tmp_path: Path) -> None:
    _kill_again_and_again(path, loops=250, seed=3)
    _kill_again_and_again(tmp_path / "other" / "t.db", 50, seed=4, key=make_key_file(tmp_path))


UNTIL_FULL = """
import resource
from tecla.errors import StoreFullError
store, ana = opened(), Owner("user", "ana")
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
kept = 0
try:
    while True:
        texts = [f"keptword{kept:05} part {part} " + "filler " * 90 for part in range(5)]
        store.documents.put([document(ana, f"s{kept}", *texts)])
        kept += 1
except StoreFullError as error:
    say(error.code)
for _ in range(2):
    try:
        store.documents.remove(ana, ["s0"])
    except StoreFullError as error:
        say(error.code)
say(kept)
os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit_bytes", [300_000, 2_000_000])
def test_documents_on_a_full_disk(path: Path, limit_bytes: int) -> None:
    status, said = run(UNTIL_FULL, path, limit_bytes)
    assert status == 0, said
    *codes, kept = said.split()
    assert codes[0] == "store_full"
    ana = Owner("user", "ana")
    with SqliteStore.open(path, retention=NO_LIMIT) as store:
        store.check()
        sources = [each.source for each in store.documents.all()]
        everything = [f"s{at}" for at in range(int(kept))]
        assert sources in (everything, everything[1:])
        for at in (1, int(kept) - 1):
            assert len(store.documents.by_words(f"keptword{at:05}", [ana])) == 5
        store.documents.remove(ana, ["s0"])
        store.documents.put([document(ana, "more", "text")])
        store.forget_user("ana")
        files = [each.read_bytes() for each in path.parent.iterdir()]
        assert not any(b"keptword" in file for file in files)


READ_ON = """
store, ana = opened(), Owner("user", "ana")
say("ready")
while not path.with_name("over").exists():
    documents = list(store.documents.all([ana]))
    assert len(documents) % 5 == 0, len(documents)
    texts = [each.text for each in store.documents.passages(ana)]
    for hit in store.documents.by_words("common", [ana, Owner("user", "bo")], limit=50):
        assert hit.passage.owner in (ana, Owner("user", "bo"))
    store.documents.by_vector([1, 0], [ana])
say("fine")
"""


@pytest.mark.slow
def test_readers_are_not_in_the_way_of_the_writer(path: Path) -> None:
    ana, model = Owner("user", "ana"), VectorModel("tiny", 2)
    with SqliteStore.open(path, retention=NO_LIMIT, busy_s=60) as store:
        store.documents.use_vectors_of(model)
        with start(READ_ON, path) as one, start(READ_ON, path) as other:
            for child in (one, other):
                assert child.stdout is not None
                assert child.stdout.readline() == "ready\n"
            for at in range(12):
                store.documents.put(
                    document(ana, f"s{at}-{part}", "common words", "more") for part in range(5)
                )
                missing = store.documents.without_vector()
                store.documents.put_vectors(model, {each.id: [1, at] for each in missing})
                if at % 4 == 3:
                    store.forget_user("ana")
            path.with_name("over").touch()
            for child in (one, other):
                said, _ = child.communicate(timeout=60)
                assert (child.returncode, said) == (0, "fine\n")
        store.check()
