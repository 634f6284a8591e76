"""Which segments an index consists of: one small file, replaced at once.

Whoever reads it sees an index as it was after one of its changes, never between two. It holds
numbers alone. The first line is the sum of the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from tecla.errors import StoreError, StoreFormatError, StoreFullError
from tecla.files import replacing

NAME: Final = "manifest"
_FORMAT: Final = 1
_FILE = re.compile(r"\d{12}-[0-9a-f]{8}\.segment")
NO_ROOM: Final = frozenset({28, 122})  # ENOSPC, EDQUOT


@dataclass(frozen=True, slots=True)
class Entry:
    """One segment: its file, and how many documents and tokens it holds."""

    file: str
    documents: int
    tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An index after one of its changes.

    number: of the change. store: the identity of the store it was made from, and version: the
    owner's there. vocabulary: number of ids. sealed: whether the segments are encrypted. stamp:
    made anew with every change.
    """

    vocabulary: int
    sealed: bool
    store: str = ""
    version: int | None = None
    number: int = 0
    entries: tuple[Entry, ...] = ()
    stamp: str = field(default_factory=lambda: secrets.token_hex(8))

    def new_file(self) -> str:
        """A name for one more segment, in which nothing says what it holds."""
        return f"{self.number + 1:012d}-{secrets.token_hex(4)}.segment"


def read_manifest(folder: Path) -> Manifest | None:
    """What stands in a folder; `None` where nothing does. Raises `StoreFormatError`."""
    path = folder / NAME
    try:
        digest, _, body = path.read_bytes().partition(b"\n")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(f"cannot read {str(path)!r}: {error.strerror}") from error
    refused = StoreFormatError(f"{str(path)!r} is damaged; it can be made anew from the store")
    if _sum(body) != digest:
        raise refused
    held = json.loads(body)
    if held.pop("format") != _FORMAT:
        raise StoreFormatError(
            f"{str(path)!r} is of another version of tecla; it can be made anew from the store"
        )
    entries = tuple(Entry(**entry) for entry in held.pop("entries"))
    if not all(_FILE.fullmatch(entry.file) for entry in entries):
        raise refused
    return Manifest(entries=entries, **held)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace what stands in a folder; on the disk when it returns. Raises `StoreError`."""
    path = folder / NAME
    body = json.dumps({"format": _FORMAT, **asdict(manifest)}).encode()
    try:
        with replacing(path) as part:
            file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(file, "wb") as written:
                written.write(_sum(body) + b"\n" + body)
                written.flush()
                os.fsync(file)
        synced(folder)
    except OSError as error:
        raise not_written(path, error) from error


def synced(folder: Path) -> None:
    """Have the names in a folder on the disk. Raises `OSError`."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def not_written(path: Path, error: OSError) -> StoreError:
    """The error of a file that could not be written."""
    if error.errno in NO_ROOM:
        return StoreFullError(
            f"the disk takes no more of {str(path)!r}; what was kept is still there: make room"
        )
    return StoreError(f"cannot write {str(path)!r}: {error.strerror or error}")


def _sum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).hexdigest().encode()
