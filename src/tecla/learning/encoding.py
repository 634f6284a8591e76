"""Bytes of unknown encoding as text.

A byte order mark decides, then UTF-8 if all or nearly all of it is valid, then what
charset-normalizer finds most plausible in a sample. Bytes that are no text in any encoding are
told apart by their NULs and control characters.
"""

from __future__ import annotations

import codecs
from typing import Final

from tecla.learning.base import UnreadableError

_SAMPLE_BYTES: Final = 32_768
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROL: Final = bytes(set(range(32)) - set(b"\t\n\r\f\v\b\x1b"))
_MOST_CONTROL: Final = 0.002  # of the bytes of a text
_MOST_BROKEN: Final = 0.1  # of the characters beyond ASCII; of another encoding most are


def decoded(data: bytes) -> str:
    """The text of `data`; raises `UnreadableError` ("binary") where it is none."""
    encoding = encoding_of(data)
    try:
        return data.decode(encoding, errors="replace").removeprefix("\ufeff")
    except LookupError:  # an encoding that this Python does not have
        raise UnreadableError("binary") from None


def encoding_of(data: bytes) -> str:
    """Its name for Python; raises `UnreadableError` ("binary")."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    sample = data[:_SAMPLE_BYTES]
    if b"\0" in sample or len(sample) - len(sample.translate(None, _CONTROL)) > (
        _MOST_CONTROL * len(sample)
    ):
        raise UnreadableError("binary")
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        # What is valid but for its last, broken character is UTF-8 that was cut short.
        if error.start > len(data) - 4 and error.start > 0 and not data[: error.start].isascii():
            return "utf-8"
        if _is_nearly_utf8(data):
            return "utf-8"
        return _guessed(_sample_around(data, error.start))


def _is_nearly_utf8(data: bytes) -> bool:
    """Whether a few stray bytes are all that is not UTF-8, as where two files were joined."""
    text = data.decode("utf-8", errors="replace")
    beyond = len(text) - len(text.encode("ascii", errors="ignore"))
    return text.count("\ufffd") <= _MOST_BROKEN * beyond


def _sample_around(data: bytes, at: int) -> bytes:
    """Some of `data` that holds what tells encodings apart."""
    start = max(0, at - _SAMPLE_BYTES // 2)
    return data[start : start + _SAMPLE_BYTES]


def _guessed(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    found = from_bytes(sample)
    best = found.best()
    if best is None:
        raise UnreadableError("binary")
    if best.encoding.startswith(("cp125", "latin", "iso8859", "mac", "cp85", "cp437", "cp1")):
        # Short texts fit many of these; Windows' Western one is by far the commonest.
        near = {each.encoding for each in found if each.chaos <= best.chaos}
        if "cp1252" in near or "cp1252" in best.could_be_from_charset:
            return "cp1252"
    return best.encoding
