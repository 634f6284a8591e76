"""A growing text in tokens, and whether one more token keeps it spelt canonically.

A model gives probability to spellings its tokenizer never produces ([art][ificial] for
"artificial"). Following one leads it into text it was never trained on, so every token is
checked before it is taken. Only the bytes since the last safe split are looked at; a text
without such a split is shortened where re-tokenising the rest gives the same tokens.

A text that goes on may be spelt otherwise than the same text at its end: two line feeds are
one token at the end and two before a letter. So a spelling is canonical here if the tokenizer
would produce it for the text itself *or* before some further text; otherwise no paragraph
could ever be begun.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tecla.text.base import Tokenizer
from tecla.text.canonical import tokens_within
from tecla.text.unicode import incomplete_suffix_bytes

_CONTRACTION = re.compile(rb"'[a-zA-Z]{1,2}\Z")
_PROBES = tuple(text.encode() for text in ("ꀀ", "܀", "1", "\n", "l", "s"))
_LONG_BYTES = 256
_KEPT_BYTES = 96


class Spelling:
    """Canonical tokens of the end of a text; grows by one token at a time."""

    def __init__(self, tokenizer: Tokenizer, data: bytes, ids: Sequence[int]) -> None:
        """Begin with `data`, the bytes since a safe split, spelt canonically as `ids`."""
        self._tokenizer = tokenizer
        self._data = data
        self._ids = list(ids)

    def allows(self, token: int) -> bool:
        """Whether the tokenizer would spell the text with `token` behind it so.

        Or would before some further text; see the head of this file.
        """
        piece = self._tokenizer.table.pieces[token]
        if not piece:
            return False
        joined, ids = self._data + piece, (*self._ids, token)
        whole = not incomplete_suffix_bytes(self._data)  # else the piece must complete it
        if whole and self._data and self._tokenizer.split_point(joined) == len(self._data):
            joined, ids = piece, (token,)
        if self._tokenizer.is_canonical(joined, ids):
            return True
        return any(ids == spelt for spelt in _before_more(self._tokenizer, joined))

    def push(self, token: int) -> None:
        """Append `token`, and forget what is behind a new safe split."""
        self._data += self._tokenizer.table.pieces[token]
        self._ids.append(token)
        self._drop_before(self._tokenizer.split_point(self._data))
        if len(self._data) > _LONG_BYTES:
            self._shorten()

    def copy(self) -> Spelling:
        """An independent copy."""
        return Spelling(self._tokenizer, self._data, self._ids)

    def _drop_before(self, n_bytes: int) -> None:
        dropped = 0
        count = 0
        while dropped < n_bytes:
            dropped += len(self._tokenizer.table.pieces[self._ids[count]])
            count += 1
        if dropped == n_bytes:
            self._data, self._ids = self._data[n_bytes:], self._ids[count:]

    def _shorten(self) -> None:
        at = local_split(self._tokenizer, self._data, self._ids, _KEPT_BYTES)
        if at is not None:
            self._drop_before(at)


def spellings(tokenizer: Tokenizer, data: bytes) -> list[tuple[int, ...]]:
    """Every canonical spelling of `data` before some further text, its own spelling first."""
    own = tokenizer.encode_cut(data)
    found = [] if own is None else [tuple(own)]
    for ids in _before_more(tokenizer, data):
        if ids not in found:
            found.append(ids)
    return found


def _before_more(tokenizer: Tokenizer, data: bytes) -> Iterator[tuple[int, ...]]:
    """Spellings of `data` before probes of further text, where what follows makes a difference.

    That is only where a pre-token pattern looks ahead or joins a mark to the next letter: at
    white space and marks, and in contractions. The probes are letters and marks that no token
    joins to what precedes.
    """
    if not _is_unsettled(data):
        return
    for probe in _PROBES:
        ids = tokenizer.encode(data + probe)
        n_tokens = tokens_within(tokenizer.table, ids, len(data))
        if n_tokens is not None:
            yield tuple(ids[:n_tokens])


def _is_unsettled(data: bytes) -> bool:
    """Whether what follows may change how the end of `data` is spelt."""
    try:
        last = data.decode("utf-8")[-1:]
    except UnicodeDecodeError:  # it ends inside a character, or no text begins so
        return False
    return last != "" and (not last.isalnum() or _CONTRACTION.search(data) is not None)


def local_split(
    tokenizer: Tokenizer, data: bytes, ids: Sequence[int], keep_bytes: int
) -> int | None:
    """A byte offset from which `data` re-tokenises to the same tokens, or `None`.

    Looks at token boundaries that are character boundaries and leave at least `keep_bytes`
    (and at most three times as many). Unlike `split_point` this is checked on this text, not
    proven for what may follow; the kept bytes are what makes a later change of mind unlikely.
    """
    position = 0
    pieces = tokenizer.table.pieces
    for count, token in enumerate(ids):
        left = len(data) - position
        if left < keep_bytes:
            return None
        starts_character = position < len(data) and not 0x80 <= data[position] < 0xC0
        if (
            left <= 3 * keep_bytes
            and position
            and starts_character
            and tokenizer.is_canonical(data[position:], ids[count:])
        ):
            return position
        position += len(pieces[token])
    return None
