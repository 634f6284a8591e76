"""Finding the files to learn: those that were named, and those in folders that were named.

Links are not followed, so nothing outside a folder is ever learnt with it, and a ring of links has
no end to be lost in. What is found is in the order of the names, the same every time.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tecla.errors import OptionError
from tecla.learning.base import Limits, Reason, UnreadableError
from tecla.learning.encoding import encoding_of
from tecla.learning.kinds import Kind, kind_of, most_bytes
from tecla.learning.rules import Rules
from tecla.store.documents import MOST_SOURCE_CHARS

_HEAD_BYTES: Final = 4096
_ROOM_CHARS: Final = 64  # of a source, for the name of a text within its file


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be learnt. path: absolute, as its folder was named, links resolved."""

    path: Path
    kind: Kind
    size_bytes: int
    time_s: float


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is not learnt, and why."""

    path: Path
    reason: Reason


def roots_of(paths: Sequence[Path]) -> list[Path]:
    """The files and folders that were named, absolute, none within another.

    Raises `OptionError` for what is not there, or is neither.
    """
    found = []
    for path in paths:
        try:
            real = path.expanduser().resolve(strict=True)
        except (OSError, RuntimeError):
            raise OptionError(f"cannot learn {str(path)!r}: it does not exist") from None
        if not real.is_dir() and not real.is_file():
            raise OptionError(f"cannot learn {str(path)!r}: it is neither a file nor a folder")
        found.append(real)
    inner = {root for root in found for other in found if other in root.parents}
    return [root for root in dict.fromkeys(found) if root not in inner]


def walk(root: Path, exclude: Sequence[str], limits: Limits) -> Iterator[Found | Skipped]:
    """What is to be learnt below `root`, and what is not. A file that is named has no rules."""
    if root.is_dir():
        yield from _folder(root, Rules.of(root, exclude), limits)
    else:
        yield _looked_at(root, limits, named=True)


def _folder(top: Path, rules: Rules, limits: Limits) -> Iterator[Found | Skipped]:
    waiting = [(top, rules, True)]  # folders and files, the next one last
    while waiting:
        path, above, is_folder = waiting.pop()
        if not is_folder:
            yield _looked_at(path, limits, named=False)
            continue
        here = above if path is top else above.inside(path)
        try:
            with os.scandir(path) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            yield Skipped(path, "unreadable")
            continue
        inner = []
        for entry in found:
            each = path / entry.name
            if here.leave_out(each, is_folder=entry.is_dir(follow_symlinks=False)):
                if not entry.name.startswith("."):
                    yield Skipped(each, "ignored")
            elif entry.is_symlink():
                yield Skipped(each, "link")
            elif entry.is_dir(follow_symlinks=False) or entry.is_file(follow_symlinks=False):
                inner.append((each, here, entry.is_dir(follow_symlinks=False)))
        waiting += reversed(inner)


def _looked_at(path: Path, limits: Limits, *, named: bool) -> Found | Skipped:
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError:
        return Skipped(path, "name")
    if len(str(path)) > MOST_SOURCE_CHARS - _ROOM_CHARS:
        return Skipped(path, "name")
    try:
        kind = kind_of(path)
        if kind is None:
            kind = _by_content(path, named=named)
        facts = path.stat()
    except OSError:
        return Skipped(path, "unreadable")
    except UnreadableError as unreadable:
        return Skipped(path, unreadable.reason)
    if kind is None or not stat.S_ISREG(facts.st_mode):
        return Skipped(path, "kind")
    if facts.st_size > most_bytes(kind, limits):
        return Skipped(path, "too_large")
    return Found(path, kind, facts.st_size, facts.st_mtime)


def _by_content(path: Path, *, named: bool) -> Kind | None:
    """What the first bytes say; a file that somebody has named is learnt if it is text at all."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    found = kind_of(path, head)
    if found is None and named:
        encoding_of(head)
        return "text"
    return found
