"""The tokenizer inside a GGUF file, through llama.cpp, behind tecla's own contract.

Byte-pair vocabularies (GPT-2 style) and SentencePiece vocabularies are supported. A
SentencePiece vocabulary puts a space before the first word of a text; this shows as
`text_prefix`, and because every tail begins with a space, the space llama.cpp would add is
taken off first, so that `decode(encode(data)) == data` holds for both kinds.
"""

from __future__ import annotations

import ctypes
from typing import Any

from tecla.engines.native import native
from tecla.engines.tokenizing import PieceTokenizer
from tecla.errors import EngineError, UnsupportedModelError
from tecla.text.base import Fill
from tecla.text.split import spaces_only_lead
from tecla.text.table import TokenTable

_SPM, _BPE = 1, 2
_KINDS = {0: "none", 3: "WordPiece", 4: "Unigram (T5)", 5: "RWKV", 6: "PLaMo-2"}
_ATTR_UNKNOWN, _ATTR_UNUSED, _ATTR_CONTROL, _ATTR_BYTE = 1, 2, 8, 32


class LlamaTokenizer(PieceTokenizer):
    """`Tokenizer` over the vocabulary of a loaded GGUF model."""

    def __init__(self, vocab: Any, name: str) -> None:
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
        table = TokenTable(_read_pieces(vocab))
        self._space = _lone_space(vocab, table)
        self._prefixed = kind == _SPM and self._raw(b"a") != (table.exact(b"a"),)
        super().__init__(
            table,
            start_id=_start_id(vocab),
            end_ids=frozenset(
                token for token in range(len(table)) if native.llama_vocab_is_eog(vocab, token)
            ),
            fill=_fill(vocab),
            text_prefix=b" " if self._prefixed else b"",
            splits_at_spaces=kind == _BPE or spaces_only_lead(table.pieces),
            splits_at_marks=kind == _BPE,
        )

    def close(self) -> None:
        """Forget the vocabulary, which is about to be freed."""
        self._vocab = None

    def _spell(self, data: bytes) -> tuple[int, ...]:
        if not self._prefixed or not data.startswith(b" "):
            return self._raw(data)
        if len(data) > 1:
            return self._raw(data[1:])
        return () if self._space is None else (self._space,)

    def _raw(self, data: bytes) -> tuple[int, ...]:
        """llama.cpp's tokens of `data`, which must be UTF-8: else it ends the process.

        The buffer is made per call: native code runs without the interpreter's lock, and
        several threads may tokenise at once.
        """
        if self._vocab is None:
            raise EngineError(f"model {self._name!r} was closed; open it again")
        room = len(data) + 2  # no token is empty; SentencePiece may add a space
        ids = (ctypes.c_int32 * room)()
        count = native.llama_tokenize(self._vocab, data, len(data), ids, room, False, False)
        return tuple(ids[:count])


def _fill(vocab: Any) -> Fill | None:
    """The tokens around a hole, where the file names all three."""
    found = Fill(
        int(native.llama_vocab_fim_pre(vocab)),
        int(native.llama_vocab_fim_suf(vocab)),
        int(native.llama_vocab_fim_mid(vocab)),
    )
    return found if min(found) >= 0 else None


def _lone_space(vocab: Any, table: TokenTable) -> int | None:
    """The token of a space that stands alone: not that of its byte, which has the same bytes."""
    return next(
        (
            token
            for token, piece in enumerate(table.pieces)
            if piece == b" " and not native.llama_vocab_get_attr(vocab, token) & _ATTR_BYTE
        ),
        table.exact(b" "),
    )


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
