"""What a folder's `tokenizer.json` describes, and the plain library made from it.

Byte-level byte-pair encoding (GPT-2 style) and SentencePiece's byte-pair encoding with byte
fallback are supported. What would keep a text from coming back as it was is taken out of the
description: a space put before every text, truncation, padding, and Unicode normalisation to
composed characters, which llama.cpp does not do either. A description that changes texts in other
ways (lower case, say) is refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tokenizers import Tokenizer as Library
from tokenizers.pre_tokenizers import ByteLevel

from tecla.errors import ModelFormatError, UnsupportedModelError

_WORD_START: Final = "▁"
_COMPOSING: Final = {"NFC"}
_HARMLESS: Final = {"Replace", "Prepend"}
_OLDER_FILES: Final = ("vocab.json", "tokenizer.model", "spiece.model")


def read_description(folder: Path, name: str) -> Any:
    """What `tokenizer.json` says; made from older files where there is none.

    Raises `ModelFormatError` for damaged files and `UnsupportedModelError` for a vocabulary of
    another kind or one that changes texts.
    """
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


def plain_library(described: Any, name: str) -> Library:
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


def is_byte_level(described: Any) -> bool:
    """Whether letters stand for bytes in the pieces, as in GPT-2's vocabulary."""
    parts = (described.get("pre_tokenizer"), described.get("decoder"))
    return any(step["type"] == "ByteLevel" for part in parts for step in _steps(part))


def has_pattern(described: Any) -> bool:
    """Whether a pattern cuts texts into words before they are spelt."""
    return any(
        step["type"] in ("Split", "Digits", "Punctuation", "Whitespace")
        or (step["type"] == "ByteLevel" and step.get("use_regex", True))
        for step in _steps(described.get("pre_tokenizer"))
    )


def puts_space(described: Any) -> bool:
    """Whether a space is put before a text, as SentencePiece does."""
    before = any(step["type"] == "Prepend" for step in _steps(described.get("normalizer")))
    return before or any(
        step["type"] == "Metaspace" and step.get("prepend_scheme", "always") != "never"
        for step in _steps(described.get("pre_tokenizer"))
    )


def token_pieces(library: Library, described: Any, n_vocab: int) -> list[bytes]:
    """The bytes of every token; none for control and unknown tokens and for unused ids."""
    byte_level = is_byte_level(described)
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


def read_json(path: Path) -> dict[str, Any]:
    """A document of a folder; empty if there is none that can be read."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
