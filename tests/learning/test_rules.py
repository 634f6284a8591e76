"""Which rule decides: own patterns, then `.teclaignore`, then `.gitignore`, then what is usual."""

from __future__ import annotations

from pathlib import Path

import pytest

from tecla.learning.rules import Rules


def left_out(rules: Rules, folder: Path, *names: str) -> list[str]:
    return [name for name in names if rules.leave_out(folder / name, is_folder=False)]


@pytest.fixture
def inner(tmp_path: Path) -> Path:
    """A folder below whose rules for git take all notes back."""
    made = tmp_path / "inner"
    made.mkdir()
    (made / ".gitignore").write_text("*\n!*.md\n")
    return made


def test_what_is_excluded_is_never_taken_back(tmp_path: Path, inner: Path) -> None:
    (inner / ".teclaignore").write_text("!*.md\n")
    rules = Rules.of(tmp_path, ("*.draft.md",)).inside(inner)
    assert left_out(rules, inner, "a.md", "a.draft.md", "a.txt") == ["a.draft.md", "a.txt"]


def test_a_teclaignore_decides_over_every_gitignore(tmp_path: Path, inner: Path) -> None:
    (tmp_path / ".teclaignore").write_text("diary*\n!kept.txt\n")
    rules = Rules.of(tmp_path).inside(inner)
    names = ("diary.md", "a.md", "kept.txt", "a.txt")
    assert left_out(rules, inner, *names) == ["diary.md", "a.txt"]


def test_the_innermost_of_two_teclaignores_decides(tmp_path: Path, inner: Path) -> None:
    (tmp_path / ".teclaignore").write_text("diary*\n")
    (inner / ".teclaignore").write_text("!diary.md\n")
    rules = Rules.of(tmp_path).inside(inner)
    assert left_out(rules, inner, "diary.md", "diary2.md") == ["diary2.md"]


def test_the_first_rule_holds_behind_a_mark_of_byte_order(tmp_path: Path) -> None:
    (tmp_path / ".teclaignore").write_bytes(b"\xef\xbb\xbfdiary.md\r\nother.md\r\n")
    names = ("diary.md", "other.md", "a.md")
    assert left_out(Rules.of(tmp_path), tmp_path, *names) == ["diary.md", "other.md"]
