"""Files that are whole or not there, and what their content is told by."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name beside `path` to write under; what was written takes its place when all went well.

    Nothing is left behind otherwise, and what stood at `path` stays. Raises `OSError`.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.unlink(missing_ok=True)
        yield part
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal; of a folder, that of its files' names and hashes."""
    if path.is_dir():
        named = [f"{file.name} {sha256_of(file)}\n" for file in files_in(path)]
        return hashlib.sha256("".join(named).encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(path: Path) -> int:
    """The bytes of a file, or of the files in a folder."""
    files = files_in(path) if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)


def files_in(folder: Path) -> list[Path]:
    """The files of a folder, without those of folders in it, by name."""
    return sorted(file for file in folder.iterdir() if file.is_file())
