"""A saved slot as one self-checking byte string.

Native loaders trust what they are given: a truncated state ends the process and a flipped bit
loads without a word. So tecla writes its own header (magic, model fingerprint, token count,
payload length, BLAKE2b-128 of everything after the magic) and verifies it before any native
call sees the payload.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence

import numpy as np

from tecla.errors import EngineError

_MAGIC = b"teclaKV1"
_HEADER = struct.Struct("<16s16sQQ")  # digest, fingerprint, tokens, payload bytes
_REMEDY = "evaluate the text again instead"


def pack(fingerprint: bytes, tokens: Sequence[int], payload: bytes) -> bytes:
    """Join tokens and native payload under a header. `fingerprint` are 16 bytes of the model."""
    ids = np.asarray(tokens, dtype="<i4").tobytes()
    counts = struct.pack("<QQ", len(tokens), len(payload))
    body = fingerprint + counts + ids + payload
    return _MAGIC + hashlib.blake2b(body, digest_size=16).digest() + body


def unpack(state: bytes, fingerprint: bytes) -> tuple[list[int], bytes]:
    """The tokens and the payload of a packed state.

    Raises `EngineError` if it is truncated, altered, or was saved by another model.
    """
    n_tokens, saved_by = _check(state)
    if saved_by != fingerprint:
        raise EngineError(f"the saved slot belongs to another model; {_REMEDY}")
    start = len(_MAGIC) + _HEADER.size
    return _ids(state, n_tokens), state[start + 4 * n_tokens :]


def tokens_of(state: bytes) -> list[int]:
    """The tokens of a packed state of any model; raises `EngineError` if it is damaged."""
    return _ids(state, _check(state)[0])


def _check(state: bytes) -> tuple[int, bytes]:
    """Number of tokens and fingerprint of a state that is whole."""
    start = len(_MAGIC) + _HEADER.size
    if len(state) < start or not state.startswith(_MAGIC):
        raise EngineError(f"this is no saved slot ({len(state)} bytes); {_REMEDY}")
    digest, saved_by, n_tokens, n_bytes = _HEADER.unpack_from(state, len(_MAGIC))
    if len(state) != start + 4 * n_tokens + n_bytes:
        raise EngineError(
            f"the saved slot has {len(state)} bytes where its header says "
            f"{start + 4 * n_tokens + n_bytes}: it is truncated or altered; {_REMEDY}"
        )
    if hashlib.blake2b(state[len(_MAGIC) + 16 :], digest_size=16).digest() != digest:
        raise EngineError(f"the saved slot does not match its checksum; {_REMEDY}")
    return n_tokens, saved_by


def _ids(state: bytes, n_tokens: int) -> list[int]:
    start = len(_MAGIC) + _HEADER.size
    found: list[int] = np.frombuffer(state, dtype="<i4", count=n_tokens, offset=start).tolist()
    return found
