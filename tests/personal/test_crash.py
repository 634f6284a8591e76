"""Processes are killed at any instant of adding, merging, removing, learning and forgetting.

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


def run(what: str, folder: Path, n_rounds: int, seed: int, how: str) -> None:
    child = subprocess.run(
        [sys.executable, str(dying.__file__), what, str(folder), str(n_rounds), str(seed), how],
        capture_output=True,
        text=True,
        timeout=1200,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
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
