"""What the tokenizers of all engines have in common, whatever library spells for them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import lru_cache

from tecla.errors import InvalidTextError
from tecla.text import canonical
from tecla.text.base import Fill
from tecla.text.split import space_between, split_point
from tecla.text.table import TokenTable
from tecla.text.unicode import is_text

_CACHED_TEXTS = 16_384
_CACHED_BYTES = 64  # only texts this short are kept


class PieceTokenizer(ABC):
    """`Tokenizer` over a library that spells whole texts; safe to use from several threads."""

    def __init__(
        self,
        table: TokenTable,
        *,
        start_id: int | None,
        end_ids: frozenset[int],
        fill: Fill | None,
        text_prefix: bytes,
        splits_at_spaces: bool,
        splits_at_marks: bool,
    ) -> None:
        """What the library says of its vocabulary; for the last two see `split_point`."""
        self.table, self.start_id, self.end_ids, self.fill = table, start_id, end_ids, fill
        self.text_prefix = text_prefix
        self._splits_at_spaces = splits_at_spaces
        self._splits_at_marks = splits_at_marks
        self._encode_short = lru_cache(maxsize=_CACHED_TEXTS)(self._encode)

    @abstractmethod
    def _spell(self, data: bytes) -> tuple[int, ...]:
        """Tokens of valid UTF-8: special ones spelt out, nothing added before or behind."""

    def encode(self, data: bytes) -> list[int]:
        """Canonical tokens of valid UTF-8; see `Tokenizer.encode`."""
        if len(data) <= _CACHED_BYTES:
            return list(self._encode_short(data))
        return list(self._encode(data))

    def encode_cut(self, data: bytes) -> list[int] | None:
        """Canonical tokens of bytes that may end inside a character."""
        return canonical.encode_cut(self.encode, self.table, data)

    def decode(self, ids: Sequence[int]) -> bytes:
        """The bytes of `ids`, joined."""
        pieces = self.table.pieces
        return b"".join(pieces[token] for token in ids)

    def is_canonical(self, data: bytes, ids: Sequence[int]) -> bool:
        """Whether the tokenizer itself would spell `data` as `ids`."""
        return canonical.is_canonical(self.encode, self.table, data, ids)

    def split_point(self, data: bytes) -> int:
        """The last safe split; see `tecla.text.split`."""
        if not self._splits_at_spaces:
            return 0
        return split_point(data) if self._splits_at_marks else space_between(data)

    def _encode(self, data: bytes) -> tuple[int, ...]:
        if not is_text(data):
            raise InvalidTextError(
                f"{len(data)} bytes to tokenise are not UTF-8; decode them with "
                "errors='replace' first"
            )
        return self._spell(data)
