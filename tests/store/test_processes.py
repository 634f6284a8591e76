"""Several processes on one file, and processes that are killed: whole batches or nothing."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import pytest

from store.children import KILLED, run, start
from store.made import NO_LIMIT
from tecla.store.base import Store
from tecla.store.sqlite import SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store" / "tecla.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    with SqliteStore.open(path, retention=NO_LIMIT) as opened:
        yield opened


def batches(store: Store) -> list[tuple[str, int]]:
    """Runs of events of one batch (`name-number` is the suggestion) and how long they are."""
    names = [each.suggestion for each in store.feedback.events()]
    return [(name, len(list(run))) for name, run in groupby(names)]


WRITE = """
store, name = opened(busy_s=60), sys.argv[2]
for number in range(int(sys.argv[3])):
    store.feedback.record([event(f"{name}-{number}")] * 7)
    if number % 10 == 3:
        assert sum(1 for _ in store.feedback.events()) % 7 == 0
    if number % 20 == 5:
        store.forget_user("nobody")
    say(number)
store.close()
"""


@pytest.mark.slow
def test_processes_take_turns(path: Path) -> None:
    """All of them begin with making the file."""
    with ExitStack() as stack:
        children = [
            stack.enter_context(start(WRITE, path, name, 40)) for name in ("a", "b", "c", "d")
        ]
        for child in children:
            child.communicate(timeout=120)
        assert [child.returncode for child in children] == [0] * 4
    with SqliteStore.open(path, retention=NO_LIMIT) as store:
        assert all(length % 7 == 0 for _, length in batches(store))
        names = [each.suggestion for each in store.feedback.events()]
        for name in ("a", "b", "c", "d"):
            mine = [each for each in names if each.startswith(f"{name}-")]
            assert mine == [f"{name}-{number}" for number in range(40) for _ in range(7)]
        store.check()


UNFINISHED = """
store = opened()
store.feedback.record([event("whole")])
with store._file.writing() as connection:
    connection.execute("PRAGMA cache_size = 10")
    connection.execute("UPDATE feedback SET suggestion = 'half'")
    for _ in range(20):
        connection.execute("INSERT INTO feedback SELECT id + (SELECT MAX(id) FROM feedback), "
            "kind, hex(randomblob(300)), time_s, user, source, collection, language, typed_chars, "
            "words_before, raw_probability, calibrated_probability, shown_chars, shown_words, "
            "accepted_chars, accepted_words, saved_keys, NULL, NULL FROM feedback LIMIT 500")
    die()
"""


@pytest.mark.slow
def test_a_process_that_dies_in_a_transaction_leaves_the_one_before(path: Path) -> None:
    assert run(UNFINISHED, path)[0] == KILLED
    with SqliteStore.open(path, retention=NO_LIMIT) as store:
        assert batches(store) == [("whole", 1)]
        store.check()


WRITE_BEHIND = """
from tecla.store.buffer import FeedbackBuffer
store, name = opened(), sys.argv[2]
buffer = FeedbackBuffer(store.feedback, interval_s=0.002)
for number in range(int(sys.argv[3])):
    for _ in range(7):
        buffer.add(event(f"{name}-{number}"))
    if number % 5 == 0:
        buffer.flush()
        say(number)
"""


def _kill_again_and_again(path: Path, loops: int, seed: int) -> None:
    """Children that write, killed at any moment; what they said was written must be there."""
    chooser = random.Random(seed)
    expected: dict[str, int] = {}
    for loop in range(loops):
        code = WRITE_BEHIND if loop % 2 else WRITE
        with start(code, path, f"p{loop}", 100_000) as child:
            assert child.stdout is not None
            for _ in range(chooser.randrange(1, 30)):
                said = child.stdout.readline()
            child.kill()
            expected[f"p{loop}"] = int((said + child.stdout.read()).split()[-1])
    with SqliteStore.open(path, retention=NO_LIMIT) as store:
        store.check()
        found: dict[str, list[int]] = {}
        lengths = {}
        for name, length in batches(store):
            process, number = name.split("-")
            found.setdefault(process, []).append(int(number))
            lengths[name] = length
    for process, last in expected.items():
        numbers = found[process]
        assert numbers == list(range(len(numbers)))  # nothing is missing in the middle
        assert len(numbers) > last  # what it said was written is there
        written = [lengths[f"{process}-{number}"] for number in range(last + 1)]
        assert set(written) == {7}


@pytest.mark.slow
def test_killed_writers_lose_only_what_was_not_written(path: Path) -> None:
    _kill_again_and_again(path, loops=6, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(1800)  # it starts 300 processes, on a machine that may be busy
def test_many_killed_writers_lose_only_what_was_not_written(path: Path) -> None:
    _kill_again_and_again(path, loops=300, seed=2)
