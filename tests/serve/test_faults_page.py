"""The page of faults: every test that it names is there, and every close code is on it."""

from __future__ import annotations

import re
from pathlib import Path

from tecla.serve import socket_route

HERE = Path(__file__).parent
PAGE = (HERE.parent.parent / "docs" / "faults.md").read_text(encoding="utf-8")
SOURCES = "".join(path.read_text(encoding="utf-8") for path in sorted(HERE.glob("test_*.py")))


def test_every_row_names_tests_that_are_there() -> None:
    known = dict.fromkeys(re.findall(r"^def (test_\w+)", SOURCES, re.MULTILINE))
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "test_" in line]
    assert len(rows) > 25
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row.rsplit("|", 2)[1])
        assert named, row
        assert set(named) <= known.keys(), row


def test_every_close_code_is_told() -> None:
    told = re.findall(r"\b(?:1\d{3}|4\d{3})\b", PAGE.split("## How a session ends")[1])
    for name in ("NONSENSE", "OUT_OF_STEP", "NO_KEY", "SLOW", "CROWDED", "ENDED"):
        assert str(getattr(socket_route, name)) in told
