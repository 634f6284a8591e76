"""Learners that are killed at any instant: the store opens, and learning again finishes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from learning.files import PROSE, eml, mbox
from tecla.learning.learner import Learner
from tecla.learning.reading import Reading
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

ME = Owner("user", "local")
LEARN = """
import sys
from pathlib import Path
from tecla.learning.learner import Learner
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

with SqliteStore.open(Path(sys.argv[1]), busy_s=60) as store:
    with Learner(store, Owner("user", "local")) as learner:
        print("begun", flush=True)
        learner.learn([Path(sys.argv[2])])
"""


def write(folder: Path, round_: int) -> dict[str, str]:
    """A folder that differs in each round; what is to be learnt of it, by name."""
    expected = {}
    for path in folder.iterdir():
        path.unlink()
    for number in range(12):
        if (number + round_) % 4:
            name, text = f"{number}.txt", f"{PROSE} File {number} of round {round_ // 3}."
            (folder / name).write_text(text)
            os.utime(folder / name, (1000 + round_ // 3, 1000 + round_ // 3))
            expected[name] = text
    mails = [f"{PROSE} Mail {number}." for number in range(round_ % 5, 30)]
    (folder / "a.mbox").write_bytes(mbox([eml(mail) for mail in mails]))
    expected["a.mbox"] = "".join(sorted(mails))
    return expected


def kept(store: SqliteStore) -> dict[str, str]:
    pieces: dict[str, dict[str, str]] = {}
    for passage in store.documents.passages(ME):
        name = Path(passage.source.partition("#")[0]).name
        texts = pieces.setdefault(name, {})
        texts[passage.source] = texts.get(passage.source, "") + passage.text
    return {name: "".join(sorted(texts.values())) for name, texts in pieces.items()}


def _kill_again_and_again(tmp_path: Path, reading: Reading, rounds: int, seed: int) -> None:
    chooser = random.Random(seed)
    folder, path = tmp_path / "folder", tmp_path / "store" / "tecla.db"
    folder.mkdir()
    command = [sys.executable, "-c", LEARN, str(path), str(folder)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for round_ in range(rounds):
        expected = write(folder, round_)
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as child:
            assert child.stdout is not None
            if chooser.random() < 0.8:
                child.stdout.readline()
                time.sleep(chooser.random() * 1.2)  # reading begins after half a second
            else:
                time.sleep(chooser.random() * 0.4)
            child.kill()
        with SqliteStore.open(path, busy_s=60) as store:
            store.check()
            # Whatever is there is whole: a text of this round, or one of an earlier one.
            for text in kept(store).values():
                assert text.startswith(PROSE)
                assert text.endswith(".")
            Learner(store, ME, reading=reading).learn([folder])
            assert kept(store) == expected
            assert Learner(store, ME, reading=reading).learn([folder]).changed is False


@pytest.mark.slow
def test_learners_that_are_killed_are_followed_by_one_that_finishes(
    tmp_path: Path, reading: Reading
) -> None:
    _kill_again_and_again(tmp_path, reading, rounds=4, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(3600)  # it starts 300 processes, on a machine that may be busy
def test_many_learners_that_are_killed(tmp_path: Path, reading: Reading) -> None:
    _kill_again_and_again(tmp_path, reading, rounds=300, seed=2)
