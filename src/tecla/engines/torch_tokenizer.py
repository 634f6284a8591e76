"""The tokenizer of a transformers folder behind tecla's own contract.

The `tokenizers` library spells, by a description that gives every text back as it was
(`torch_vocabulary`). What begins and ends a text and marks a hole is found in several files.

Where a text may be split is known for the usual pre-token patterns and is tried on some sentences
when the file is read; a vocabulary that fails is used without splitting, at the price of spelling
longer tails.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer as Library

from tecla.engines.tokenizing import PieceTokenizer
from tecla.engines.torch_vocabulary import (
    has_pattern,
    is_byte_level,
    plain_library,
    puts_space,
    read_description,
    read_json,
    token_pieces,
)
from tecla.errors import UnsupportedModelError
from tecla.text.base import Fill
from tecla.text.split import spaces_only_lead, split_point
from tecla.text.table import TokenTable

_ENDS: Final = (
    *("<|endoftext|>", "<|end_of_text|>", "<|eot_id|>", "<|eom_id|>", "<|im_end|>", "<|end|>"),
    *("<end_of_turn>", "<EOT>", "</s>", "<eos>", "<｜end▁of▁sentence｜>"),
)
_FILLS: Final = (
    ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    ("<fim_prefix>", "<fim_suffix>", "<fim_middle>"),
    ("<fim-prefix>", "<fim-suffix>", "<fim-middle>"),
    ("<PRE>", "<SUF>", "<MID>"),
    ("<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"),
)
_SAMPLES: Final = tuple(
    text.encode()
    for text in (
        "The future of artificial intelligence isn't what it used to be: I'll say 1999 times.",
        "def f(x):\n    return  x + 1\n\n\n# help.\n5765 (a) [b] {c}; \t 'quoted' -- ok...",
        "El niño está aquí; ¿qué día?  Agustín   dijo: «sí» — 12.5 %",
        "今日は 良い 天気です。 नमस्ते दुनिया 👩‍👩‍👧 🎉 ok Привет мир",
    )
)


class TorchTokenizer(PieceTokenizer):
    """`Tokenizer` over a folder's `tokenizer.json`."""

    def __init__(self, folder: Path, name: str, n_vocab: int) -> None:
        """Read the vocabulary; ids up to `n_vocab` that it does not have spell nothing.

        Raises `ModelFormatError` for damaged files and `UnsupportedModelError` naming the kind of
        a vocabulary that cannot be used.
        """
        described = read_description(folder, name)
        self._library = plain_library(described, name)
        ids = {token: at for token, at in self._library.get_vocab().items() if at < n_vocab}
        table = TokenTable(token_pieces(self._library, described, n_vocab))
        special = _Special(folder, described, ids, table)
        byte_level = is_byte_level(described)
        super().__init__(
            table,
            start_id=special.start_id(),
            end_ids=special.end_ids(),
            fill=special.fill(),
            text_prefix=b" " if puts_space(described) else b"",
            splits_at_spaces=has_pattern(described) or spaces_only_lead(table.pieces),
            splits_at_marks=byte_level,
        )
        self._check(name)

    def _spell(self, data: bytes) -> tuple[int, ...]:
        return tuple(self._library.encode(data.decode(), add_special_tokens=False).ids)

    def _check(self, name: str) -> None:
        """Try some sentences; raises `UnsupportedModelError` if a text does not come back."""
        for sample in _SAMPLES:
            data = self.text_prefix + sample
            if not self.table.unencodable.isdisjoint(data):
                continue
            if self.decode(self.encode(data)) != data:
                raise UnsupportedModelError(
                    f"model {name!r} has a tokenizer that changes texts: what it spells is not "
                    "what it was given; choose a model with byte-level or SentencePiece tokens"
                )
            if not all(self._splits_well(data[:end]) for end in range(len(data))):
                self._splits_at_spaces = False

    def _splits_well(self, data: bytes) -> bool:
        try:
            data.decode()
        except UnicodeDecodeError:
            return True
        at = split_point(data) if self._splits_at_marks else self.split_point(data)
        head = self.encode(data[:at]) if at else []
        return head + self.encode(data[at:]) == self.encode(data)


class _Special:
    """Which tokens begin and end texts and mark holes, as several files of a folder say."""

    def __init__(
        self, folder: Path, described: Any, ids: Mapping[str, int], table: TokenTable
    ) -> None:
        self._ids, self._table = ids, table
        self._config = read_json(folder / "tokenizer_config.json")
        self._model = read_json(folder / "config.json")
        self._generation = read_json(folder / "generation_config.json")
        whole = dict(described, padding=None, truncation=None)
        self._template = Library.from_str(json.dumps(whole))

    def start_id(self) -> int | None:
        """What the tokenizer puts before a text, else what ends one.

        Models trained without a token of their own for it saw documents joined by the end.
        """
        spelt = self._template.encode("a").ids
        if spelt and not self._table.pieces[spelt[0]]:
            return int(spelt[0])
        begin = self._named("bos_token")
        if self._config.get("add_bos_token") and begin is not None:
            return begin
        candidates = (self._control("<|endoftext|>"), self._named("eos_token"), begin)
        return next((token for token in candidates if token is not None), None)

    def end_ids(self) -> frozenset[int]:
        """Every token by which a text may end."""
        found = {self._control(name) for name in _ENDS} | {self._named("eos_token")}
        for document in (self._model, self._generation):
            named = document.get("eos_token_id")
            found.update(named if isinstance(named, list) else [named])
        known = range(len(self._table))
        return frozenset(token for token in found if isinstance(token, int) and token in known)

    def fill(self) -> Fill | None:
        """The tokens around a hole, where the vocabulary has all three."""
        for names in _FILLS:
            prefix, suffix, middle = map(self._control, names)
            if prefix is not None and suffix is not None and middle is not None:
                return Fill(prefix, suffix, middle)
        return None

    def _control(self, name: str) -> int | None:
        token = self._ids.get(name)
        return token if token is not None and not self._table.pieces[token] else None

    def _named(self, role: str) -> int | None:
        value = self._config.get(role)
        name = value.get("content") if isinstance(value, dict) else value
        return self._ids.get(name) if isinstance(name, str) else None
