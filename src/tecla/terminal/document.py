r"""A text file that is edited: read whole, saved whole or not at all.

Line breaks are `\n` inside and what they were outside; a byte order mark stays. A file that is not
UTF-8 is refused rather than damaged.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tecla.errors import InvalidTextError, OptionError
from tecla.files import replacing

_MARK = b"\xef\xbb\xbf"
MOST_BYTES = 16 << 20


@dataclass(slots=True)
class Document:
    """A file and what it held when it was last read or written (`None`: it is not there yet)."""

    path: Path | None
    text: str
    line_break: str = "\n"
    has_mark: bool = False
    saved: bytes | None = None

    @classmethod
    def open(cls, path: Path | None) -> Document:
        """Read a file; a new one is empty.

        Raises `OptionError` if it cannot be read or is too large, `InvalidTextError` if it is not
        UTF-8.
        """
        if path is None:
            return cls(None, "")
        try:
            if path.is_dir():
                raise OptionError(f"{str(path)!r} is a folder; give a file")
            if not path.exists():
                return cls(path, "")
            size = path.stat().st_size
            if size > MOST_BYTES:
                raise OptionError(
                    f"{str(path)!r} has {size} bytes; {MOST_BYTES} are the most: split it"
                )
            data = path.read_bytes()
        except OSError as error:
            raise OptionError(f"cannot read {str(path)!r}: {error.strerror}") from error
        has_mark = data.startswith(_MARK)
        try:
            text = data[len(_MARK) * has_mark :].decode()
        except UnicodeDecodeError as error:
            raise InvalidTextError(
                f"{str(path)!r} is not UTF-8 at byte {error.start}; convert it first"
            ) from None
        breaks = "\r\n" if "\r\n" in text and "\n" not in text.replace("\r\n", "") else "\n"
        return cls(path, text.replace(breaks, "\n"), breaks, has_mark, data)

    def is_changed(self, text: str) -> bool:
        """Whether saving `text` would change the file."""
        return self._bytes(text) != self.saved and not (self.saved is None and not text)

    def is_changed_outside(self) -> bool:
        """Whether somebody else has written the file since."""
        if self.path is None:
            return False
        try:
            return self.path.read_bytes() != self.saved
        except FileNotFoundError:
            return self.saved is not None
        except OSError:
            return False

    def save(self, text: str) -> None:
        """Put `text` in the place of what the file held, with its permissions; links stay links.

        Raises `OptionError` if it cannot be written; what stood there then stays.
        """
        if self.path is None:
            raise OptionError("the text has no file; start with a name: tecla type FILE")
        target = Path(os.path.realpath(self.path))
        data = self._bytes(text)
        try:
            with replacing(target) as part, part.open("wb") as file:
                if target.exists():
                    part.chmod(target.stat().st_mode & 0o7777)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OptionError(f"cannot write {str(self.path)!r}: {error.strerror}") from error
        self.text, self.saved = text, data

    def _bytes(self, text: str) -> bytes:
        data = text.replace("\n", self.line_break).encode()
        return _MARK + data if self.has_mark else data
