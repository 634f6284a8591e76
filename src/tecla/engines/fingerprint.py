"""Sixteen bytes that tell the weights of models apart, without reading all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

_HASHED_PIECES, _PIECE_BYTES = 64, 1 << 15


def fingerprint(paths: Sequence[Path], kind: str = "") -> bytes:
    """A hash of the sizes of the files, of pieces all over them, and of `kind`.

    The first megabytes alone would not do: fine-tunings of one model share size and vocabulary.
    `kind` sets apart what is computed otherwise from the same files, such as another precision.
    """
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        size_bytes = path.stat().st_size
        digest.update(size_bytes.to_bytes(8, "little"))
        last = max(0, size_bytes - _PIECE_BYTES)
        with path.open("rb") as file:
            for piece in range(_HASHED_PIECES):
                file.seek(last * piece // (_HASHED_PIECES - 1))
                digest.update(file.read(_PIECE_BYTES))
    digest.update(kind.encode())
    return digest.digest()
