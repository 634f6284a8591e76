"""The bytes of every token, sorted so that all tokens that begin with given bytes are a range.

Owns no model and no text. Built once per vocabulary (49,152 tokens: about 30 ms) and shared.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

# What a token is to a word that stands before it: the groups of `TokenTable.follows`.
ENDS, SPACES, CONTINUES = 0, 1, 2
FOLLOWING: Final = 3  # groups


class TokenTable:
    """Token id to bytes, and a prefix of bytes to the ids that begin with it.

    Control tokens have no bytes and are in no range. `follows[i]` says what token `i` is to a word
    before it.
    """

    def __init__(self, pieces: Sequence[bytes]) -> None:
        """Index `pieces`, where `pieces[i]` are the bytes of token `i` (empty for control)."""
        self.pieces: tuple[bytes, ...] = tuple(pieces)
        spelt = [token for token, piece in enumerate(self.pieces) if piece]
        spelt.sort(key=self.pieces.__getitem__)
        self._ids = np.array(spelt, dtype=np.int32)  # [spelt tokens], by bytes
        self._sorted = [self.pieces[token] for token in spelt]
        self.longest_bytes = max(map(len, self._sorted), default=0)
        single = {piece[0] for piece in self._sorted if len(piece) == 1}
        self.unencodable = frozenset(range(256)) - single
        self.follows = np.array([_following(piece) for piece in self.pieces], np.int8)  # [ids]

    def __len__(self) -> int:
        """Number of token ids, control tokens included."""
        return len(self.pieces)

    def exact(self, piece: bytes) -> int | None:
        """The id that spells exactly `piece`; the lowest if several do."""
        at = bisect_left(self._sorted, piece)
        found = at < len(self._sorted) and self._sorted[at] == piece
        return int(self._ids[at]) if found else None

    def going_beyond(self, rest: bytes) -> npt.NDArray[np.int32]:
        """Ids whose bytes begin with `rest` and are longer, in the order of their bytes.

        For empty `rest` these are all ids that spell something. A view; do not write to it.
        """
        if not rest:
            return self._ids
        low = bisect_left(self._sorted, rest)
        high = bisect_left(self._sorted, rest + b"\xff" * (self.longest_bytes + 1), lo=low)
        while low < high and len(self._sorted[low]) == len(rest):
            low += 1
        return self._ids[low:high]


def _following(piece: bytes) -> int:
    """Whether a token goes on with the word before it, ends it with a space, or otherwise."""
    if not piece:
        return ENDS
    if piece[:1] == b" ":
        return SPACES
    text = piece.decode("utf-8", errors="ignore")
    inside = not text or text[0].isalnum() or (text[0] in "'’" and text[1:2].isalnum())
    return CONTINUES if inside else ENDS
