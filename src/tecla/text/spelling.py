"""A growing text in tokens, and whether one more token keeps it spelt canonically.

A model gives probability to spellings its tokenizer never produces ([art][ificial] for
"artificial"). Following one leads it into text it was never trained on, so every token is
checked before it is taken. Only the bytes since the last safe split are looked at; a text
without such a split is shortened where re-tokenising the rest gives the same tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from tecla.text.base import Tokenizer

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
        """Whether the text with `token` behind it is what the tokenizer would spell so."""
        piece = self._tokenizer.table.pieces[token]
        if not piece:
            return False
        joined = self._data + piece
        if self._data and self._tokenizer.split_point(joined) == len(self._data):
            return self._tokenizer.is_canonical(piece, [token])
        return self._tokenizer.is_canonical(joined, [*self._ids, token])

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
