"""Files that sessions are saved in: whole or not there, and for their owner's eyes only."""

from __future__ import annotations

import os
from pathlib import Path

from tecla.errors import OptionError
from tecla.files import replacing


def checked_target(path: Path | str) -> Path:
    """The path of a file that can be written; raises `OptionError` for any other.

    What is there already must be an ordinary file: a device or a folder is never replaced.
    """
    target = _path("save to", path)
    try:
        ordinary = target.is_file() or not target.exists()
    except OSError as error:
        raise OptionError(f"cannot save to {str(path)!r}: {error.strerror}") from error
    if not ordinary:
        raise OptionError(f"cannot save to {str(path)!r}: it is no ordinary file; name a file")
    if not target.name or not target.parent.is_dir():
        raise OptionError(f"cannot save to {str(path)!r}: its folder does not exist; make it first")
    return target


def write_private(target: Path, data: bytes) -> None:
    """Write a file at once, readable by its owner alone; raises `OptionError` if that fails."""
    try:
        with replacing(target) as part:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
    except OSError as error:
        raise OptionError(
            f"cannot save to {str(target)!r}: {error.strerror}; name another file"
        ) from error


def read_saved(path: Path | str) -> bytes:
    """What a file holds; raises `OptionError` if it cannot be read."""
    target = _path("restore from", path)
    try:
        return target.read_bytes()
    except OSError as error:
        raise OptionError(
            f"cannot restore from {str(path)!r}: {error.strerror}; name a file that was saved"
        ) from error


def _path(what: str, path: object) -> Path:
    if not isinstance(path, str | Path) or "\0" in str(path):
        raise OptionError(f"cannot {what} {path!r}: it is no path; name a file")
    return Path(path)
