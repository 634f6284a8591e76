"""Canonical spelling of bytes that may end inside a character, for any tokenizer of text.

A tokenizer of text cannot be asked how it spells half a character. But byte-pair encoding
spells a beginning of a text as it spells the text, up to a token boundary (the prefix
property; Vieira et al., arXiv 2506.07956), so it is enough to complete the character in up
to 64 ways and to take the one that puts a token boundary where the bytes end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tecla.text.table import TokenTable
from tecla.text.unicode import completions, incomplete_suffix_bytes, is_text

Encode = Callable[[bytes], list[int]]


def encode_cut(encode: Encode, table: TokenTable, data: bytes) -> list[int] | None:
    """Canonical tokens of `data`, which may end inside a character; `None` if there are none."""
    partial = incomplete_suffix_bytes(data)
    if not partial:
        return encode(data) if is_text(data) else None
    for rest in completions(data[-partial:]):
        if not is_text(data + rest):
            continue
        ids = encode(data + rest)
        kept = tokens_within(table, ids, len(data))
        if kept is not None:
            return ids[:kept]
    return None


def is_canonical(encode: Encode, table: TokenTable, data: bytes, ids: Sequence[int]) -> bool:
    """Whether `data` is spelt `ids`; for some rest of the last character if it is incomplete."""
    if sum(len(table.pieces[token]) for token in ids) != len(data):
        return False
    partial = incomplete_suffix_bytes(data)
    wanted = list(ids)
    if not partial:
        return is_text(data) and encode(data) == wanted
    return any(
        is_text(data + rest) and encode(data + rest)[: len(wanted)] == wanted
        for rest in completions(data[-partial:])
    )


def tokens_within(table: TokenTable, ids: Sequence[int], n_bytes: int) -> int | None:
    """How many of `ids` spell exactly `n_bytes` bytes; `None` if no token ends there."""
    position = 0
    for count, token in enumerate(ids):
        if position == n_bytes:
            return count
        position += len(table.pieces[token])
    return len(ids) if position == n_bytes else None
