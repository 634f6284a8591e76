"""What the files of a store are called: its own, and those that come and go beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_BESIDE: Final = ("-wal", "-shm", "-journal")  # SQLite's, beside a file that it has open


def beside(path: Path) -> list[Path]:
    """What SQLite writes beside a file."""
    return [path.with_name(f"{path.name}{ending}") for ending in _BESIDE]


def lock_of(path: Path) -> Path:
    """The file whose lock keeps other processes from writing."""
    return path.with_name(f"{path.name}.lock")


def new_of(path: Path) -> Path:
    """What a file is called while it is made, or written under another key."""
    return path.with_name(f"{path.name}.new")


def files_of(path: Path) -> list[Path]:
    """Every file that a store writes, whether or not it is there; the first is its own."""
    new = new_of(path)
    return [path, *beside(path), lock_of(path), new, *beside(new)]
