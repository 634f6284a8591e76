"""Several processes on one index, and processes that are killed at any instant of changing it.

What was acknowledged is there, what was removed is gone from every file, and what is found is
whole (`dying.py`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from personal import dying
from tecla.personal.index import Index
from tecla.personal.vocabulary import Vocabulary

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
WRITE = """
import sys
from pathlib import Path
from tecla.personal.index import Index
from tecla.personal.segment import Row
from tecla.personal.vocabulary import Vocabulary

first = int(sys.argv[2])
with Index(Path(sys.argv[1]), Vocabulary(500)) as index:
    for number in range(first, first + 12):
        index.add([Row(number, [number, 1, number])])
        assert number in index.documents
        if number % 3 == 2:
            assert index.remove([number]) == 1
        index.tidy()
"""


@pytest.mark.slow
def test_processes_take_turns(tmp_path: Path) -> None:
    folder = tmp_path / "owner" / "print"
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WRITE, str(folder), str(first)],
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        for first in (10, 110, 210)
    ]
    for child in children:
        _, said = child.communicate(timeout=240)
        assert child.returncode == 0, said
    with Index(folder, Vocabulary(500)) as index:
        index.check()
        kept = {first + n for first in (10, 110, 210) for n in range(12) if (first + n) % 3 != 2}
        assert index.documents == kept
        assert index.matches([1], 1)[0].count == len(kept)


def run(what: str, folder: Path, n_rounds: int, seed: int, how: str) -> None:
    child = subprocess.run(
        [sys.executable, str(dying.__file__), what, str(folder), str(n_rounds), str(seed), how],
        capture_output=True,
        text=True,
        timeout=1200,
        env=ENVIRONMENT,
    )
    assert (child.returncode, child.stdout) == (0, "held\n"), child.stderr


@pytest.mark.slow
@pytest.mark.parametrize("how", ["counted", "timed"])
@pytest.mark.parametrize("what", ["index", "store"])
def test_nothing_is_lost_and_nothing_returns(tmp_path: Path, what: str, how: str) -> None:
    run(what, tmp_path, 10, 1, how)


@pytest.mark.soak
@pytest.mark.timeout(1300)
@pytest.mark.parametrize("how", ["counted", "timed"])
@pytest.mark.parametrize("what", ["index", "store"])
def test_nothing_is_lost_and_nothing_returns_in_hundreds_of_rounds(
    tmp_path: Path, what: str, how: str
) -> None:
    run(what, tmp_path, 300, 2, how)
