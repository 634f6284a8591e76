"""One file of named arrays, memory-mapped: what trained predictors are stored in.

A file holds a magic number, the arrays one behind another on 64-byte boundaries, and at its end
a header in JSON: kind, version, what the writer wants to remember (`meta`), and for every array
its type, shape, place and CRC-32. It is written under another name and renamed when it is whole,
so a reader never meets half of one. It knows nothing of what the arrays mean.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tecla.errors import ModelError, ModelFormatError, UnknownModelError
from tecla.files import replacing

Array = npt.NDArray[Any]

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
    """An open file: `meta` as it was written, `arrays` as read-only views of the mapped file."""

    path: Path
    meta: dict[str, Any]
    arrays: dict[str, Array]


def write_sections(
    path: Path, kind: str, version: int, meta: Mapping[str, Any], arrays: Mapping[str, Array]
) -> int:
    """Write `arrays` to `path`, replacing what was there at once; the file's size in bytes.

    Memory-mapped arrays are copied in pieces, so they never have to fit in memory. Raises
    `ModelError` if the file cannot be written.
    """
    try:
        with replacing(path) as part:
            return _write(part, kind, version, meta, arrays)
    except OSError as error:
        raise ModelError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


def read_sections(path: Path, kind: str, version: int, remedy: str) -> Sections:
    """Map the file at `path`; every array is checked against its sum.

    Raises `UnknownModelError` if there is no such file, `ModelFormatError` if it is truncated,
    damaged, of another kind or of another version; the message ends in `remedy`.
    """

    def refuse(what: str) -> ModelFormatError:
        return ModelFormatError(f"{str(path)!r} {what}; {remedy}")

    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < _LEAD.size:
                raise refuse(f"has {size} bytes and is no {kind} file")
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
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
    for name, (dtype, shape, start, n_bytes, crc) in header["arrays"].items():
        view = memoryview(data)[start : start + n_bytes]
        if len(view) != n_bytes or zlib.crc32(view) != crc:
            raise refuse(f"is truncated or damaged ({name})")
        arrays[name] = np.frombuffer(view, dtype).reshape(shape)
    return Sections(path, header["meta"], arrays)


def _write(
    part: Path, kind: str, version: int, meta: Mapping[str, Any], arrays: Mapping[str, Array]
) -> int:
    entries: dict[str, tuple[str, tuple[int, ...], int, int, int]] = {}
    with part.open("wb") as file:
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
        file.flush()
        os.fsync(file.fileno())
    return place + len(header)
