"""One file of named arrays, memory-mapped: what trained predictors are stored in.

A file holds a magic number, the arrays one behind another on 64-byte boundaries, and at its end
a header in JSON: kind, version, what the writer wants to remember (`meta`), and for every array
its type, shape, place and CRC-32. It is written under another name and renamed when it is whole,
so a reader never meets half of one. A file that must not lie in plain on the disk goes through a
function that seals it, and is then read into memory. It knows nothing of what the arrays mean.
"""

from __future__ import annotations

import io
import json
import mmap
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from tecla.errors import ModelError, ModelFormatError, UnknownModelError
from tecla.files import replacing

Array = npt.NDArray[Any]
Change = Callable[[memoryview], bytes]  # seals a whole file's content, or the reverse

_MAGIC = b"teclafile\x00\x00\x01"
_LEAD = struct.Struct("<12sIQQ")  # magic, CRC-32 of the header, its place and its length
_ALIGN = 64
_PIECE_BYTES = 1 << 24


def unload(*arrays: Array) -> None:
    """Let go of the memory of file-backed arrays; what was written stays in the file.

    They may be used as before: what is touched is read again. Others are left alone.
    """
    for array in arrays:
        mapped = getattr(array, "_mmap", None)
        if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
            mapped.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, slots=True)
class Sections:
    """An open file: `meta` as it was written, `arrays` as read-only views of `data`.

    data: the mapped file, or its content where it was sealed. places: the byte at which each array
    begins in it, for those who compare bytes faster than numpy does.
    """

    path: Path
    meta: dict[str, Any]
    arrays: dict[str, Array]
    data: mmap.mmap | bytes = field(repr=False)
    places: dict[str, int]


def write_sections(
    path: Path,
    kind: str,
    version: int,
    meta: Mapping[str, Any],
    arrays: Mapping[str, Array],
    *,
    seal: Change | None = None,
    mode: int = 0o666,
) -> int:
    """Write `arrays` to `path`, replacing what was there at once; the file's size in bytes.

    Memory-mapped arrays are copied in pieces, so they never have to fit in memory, unless the
    content goes through `seal`. `mode` are the file's permissions, less the umask. Raises
    `ModelError` if the file cannot be written.
    """
    try:
        with replacing(path) as part, _created(part, mode) as file:
            if seal is None:
                size = _write(file, kind, version, meta, arrays)
            else:
                plain = io.BytesIO()
                _write(plain, kind, version, meta, arrays)
                size = file.write(seal(plain.getbuffer()))
            file.flush()
            os.fsync(file.fileno())
            return size
    except OSError as error:
        raise ModelError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


def read_sections(
    path: Path, kind: str, version: int, remedy: str, *, unseal: Change | None = None
) -> Sections:
    """Map the file at `path`, or read it through `unseal`; every array is checked against its sum.

    Raises `UnknownModelError` if there is no such file, `ModelFormatError` if it is truncated,
    damaged, of another kind or of another version; the message ends in `remedy`.
    """

    def refuse(what: str) -> ModelFormatError:
        return ModelFormatError(f"{str(path)!r} {what}; {remedy}")

    data: mmap.mmap | bytes
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _LEAD.size:
                raise refuse(f"has {size} bytes and is no {kind} file")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if unseal is not None:
                with data, memoryview(data) as sealed:
                    data = unseal(sealed)
    except FileNotFoundError:
        raise UnknownModelError(f"there is no file {str(path)!r}; {remedy}") from None
    except OSError as error:
        raise ModelError(f"cannot read {str(path)!r}: {error.strerror}; {remedy}") from error
    magic, header_sum, place, length = _LEAD.unpack_from(data)
    if magic != _MAGIC:
        raise refuse(f"is no {kind} file")
    header_bytes = data[place : place + length]
    if len(header_bytes) != length or zlib.crc32(header_bytes) != header_sum:
        raise refuse("is truncated or damaged (its header)")
    header = json.loads(header_bytes)
    if header["kind"] != kind:
        raise refuse(f"holds a {header['kind']}, not a {kind}")
    if header["version"] != version:
        raise refuse(f"is of version {header['version']}, this program reads {version}")
    arrays: dict[str, Array] = {}
    places: dict[str, int] = {}
    for name, (dtype, shape, start, n_bytes, crc) in header["arrays"].items():
        view = memoryview(data)[start : start + n_bytes]
        if len(view) != n_bytes or zlib.crc32(view) != crc:
            raise refuse(f"is truncated or damaged ({name})")
        arrays[name], places[name] = np.frombuffer(view, dtype).reshape(shape), start
    return Sections(path, header["meta"], arrays, data, places)


def _created(path: Path, mode: int) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb")


def _write(
    file: BinaryIO,
    kind: str,
    version: int,
    meta: Mapping[str, Any],
    arrays: Mapping[str, Array],
) -> int:
    entries: dict[str, tuple[str, tuple[int, ...], int, int, int]] = {}
    file.write(bytes(_LEAD.size))
    for name, array in arrays.items():
        file.write(bytes(-file.tell() % _ALIGN))
        start, crc = file.tell(), 0
        flat = array.reshape(-1)
        step = max(1, _PIECE_BYTES // max(1, array.itemsize))
        for first in range(0, flat.size, step):
            piece = np.ascontiguousarray(flat[first : first + step]).tobytes()
            crc = zlib.crc32(piece, crc)
            file.write(piece)
            unload(array)
        entries[name] = (array.dtype.str, array.shape, start, array.nbytes, crc)
    place = file.tell()
    header = json.dumps(
        {"kind": kind, "version": version, "meta": dict(meta), "arrays": entries},
        ensure_ascii=False,
    ).encode()
    file.write(header)
    file.seek(0)
    file.write(_LEAD.pack(_MAGIC, zlib.crc32(header), place, len(header)))
    return place + len(header)
