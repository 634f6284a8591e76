"""NOTICE lists where every file of data comes from."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def listed() -> list[tuple[str, str, str]]:
    """The rows of the table in NOTICE: path, source, licence."""
    text = (ROOT / "NOTICE").read_text(encoding="utf-8")
    table = text.split("--- | --- | ---\n", 1)[1]
    rows = [[cell.strip() for cell in re.split(r"\s\|\s?", line)] for line in table.splitlines()]
    assert all(len(row) == 3 for row in rows if row != [""]), "a row is `path | source | licence`"
    return [(row[0], row[1], row[2]) for row in rows if row != [""]]


def shipped() -> set[str]:
    """Every file of data in the checkout, as NOTICE would name it."""
    folders = [ROOT / "tests" / "data", *(ROOT / "src" / "tecla").rglob("data")]
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}


def test_every_data_file_is_listed() -> None:
    assert shipped() - {path for path, _, _ in listed()} == set()


def test_every_listed_path_exists() -> None:
    assert [path for path, _, _ in listed() if not (ROOT / path).is_file()] == []


def test_every_row_names_source_and_licence_once() -> None:
    rows = listed()
    assert [row for row in rows if not all(row)] == []
    assert len({path for path, _, _ in rows}) == len(rows)
