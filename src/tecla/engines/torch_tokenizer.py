"""The tokenizer of a transformers folder behind tecla's own contract.

Reads `tokenizer.json`; byte-level byte-pair encoding (GPT-2 style) and SentencePiece's byte-pair
encoding with byte fallback are supported. The `tokenizers` library spells; what would keep a text
from coming back as it was is taken out of the file's description first: a space put before every
text (it shows as `text_prefix` instead), truncation, padding, and Unicode normalisation to composed
characters, which llama.cpp does not do either. A description that changes texts in other ways
(lower case, say) is refused by name.

Where a text may be split is known for the usual pre-token patterns and is tried on some sentences
when the file is read; a vocabulary that fails is used without splitting, at the price of spelling
longer tails.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer as Library
from tokenizers.pre_tokenizers import ByteLevel

from tecla.engines.tokenizing import PieceTokenizer
from tecla.errors import ModelFormatError, UnsupportedModelError
from tecla.text.base import Fill
from tecla.text.split import spaces_only_lead, split_point
from tecla.text.table import TokenTable

_WORD_START: Final = "▁"
_COMPOSING: Final = {"NFC"}
_HARMLESS: Final = {"Replace", "Prepend"}
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
_OLDER_FILES: Final = ("vocab.json", "tokenizer.model", "spiece.model")
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
        described = _read_description(folder, name)
        self._library = _plain_library(described, name)
        ids = {token: at for token, at in self._library.get_vocab().items() if at < n_vocab}
        table = TokenTable(_pieces(self._library, described, n_vocab))
        special = _Special(folder, described, ids, table)
        byte_level = _is_byte_level(described)
        super().__init__(
            table,
            start_id=special.start_id(),
            end_ids=special.end_ids(),
            fill=special.fill(),
            text_prefix=b" " if _puts_space(described) else b"",
            splits_at_spaces=_has_pattern(described) or spaces_only_lead(table.pieces),
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
        self._config = _read_json(folder / "tokenizer_config.json")
        self._model = _read_json(folder / "config.json")
        self._generation = _read_json(folder / "generation_config.json")
        self._template = Library.from_str(json.dumps(described))

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


def _read_description(folder: Path, name: str) -> Any:
    """What `tokenizer.json` says; made from older files where there is none."""
    path = folder / "tokenizer.json"
    try:
        described = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        described = _converted(folder, name)
    except (OSError, ValueError) as error:
        raise ModelFormatError(
            f"cannot read {str(path)!r} ({type(error).__name__}); download the model again"
        ) from error
    kind = described.get("model", {}).get("type") if isinstance(described, dict) else None
    if kind != "BPE":
        raise UnsupportedModelError(
            f"model {name!r} has a {kind!r} vocabulary; tecla completes with byte-pair and "
            "SentencePiece byte-pair vocabularies: choose a causal language model that has one"
        )
    for step in _steps(described.get("normalizer")):
        if step["type"] not in _COMPOSING | _HARMLESS:
            raise UnsupportedModelError(
                f"model {name!r} has a tokenizer that changes texts ({step['type']}); tecla needs "
                "one that gives them back as they were: choose another model"
            )
    return described


def _converted(folder: Path, name: str) -> Any:
    """The description that transformers makes from `vocab.json` or `tokenizer.model`."""
    from transformers import AutoTokenizer

    try:
        if not any((folder / file).is_file() for file in _OLDER_FILES):
            raise FileNotFoundError  # the library would make an empty one
        loaded = AutoTokenizer.from_pretrained(
            folder, use_fast=True, local_files_only=True, trust_remote_code=False
        )
        return json.loads(loaded.backend_tokenizer.to_str())
    except Exception as error:  # whatever a folder without a tokenizer leads the library to
        raise UnsupportedModelError(
            f"model {name!r} has no tokenizer.json in {str(folder)!r} and none can be made from "
            f"what is there ({type(error).__name__}); save its tokenizer with save_pretrained"
        ) from error


def _plain_library(described: Any, name: str) -> Library:
    """The library without anything that changes a text or adds to it."""
    plain = dict(described, truncation=None, padding=None, post_processor=None)
    plain["normalizer"] = _without(described.get("normalizer"), _COMPOSING | {"Prepend"})
    plain["pre_tokenizer"] = json.loads(json.dumps(described.get("pre_tokenizer")))
    for step in _steps(plain["pre_tokenizer"]):
        if step["type"] == "Metaspace":
            step["prepend_scheme"] = "never"
        elif step["type"] == "ByteLevel":
            step["add_prefix_space"] = False
    try:
        library = Library.from_str(json.dumps(plain))
    except Exception as error:  # the library raises Exception itself
        raise ModelFormatError(
            f"the tokenizer.json of model {name!r} cannot be read ({error}); download it again"
        ) from error
    library.encode_special_tokens = True  # a text that spells one is ordinary text
    return library


def _steps(component: Any) -> Iterator[dict[str, Any]]:
    """The steps of a component, those of sequences one by one."""
    if not isinstance(component, dict):
        return
    if component.get("type") == "Sequence":
        for key in ("normalizers", "pretokenizers", "decoders", "processors"):
            for step in component.get(key, ()):
                yield from _steps(step)
    else:
        yield component


def _without(component: Any, kinds: set[str]) -> Any:
    """A normalizer without the steps of some kinds."""
    steps = [step for step in _steps(component) if step["type"] not in kinds]
    if len(steps) < 2:
        return steps[0] if steps else None
    return {"type": "Sequence", "normalizers": steps}


def _is_byte_level(described: Any) -> bool:
    parts = (described.get("pre_tokenizer"), described.get("decoder"))
    return any(step["type"] == "ByteLevel" for part in parts for step in _steps(part))


def _has_pattern(described: Any) -> bool:
    """Whether a pattern cuts texts into words before they are spelt."""
    return any(
        step["type"] in ("Split", "Digits", "Punctuation", "Whitespace")
        or (step["type"] == "ByteLevel" and step.get("use_regex", True))
        for step in _steps(described.get("pre_tokenizer"))
    )


def _puts_space(described: Any) -> bool:
    """Whether a space is put before a text, as SentencePiece does."""
    before = any(step["type"] == "Prepend" for step in _steps(described.get("normalizer")))
    return before or any(
        step["type"] == "Metaspace" and step.get("prepend_scheme", "always") != "never"
        for step in _steps(described.get("pre_tokenizer"))
    )


def _pieces(library: Library, described: Any, n_vocab: int) -> list[bytes]:
    """The bytes of every token; none for control and unknown tokens and for unused ids."""
    byte_level = _is_byte_level(described)
    alphabet = _byte_alphabet() if byte_level else {}
    unknown = described["model"].get("unk_token")
    pieces = [b""] * n_vocab
    for token, at in library.get_vocab(with_added_tokens=False).items():
        if at >= n_vocab or (token == unknown and not byte_level):
            continue
        if byte_level and all(character in alphabet for character in token):
            pieces[at] = bytes(alphabet[character] for character in token)
        elif not byte_level and len(token) == 6 and token.startswith("<0x"):
            pieces[at] = bytes([int(token[3:5], 16)])
        else:
            pieces[at] = token.replace(_WORD_START, " ").encode()
    for at, added in library.get_added_tokens_decoder().items():
        if at < n_vocab:
            pieces[at] = b"" if added.special else added.content.encode()
    return pieces


def _byte_alphabet() -> dict[str, int]:
    """The byte that each letter of the byte-level alphabet stands for (GPT-2's `bytes_to_unicode`).

    The library gives the letters without their bytes: printable ones stand for themselves, the
    others follow in the order of the bytes.
    """
    letters = set(ByteLevel.alphabet())
    own = {byte for byte in range(256) if chr(byte) in letters}
    moved = sorted(letters - {chr(byte) for byte in own})
    rest = (byte for byte in range(256) if byte not in own)
    return {chr(byte): byte for byte in own} | dict(zip(moved, rest, strict=True))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
