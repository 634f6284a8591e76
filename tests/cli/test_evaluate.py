"""`tecla evaluate`, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CONFIG = """
ways = ["ghost"]
[[systems]]
name = "words"
spec = "frequency:en"
[[corpora]]
name = "talk"
kind = "dialogue"
split = "dev"
files = ["talk.txt"]
"""


def tecla(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tecla", "evaluate", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_a_run_prints_a_table_and_writes_a_report(tmp_path: Path) -> None:
    (tmp_path / "talk.txt").write_text("Good morning.\nThe weather is beautiful.\n")
    (tmp_path / "run.toml").write_text(CONFIG)
    done = tecla(str(tmp_path / "run.toml"), "-o", str(tmp_path / "out"), "--limit", "1")
    assert done.returncode == 0, done.stderr
    assert "talk (dev), asked as ghost" in done.stdout
    assert (tmp_path / "out" / "report.html").read_text().startswith("<!doctype html>")
    again = tecla(str(tmp_path / "run.toml"), "-o", str(tmp_path / "out"))
    assert again.returncode == 2
    assert again.stderr.startswith("tecla: ")
    assert "--resume" in again.stderr
    resumed = tecla(str(tmp_path / "run.toml"), "-o", str(tmp_path / "out"), "--resume")
    assert resumed.returncode == 0, resumed.stderr


def test_a_mistake_in_the_configuration_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(CONFIG.replace("systems", "sytems"))
    done = tecla(str(tmp_path / "run.toml"), "-o", str(tmp_path / "out"))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "did you mean 'systems'" in done.stderr
