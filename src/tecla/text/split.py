r"""Where a text may be split so that both halves can be tokenised apart.

The rule: at the last space (U+0020) that has a non-space on both sides, the space going to
the tail. The start of the last pre-token is **not** safe ("I'l" becomes "I'll"), nor is a
white-space character other than the space ("help.\n" | "\n5765" with patterns that join
newlines). For byte-pair vocabularies with GPT-2, SmolLM, Llama-3 and Qwen-2 patterns no
exception was found over thousands of carets; for SentencePiece the rule holds when no token
has a space after a non-space, which `spaces_only_lead` checks.

Text without such a space (Japanese, a URL) is tokenised whole, so a second rule keeps the
tail short when it is long: between a letter or digit and a following ASCII punctuation mark
other than an apostrophe, the mark going to the tail. A letter run ends there in every
pattern above, and the patterns look ahead only at white space.
"""

from __future__ import annotations

from collections.abc import Iterable

import regex

from tecla.text.unicode import character_bytes

_LONG_TAIL_BYTES = 256
_BEFORE_MARK = regex.compile(r"(?r)(?<=\p{L})(?=[!#$%&()*+,./:;<=>?@\[\]^_{|}~-])")


def space_between(data: bytes) -> int:
    """Byte offset of the last space with a non-space on both sides; 0 if there is none."""
    at = data.rfind(b" ")
    while at > 0:
        if at + 1 < len(data) and not _is_space_at(data, at + 1) and not _is_space_before(data, at):
            return at
        at = data.rfind(b" ", 0, at)
    return 0


def before_mark(data: bytes) -> int:
    """Byte offset of the last ASCII mark after a letter, at least one character from the end.

    Used only for long tails without a usable space; 0 if there is none.
    """
    text = data.decode("utf-8", errors="surrogateescape")
    match = _BEFORE_MARK.search(text, 0, max(0, len(text) - 1))
    if match is None or match.start() == 0:
        return 0
    return len(text[: match.start()].encode("utf-8", errors="surrogateescape"))


def split_point(data: bytes) -> int:
    """The last safe split of `data` for byte-pair vocabularies with a pre-token pattern."""
    at = space_between(data)
    if len(data) - at > _LONG_TAIL_BYTES:
        at += before_mark(data[at:])
    return at


def spaces_only_lead(pieces: Iterable[bytes]) -> bool:
    """Whether no piece has a space after a non-space, so that tokens never span words."""
    return not any(b" " in piece.lstrip(b" ") for piece in pieces)


def _is_space_at(data: bytes, at: int) -> bool:
    """Whether a white-space character begins at `at`."""
    return data[at : at + character_bytes(data[at])].decode("utf-8", errors="replace").isspace()


def _is_space_before(data: bytes, at: int) -> bool:
    """Whether a white-space character ends just before `at`."""
    start = at - 1
    while start > 0 and 0x80 <= data[start] < 0xC0 and at - start < 4:
        start -= 1
    return data[start:at].decode("utf-8", errors="replace").isspace()
