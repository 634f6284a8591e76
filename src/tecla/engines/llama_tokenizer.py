"""The tokenizer inside a GGUF file, through llama.cpp, behind tecla's own contract.

Byte-pair vocabularies (GPT-2 style) and SentencePiece vocabularies are supported. A
SentencePiece vocabulary puts a space before the first word of a text; this shows as
`text_prefix`, and because every tail begins with a space, the space llama.cpp would add is
taken off first, so that `decode(encode(data)) == data` holds for both kinds.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tecla.engines.native import native
from tecla.errors import EngineError, InvalidTextError, UnsupportedModelError
from tecla.text import canonical
from tecla.text.base import Fill
from tecla.text.split import space_between, spaces_only_lead, split_point
from tecla.text.table import TokenTable
from tecla.text.unicode import is_text

_SPM, _BPE = 1, 2
_KINDS = {0: "none", 3: "WordPiece", 4: "Unigram (T5)", 5: "RWKV", 6: "PLaMo-2"}
_ATTR_UNKNOWN, _ATTR_UNUSED, _ATTR_CONTROL = 1, 2, 8
_CACHED_TEXTS = 16_384
_CACHED_BYTES = 64  # only texts this short are kept


class LlamaTokenizer:
    """`Tokenizer` over the vocabulary of a loaded GGUF model."""

    def __init__(self, vocab: Any, name: str, *, adds_start: bool | None = None) -> None:
        """Read every piece of `vocab` (a native pointer that must outlive this object).

        Raises `UnsupportedModelError` naming the kind of a vocabulary that is neither
        byte-pair nor SentencePiece.
        """
        self._vocab, self._name = vocab, name
        kind = native.llama_vocab_type(vocab)
        if kind not in (_SPM, _BPE):
            raise UnsupportedModelError(
                f"model {name!r} has a {_KINDS.get(kind, kind)!r} vocabulary; tecla completes "
                "with byte-pair and SentencePiece vocabularies: choose a causal language model"
            )
        self.table = TokenTable(_read_pieces(vocab))
        self.end_ids = frozenset(
            token for token in range(len(self.table)) if native.llama_vocab_is_eog(vocab, token)
        )
        self.start_id = _start_id(vocab)
        self.fill = _fill(vocab)
        self._prefixed = kind == _SPM and bool(self._raw_encode(b"a") != self._bare(b"a"))
        self.text_prefix = b" " if self._prefixed else b""
        self._splits_at_spaces = kind == _BPE or spaces_only_lead(self.table.pieces)
        self._long_tails = kind == _BPE
        self._encode_short = lru_cache(maxsize=_CACHED_TEXTS)(self._encode)

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
        return split_point(data) if self._long_tails else space_between(data)

    def close(self) -> None:
        """Forget the vocabulary, which is about to be freed."""
        self._vocab = None

    def _encode(self, data: bytes) -> tuple[int, ...]:
        if self._prefixed and data.startswith(b" "):
            return self._raw_encode(data[1:]) if len(data) > 1 else self._bare(data)
        return self._raw_encode(data)

    def _raw_encode(self, data: bytes) -> tuple[int, ...]:
        """llama.cpp's tokens of `data`, special tokens spelt out, nothing added around.

        The buffer is made per call: native code runs without the interpreter's lock, and
        several threads may tokenise at once.
        """
        if not is_text(data):  # native code would end the process
            raise InvalidTextError(
                f"{len(data)} bytes to tokenise are not UTF-8; decode them with "
                "errors='replace' first"
            )
        if self._vocab is None:
            raise EngineError(f"model {self._name!r} was closed; open it again")
        room = len(data) + 2  # no token is empty; SentencePiece may add a space
        ids = (ctypes.c_int32 * room)()
        count = native.llama_tokenize(self._vocab, data, len(data), ids, room, False, False)
        return tuple(ids[:count])

    def _bare(self, data: bytes) -> tuple[int, ...]:
        """Tokens of one short piece that is in the vocabulary as it is."""
        token = self.table.exact(data)
        return () if token is None else (token,)


def _fill(vocab: Any) -> Fill | None:
    """The tokens around a hole, where the file names all three."""
    found = Fill(
        int(native.llama_vocab_fim_pre(vocab)),
        int(native.llama_vocab_fim_suf(vocab)),
        int(native.llama_vocab_fim_mid(vocab)),
    )
    return found if min(found) >= 0 else None


def _start_id(vocab: Any) -> int | None:
    """The token a text begins with: BOS where the file asks for it, else the end of a text.

    Models trained without BOS saw documents joined by their end-of-text token.
    """
    bos, eot = int(native.llama_vocab_bos(vocab)), int(native.llama_vocab_eot(vocab))
    eos = int(native.llama_vocab_eos(vocab))
    if native.llama_vocab_get_add_bos(vocab) and bos >= 0:
        return bos
    return next((token for token in (eot, eos, bos) if token >= 0), None)


def _read_pieces(vocab: Any) -> list[bytes]:
    """The bytes of every token; none for control, unknown and unused tokens."""
    size = 256
    buffer = ctypes.create_string_buffer(size)
    pieces = []
    for token in range(native.llama_vocab_n_tokens(vocab)):
        if native.llama_vocab_get_attr(vocab, token) & (
            _ATTR_UNKNOWN | _ATTR_UNUSED | _ATTR_CONTROL
        ):
            pieces.append(b"")
            continue
        count = native.llama_token_to_piece(vocab, token, buffer, size, 0, False)
        if count < 0:
            size = -count
            buffer = ctypes.create_string_buffer(size)
            count = native.llama_token_to_piece(vocab, token, buffer, size, 0, False)
        pieces.append(buffer.raw[:count])
    return pieces
