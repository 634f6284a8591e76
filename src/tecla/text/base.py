"""The tokenizer contract: bytes to token ids and back, apart from any engine.

A tokenizer here works on bytes, because the caret may stand in the middle of a token and a
token may end in the middle of a character. Ids that spell nothing (control tokens) never
come out of `encode`: text that happens to spell `<|endoftext|>` is ordinary text.

Invariants, tested for every implementation:
- `decode(encode(data)) == data` for every `data` that begins with `text_prefix` and has no byte
  in `table.unencodable` (a SentencePiece vocabulary also reads "▁", its own mark, as a space);
- `encode(head) + encode(tail) == encode(head + tail)` when split at `split_point`, also
  when more text follows the tail.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tecla.text.table import TokenTable


class Fill(NamedTuple):
    """The control tokens by which a model is told what stands on both sides of a hole.

    Sources: Bavarian et al., arXiv 2207.14255 (their order suffix-prefix-middle); llama.cpp's
    `llama_vocab_fim_pre`, `_suf` and `_mid`.
    """

    prefix: int
    suffix: int
    middle: int


class Tokenizer(Protocol):
    """Turns bytes into the token ids a model was trained on, and back."""

    @property
    def table(self) -> TokenTable:
        """The bytes of every token."""
        ...

    @property
    def start_id(self) -> int | None:
        """The token that begins a document, if the model has one."""
        ...

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens by which the model says that the text ends."""
        ...

    @property
    def fill(self) -> Fill | None:
        """Tokens that say what follows the caret, if the model was trained with some."""
        ...

    @property
    def text_prefix(self) -> bytes:
        """Bytes the tokenizer expects before the first word of a text (SentencePiece: a space)."""
        ...

    def encode(self, data: bytes) -> list[int]:
        """The canonical tokens of valid UTF-8 `data`; special tokens are spelt out as text."""
        ...

    def encode_cut(self, data: bytes) -> list[int] | None:
        """The canonical tokens of `data`, which may end inside a character.

        `None` when no text that goes on from `data` is spelt with a token boundary there.
        """
        ...

    def decode(self, ids: Sequence[int]) -> bytes:
        """The bytes of `ids`, joined."""
        ...

    def is_canonical(self, data: bytes, ids: Sequence[int]) -> bool:
        """Whether the tokenizer itself would spell `data` as `ids`.

        When `data` ends inside a character: whether it would for some rest of the character.
        """
        ...

    def split_point(self, data: bytes) -> int:
        """The last byte offset at which `data` may be split before tokenising, else 0.

        Safe against any text that may follow; never inside a character.
        """
        ...
