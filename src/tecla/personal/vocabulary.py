"""How token ids are written as bytes, and which tokenizer they are of.

An id is two bytes, or four where the vocabulary is too large for two, the high byte first: so rows
of ids sort like their bytes, and comparing rows is comparing bytes, which Python does natively. The
greatest number of that width is no token; it stands before the first token of every document.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from tecla.checks import whole
from tecla.errors import OptionError
from tecla.personal.base import BOUNDARY
from tecla.text.base import Tokenizer
from tecla.text.table import TokenTable

Native = npt.NDArray[np.unsignedinteger]  # ids as this machine counts
_MOST_IDS = (1 << 32) - 1
_PROBE = "It's 12345 tokens,\n\n  whitespace\t— y «español» 日本語.".encode()
_KNOWN: WeakKeyDictionary[TokenTable, str] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The number of ids, and how one is written. Plain data: two may be compared and pickled."""

    size: int

    def __post_init__(self) -> None:
        """Check the size; raises `OptionError`."""
        whole("vocabulary size", self.size, 1)
        if self.size > _MOST_IDS:
            raise OptionError(f"vocabulary size is {self.size!r}; it must be at most {_MOST_IDS}")

    @property
    def width(self) -> int:
        """Bytes of an id."""
        return 2 if self.size < 1 << 16 else 4

    @property
    def separator(self) -> int:
        """The number that stands before the first token of a document."""
        return (1 << 8 * self.width) - 1

    @property
    def native(self) -> np.dtype[np.unsignedinteger]:
        """Ids as this machine counts."""
        return np.dtype(f"=u{self.width}")

    @property
    def sortable(self) -> np.dtype[np.unsignedinteger]:
        """Ids as bytes that sort like them."""
        return np.dtype(f">u{self.width}")

    def reversed_bytes(self, tokens: Sequence[int]) -> bytes:
        """The end of `tokens`, last token first, as bytes.

        It stops before what is no id, and behind `BOUNDARY`, which becomes the separator.
        """
        known: list[int] = []
        for token in reversed(tokens):
            if 0 <= token < self.size:
                known.append(token)
                continue
            if token == BOUNDARY:
                known.append(self.separator)
            break
        return struct.pack(f">{len(known)}{_CODES[self.width]}", *known)

    def checked(self, tokens: Sequence[int] | npt.NDArray[np.integer]) -> Native:
        """Ids of a document as an array; raises `OptionError` for what is none."""
        found = np.asarray(tokens)
        if found.size == 0:
            return np.empty(0, self.native)
        if found.ndim != 1 or found.dtype.kind not in "iu":
            raise OptionError("a document must be a row of whole numbers, the ids of its tokens")
        if int(found.min()) < 0 or int(found.max()) >= self.size:
            worst = int(found.min()) if int(found.min()) < 0 else int(found.max())
            raise OptionError(f"token id {worst!r} does not exist; ids are 0 to {self.size - 1}")
        return found.astype(self.native)


_CODES: Final = {2: "H", 4: "I"}


def fingerprint_of(tokenizer: Tokenizer) -> str:
    """32 hexadecimal digits that tell apart what gives other ids to a text.

    Of the bytes of all tokens, and of how one line is divided. Computed once for each tokenizer
    (49,152 tokens: about 10 ms).
    """
    table = tokenizer.table
    found = _KNOWN.get(table)
    if found is None:
        digest = hashlib.blake2b(digest_size=16)
        for piece in (*table.pieces, tokenizer.text_prefix):
            digest.update(len(piece).to_bytes(4, "little") + piece)
        encodable = bytes(byte for byte in _PROBE if byte not in table.unencodable)
        probe = (tokenizer.text_prefix + encodable).decode("utf-8", "ignore").encode()
        digest.update(np.asarray(tokenizer.encode(probe), "<i4").tobytes())
        found = _KNOWN[table] = digest.hexdigest()
    return found
