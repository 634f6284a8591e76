"""Fitting a text into the model's window: its end stays, and its header.

The beginning goes first, in one cut at the best boundary within the first quarter of what could
stay: a paragraph, else a line, else a sentence, else a word.
"""

from __future__ import annotations

import regex

from tecla.text.base import Tokenizer

BYTES_PER_TOKEN = 16  # more than any text averages; longer texts are cut before tokenising
HEADER_SHARE = 4  # a header takes at most this fraction of the window
_HEADER_END = b"\n\n"
_BOUNDARIES = (
    regex.compile(rb"\n[ \t\r]*\n+"),
    regex.compile(rb"\n+"),
    regex.compile(rb"[.!?]+[\"')\]]* +|\xe3\x80\x82"),
    regex.compile(rb"[ \t]+"),
)


def header_bytes(tokenizer: Tokenizer, header: str, room_tokens: int) -> bytes:
    """The header as the model reads it: cut to a share of the window, with a blank line behind."""
    data = header.encode()
    if not data:
        return b""
    return _keep_beginning(tokenizer, data, room_tokens // HEADER_SHARE) + _HEADER_END


def keep_end(tokenizer: Tokenizer, data: bytes, room_tokens: int) -> bytes:
    """The end of `data` that fits in `room_tokens`, cut at a sensible boundary."""
    if len(data) <= room_tokens:
        return data
    start = _character_start(data, max(0, len(data) - room_tokens * BYTES_PER_TOKEN))
    ids = tokenizer.encode(data[start:])
    while len(ids) > room_tokens:  # again where the cut moved tokens, or bytes have none
        start += max(1, len(tokenizer.decode(ids[: len(ids) - room_tokens])))
        start = _character_start(data, start)
        ids = tokenizer.encode(data[start:])
    return data[_boundary(data, start) if start else 0 :]


def _keep_beginning(tokenizer: Tokenizer, data: bytes, room_tokens: int) -> bytes:
    """The beginning of `data` that fits in `room_tokens`, ending with a whole character."""
    data = data[: room_tokens * BYTES_PER_TOKEN].decode("utf-8", errors="ignore").encode()
    ids = tokenizer.encode(data)
    if len(ids) <= room_tokens:
        return data
    return tokenizer.decode(ids[:room_tokens]).decode("utf-8", errors="ignore").encode()


def _boundary(data: bytes, earliest: int) -> int:
    """The first boundary of the best kind at or behind `earliest`, within a quarter of the rest."""
    latest = earliest + (len(data) - earliest) // 4
    for pattern in _BOUNDARIES:
        match = pattern.search(data, earliest, latest)
        if match is not None:
            return int(match.end())
    return earliest


def _character_start(data: bytes, at: int) -> int:
    """The first offset at or behind `at` that begins a character."""
    while at < len(data) and 0x80 <= data[at] < 0xC0:
        at += 1
    return at
