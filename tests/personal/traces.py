"""Whether a folder holds a text, or its tokens, in any form that tecla or SQLite writes.

A canary is looked for as text (UTF-8, UTF-16 both ways) and as a row of token ids: 2, 4 and 8 bytes
each, low and high byte first, forwards and backwards. In the bytes of every file, in every file's
name, and in whatever is compressed inside (zlib, gzip, zip, xz, bz2), also inside one another; a
file that is zstd throughout cannot be looked into here, and is an error. Windows of the canary are
looked for, not the whole, so a part of it is found too. `unseal` gives in plain what is encrypted.
"""

from __future__ import annotations

import bz2
import contextlib
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

_DEPTH = 3  # of what is compressed in what is compressed
_MOST_BYTES = 1 << 26  # of one unpacked piece
_WIDTHS = ("u2", "u4", "i8")
_ZSTD = b"\x28\xb5\x2f\xfd"
Row = TypeVar("Row", str, list[int])


class Trace(NamedTuple):
    """Where something of a canary was found, and as what."""

    place: str
    form: str


class Canary:
    """What is looked for: windows of a text and of its tokens, in every form."""

    def __init__(
        self,
        text: str = "",
        tokens: Iterable[Sequence[int]] = (),
        *,
        window_chars: int = 12,
        window_tokens: int = 4,
    ) -> None:
        """`tokens`: a row for each tokenizer. What is shorter than a window is looked for whole."""
        self.forms: dict[bytes, str] = {}
        for part in _windows(text, window_chars):
            for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
                self.forms[part.encode(encoding)] = encoding
        for row in tokens:
            for part in _windows(list(row), window_tokens):
                for width in _WIDTHS:
                    for low in "<>":
                        for way, ids in (("forwards", part), ("backwards", part[::-1])):
                            with contextlib.suppress(OverflowError):
                                data = np.array(ids, low + width).tobytes()
                                self.forms[data] = f"ids {low}{width} {way}"

    def traces(
        self, folder: Path, unseal: Callable[[Path, bytes], bytes | None] | None = None
    ) -> list[Trace]:
        """Everything found in the files below `folder`, and in their names.

        `unseal` gets a file's name and bytes, and gives what they are in plain, if it knows.
        """
        found: list[Trace] = []
        for path in sorted(folder.rglob("*")):
            name = str(path.relative_to(folder))
            found += [Trace(f"name {name}", form) for form in self._in(name.encode())]
            if not path.is_file():
                continue
            data = path.read_bytes()
            assert not data.startswith(_ZSTD), f"{name} cannot be looked into"
            pieces = list(opened(data))
            if unseal is not None and (plain := unseal(path, data)) is not None:
                pieces += [("unsealed", plain), *opened(plain)]
            for way, piece in [("", data), *pieces]:
                found += [Trace(f"{name} {way}".strip(), form) for form in self._in(piece)]
        return found

    def _in(self, data: bytes) -> list[str]:
        return sorted({form for part, form in self.forms.items() if part in data})


def opened(data: bytes, depth: int = _DEPTH) -> Iterator[tuple[str, bytes]]:
    """What is compressed somewhere in `data`, and in that, with how it was packed."""
    if not depth:
        return
    for way, piece in _unpacked(data):
        yield way, piece
        yield from ((f"{way} in {outer}", inner) for outer, inner in opened(piece, depth - 1))


def _unpacked(data: bytes) -> Iterator[tuple[str, bytes]]:
    for mark, way, unpack in (
        (b"\x1f\x8b\x08", "gzip", _inflated(31)),
        (b"\x78\x01", "zlib", _inflated(15)),
        (b"\x78\x5e", "zlib", _inflated(15)),
        (b"\x78\x9c", "zlib", _inflated(15)),
        (b"\x78\xda", "zlib", _inflated(15)),
        (b"\xfd7zXZ\x00", "xz", lambda piece: lzma.LZMADecompressor().decompress(piece)),
        (b"BZh", "bz2", lambda piece: bz2.BZ2Decompressor().decompress(piece)),
    ):
        view, place = memoryview(data), data.find(mark)
        while place >= 0:
            with contextlib.suppress(zlib.error, lzma.LZMAError, OSError, ValueError, EOFError):
                piece = unpack(view[place:])
                if piece:
                    yield f"{way} at {place}", piece
            place = data.find(mark, place + 1)
    if b"PK\x05\x06" in data:
        foreign = contextlib.suppress(zipfile.BadZipFile, OSError, ValueError, RuntimeError)
        with foreign, zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.namelist():
                yield f"zip {member}", archive.read(member)


def _inflated(window: int) -> Callable[[memoryview], bytes]:
    return lambda piece: zlib.decompressobj(window).decompress(piece, _MOST_BYTES)


def _windows(row: Row, size: int) -> list[Row]:
    if not row:
        return []
    return [row[start : start + size] for start in range(max(1, len(row) - size + 1))]
