"""Looking for what was forgotten in every file there is, to show that nothing is left.

Before forgetting, pieces of the texts are chosen that stand nowhere else in the store; they are
looked for in the bytes of all files, before (to show that the search can find them) and after. Each
piece is looked for as UTF-8 and UTF-16, as it is and in small letters, as JSON writes it, and
inside blocks that zlib, gzip or a ZIP archive have packed, wherever they lie in a file.

The files are read as they lie on the disk, so no store may be open in this process meanwhile: a
process that opens and closes a file gives up the locks that it holds on it.
"""

from __future__ import annotations

import json
import mmap
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import regex

MOST_PIECES: Final = 24
LEAST_CHARS: Final = 24
_MOST_CHARS: Final = 48
_SPREAD: Final = 2  # texts are looked at more sparsely where there are more than half as many
_CHUNK_BYTES: Final = 1 << 22
_OVERLAP_BYTES: Final = 4096
_PACKED: Final = regex.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08|PK\x03\x04")
_MOST_UNPACKED: Final = 64_000_000
_NOT_OURS: Final = frozenset({".gguf", ".safetensors"})  # models: nothing of a user is in them
_ZIP_HEADER_BYTES: Final = 30
_PACKED_BYTES: Final = 1 << 14  # taken at once: what only begins like a block costs no more

Spell = Callable[[str], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Traces:
    """What a search has found. hits: bytes of pieces that were met, and in which files."""

    pieces: int
    files: int
    bytes_read: int
    hits: dict[Path, int] = field(default_factory=dict, repr=False)

    @property
    def found(self) -> int:
        """How many times something was met, in all files."""
        return sum(self.hits.values())


def pieces_of(gone: Iterable[str], staying: Callable[[], Iterable[str]]) -> list[str]:
    """Up to `MOST_PIECES` pieces of texts that go, which stand in none that stays.

    `staying` gives the texts that stay; it is called once.
    """
    texts = list(gone)
    step = max(1, _SPREAD * len(texts) // MOST_PIECES)
    each = max(_SPREAD, MOST_PIECES // max(1, len(texts)))
    chosen = [piece for text in texts[::step] for piece in _some_of(text, each)]
    for text in staying():
        if not chosen:
            break
        chosen = [piece for piece in chosen if piece not in text]
    chosen = list(dict.fromkeys(chosen))
    return chosen[:: max(1, -(-len(chosen) // MOST_PIECES))]


def search(pieces: Sequence[str], places: Sequence[Path], *, spell: Spell | None = None) -> Traces:
    """Look for pieces in files, and in all of folders. `spell` gives further forms of a piece."""
    forms = sorted({form for piece in pieces for form in forms_of(piece, spell)}, key=len)
    files = read = 0
    hits: dict[Path, int] = {}
    for path in files_in(places):
        try:
            found, size = _in_file(path, forms)
        except OSError:
            continue  # gone meanwhile: then there is nothing in it
        files, read = files + 1, read + size
        if found:
            hits[path] = found
    return Traces(len(pieces), files, read, hits)


def files_in(places: Sequence[Path]) -> Iterator[Path]:
    """The files, and every file below the folders, once and but for models."""
    seen: set[Path] = set()
    for place in places:
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            real = path.resolve()
            if real in seen or path.suffix.lower() in _NOT_OURS or not real.is_file():
                continue
            seen.add(real)
            yield path


def forms_of(piece: str, spell: Spell | None = None) -> set[bytes]:
    """The bytes that a piece may be written as."""
    out: set[bytes] = set()
    for text in (piece, piece.casefold(), json.dumps(piece)[1:-1]):
        out |= {text.encode("utf-8"), text.encode("utf-16-le"), text.encode("utf-16-be")}
    if spell is not None:
        out |= {form for form in spell(piece) if form}
    return out


def _some_of(text: str, number: int) -> Iterator[str]:
    """So many pieces from all over a text, of whole words where there are any."""
    last = max(0, len(text) - LEAST_CHARS)
    for start in sorted({place * last // max(1, number - 1) for place in range(number)}):
        at = start
        while 0 < at < len(text) and not text[at - 1].isspace() and at < start + LEAST_CHARS:
            at += 1
        piece = text[at : at + _MOST_CHARS].split("\n")[0].strip()
        if len(piece) >= LEAST_CHARS:
            yield piece


def _in_file(path: Path, forms: Sequence[bytes]) -> tuple[int, int]:
    """How often any form is met in a file, packed blocks included, and the bytes read."""
    found = size = 0
    rest = b""
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            size += len(chunk)
            data = rest + chunk
            found += _met(data, forms, len(rest))
            rest = data[-_OVERLAP_BYTES:]
    found += _packed(path, forms)
    return found, size


def _met(data: bytes, forms: Sequence[bytes], before: int) -> int:
    """Meetings in `data` that reach beyond its first `before` bytes, which were searched before."""
    found = 0
    for form in forms:
        start = max(0, before - len(form) + 1)
        found += data.count(form, start)
    return found


def _packed(path: Path, forms: Sequence[bytes]) -> int:
    """Meetings inside blocks that begin like packed ones, unpacked as far as that goes."""
    if not path.stat().st_size:
        return 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return sum(
            _met(_unpacked(data, *_begin(data, match)), forms, 0)
            for match in _PACKED.finditer(data)
        )


def _begin(data: mmap.mmap, match: regex.Match[bytes]) -> tuple[int, int]:
    """Where a packed block begins, and how zlib is told of its kind."""
    start, head = match.start(), match.group()
    if head != b"PK\x03\x04":
        return start, 31 if head[0] == 0x1F else 15
    name, extra = data[start + 26 : start + 28], data[start + 28 : start + 30]
    start += _ZIP_HEADER_BYTES + int.from_bytes(name, "little") + int.from_bytes(extra, "little")
    return start, -15


def _unpacked(data: mmap.mmap, start: int, wbits: int) -> bytes:
    unpacker = zlib.decompressobj(wbits)
    out = bytearray()
    while start < len(data) and len(out) < _MOST_UNPACKED and not unpacker.eof:
        try:
            out += unpacker.decompress(data[start : start + _PACKED_BYTES])
        except zlib.error:
            break
        start += _PACKED_BYTES
    return bytes(out)
