"""Characters and graphemes: what may be shown, and where it may be cut.

Owns validity, the end of a byte string inside a character, and grapheme boundaries (UAX #29,
through the `regex` library). Knows nothing of tokens.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from tecla.errors import InvalidTextError

_GRAPHEME = regex.compile(r"\X")
_ZERO_WIDTH_JOINER = "\u200d"
_CONTEXT_CHARS = 64  # a grapheme boundary is looked for in about this many last characters


def to_bytes(text: str, name: str = "text") -> bytes:
    """UTF-8 of `text`.

    Raises `InvalidTextError` naming `name` and the position of a lone surrogate, which is
    half of a character and has no UTF-8.
    """
    if not isinstance(text, str):
        raise InvalidTextError(f"{name} is {type(text).__name__}; it must be a str")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = ord(text[error.start])
        raise InvalidTextError(
            f"{name} holds U+{half:04X} at char offset {error.start}: half a character (a lone "
            "surrogate) or a byte that is not UTF-8; pass whole characters, or decode the "
            "bytes with errors='replace' first"
        ) from None


def character_bytes(lead: int) -> int:
    """How many bytes a character has whose first byte is `lead`."""
    return 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def incomplete_suffix_bytes(data: bytes) -> int:
    """How many last bytes of `data` begin a character without ending it; 0 for whole text."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            return 0
        if byte >= 0xC0:
            return back if back < character_bytes(byte) else 0
    return 0


def completions(partial: bytes) -> Iterator[bytes]:
    """Up to 64 ways to complete `partial`, the first bytes of one character.

    Varies the next byte over all its valid values (Unicode 15, table 3-7) and takes the
    middle of the range for the others.
    """
    lead = partial[0]
    low, high = 0x80, 0xBF
    if len(partial) == 1:
        low = {0xE0: 0xA0, 0xF0: 0x90}.get(lead, 0x80)
        high = {0xED: 0x9F, 0xF4: 0x8F}.get(lead, 0xBF)
    tail = b"\xa0" * (character_bytes(lead) - len(partial) - 1)
    for byte in range(low, high + 1):
        yield bytes([byte]) + tail


def begins_text(data: bytes) -> bool:
    """Whether `data` is valid UTF-8, or becomes so with the rest of its last character."""
    partial = incomplete_suffix_bytes(data)
    rests = completions(data[-partial:]) if partial else iter([b""])
    return any(is_text(data + rest) for rest in rests)


def is_text(data: bytes) -> bool:
    """Whether `data` is valid UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def last_grapheme_start(text: str) -> int:
    """Char offset at which the last grapheme of `text` begins; 0 for empty text."""
    window_start = max(0, len(text) - _CONTEXT_CHARS)
    while window_start and not text[window_start].isascii():  # flags pair up from their first
        window_start -= 1
    start = window_start
    for match in _GRAPHEME.finditer(text, window_start):
        start = match.start()
    return start


def cut_graphemes(text: str, max_chars: int) -> str:
    """The longest beginning of `text` of at most `max_chars` characters in whole graphemes."""
    if len(text) <= max_chars:
        return text
    end = 0
    for match in _GRAPHEME.finditer(text):
        if match.end() > max_chars:
            break
        end = match.end()
    return text[:end]


def drop_dangling(text: str) -> str:
    """`text` without a last character that only makes sense with a following one.

    These are a zero-width joiner, the first half of a flag and the CR of a CRLF pair.
    """
    while True:
        flags = 0
        while flags < len(text) and "\U0001f1e6" <= text[-1 - flags] <= "\U0001f1ff":
            flags += 1
        if not flags % 2 and not text.endswith((_ZERO_WIDTH_JOINER, "\r")):
            return text
        text = text[:-1]
