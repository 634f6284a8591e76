"""A GGUF file as a transformers folder, made once and kept in the cache folder.

transformers itself reads GGUF files and turns quantised weights back into numbers; what it does
anew at every load is done here once, and kept as safetensors in float16 (a 4-bit weight is a small
number times a float16, so nothing of weight is lost). The folder is named after the hash of the
file, written under another name and renamed when it is complete.

What transformers reads of the tokenizer lacks the pattern by which texts are cut into words, which
a GGUF file only names (`tokenizer.ggml.pre`). The patterns of the names below are those of the
models they are from; a file with another name is refused rather than spelt wrongly.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, Final

import torch
from gguf import GGUFReader
from safetensors.torch import save_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from tecla.engines.torch_device import check_fits
from tecla.engines.torch_model import first_line, quietly
from tecla.engines.torch_shape import shape_of
from tecla.errors import ModelFormatError, UnsupportedModelError
from tecla.files import sha256_of

_BYTES_PER_WEIGHT: Final = 8  # while converting: float32 as it is read, float16 as it is kept
_GPT2: Final = {
    "type": "ByteLevel",
    "add_prefix_space": False,
    "trim_offsets": True,
    "use_regex": True,
}
_CONTRACTIONS: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"


def _split_by(pattern: str) -> dict[str, Any]:
    """Cut by a pattern of its own, then spell bytes."""
    split = {
        "type": "Split",
        "pattern": {"Regex": pattern},
        "behavior": "Isolated",
        "invert": False,
    }
    return {"type": "Sequence", "pretokenizers": [split, {**_GPT2, "use_regex": False}]}


_PATTERNS: Final[dict[str, dict[str, Any]]] = {
    "gpt-2": _GPT2,
    "smollm": {
        "type": "Sequence",
        "pretokenizers": [{"type": "Digits", "individual_digits": True}, _GPT2],
    },
    "llama-bpe": _split_by(
        _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
    "qwen2": _split_by(
        _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
        r"|\s*[\r\n]+|\s+(?!\S)|\s+"
    ),
}


def converted(path: Path, cache_dir: Path, name: str) -> Path:
    """The transformers folder of a GGUF file, made if it was not made before.

    Takes some seconds and, for a while, eight bytes of memory for each weight. Raises
    `UnsupportedModelError` for what transformers cannot read, `ModelTooLargeError` before running
    out of memory.
    """
    folder = cache_dir / "converted" / f"{path.stem}-{sha256_of(path)[:16]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    try:
        _convert(path, unfinished, name)
        unfinished.rename(folder)
    except OSError:
        if not folder.is_dir():  # another process may have been faster
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _convert(path: Path, folder: Path, name: str) -> None:
    source: dict[str, Any] = {"gguf_file": path.name, "local_files_only": True}
    factory: Any = AutoModelForCausalLM  # not annotated
    tokenizers: Any = AutoTokenizer
    try:
        pattern = _pattern(path, name)
        with quietly(), redirect_stderr(io.StringIO()):  # a progress bar that asks nobody
            config = AutoConfig.from_pretrained(path.parent, **source)
            weights_bytes = shape_of(config, name).n_weights * _BYTES_PER_WEIGHT
            check_fits(name, weights_bytes, 0, torch.device("cpu"))
            model = factory.from_pretrained(path.parent, dtype=torch.float16, **source)
            tokenizer = tokenizers.from_pretrained(path.parent, **source)
    except (ValueError, KeyError, OSError, NotImplementedError) as error:
        raise UnsupportedModelError(
            f"model {name!r} cannot be converted for the torch engine ({first_line(error)}); run "
            "it with engine='llama'"
        ) from error
    described = model.config.to_dict()
    described.pop("quantization_config", None)
    described.pop("_name_or_path", None)
    described |= {"architectures": [type(model).__name__], "dtype": "float16"}
    _write(folder / "config.json", described)
    spelling = json.loads(tokenizer.backend_tokenizer.to_str())
    if pattern is not None:
        spelling["pre_tokenizer"] = pattern
    _write(folder / "tokenizer.json", spelling)
    _write(
        folder / "tokenizer_config.json",
        {
            "bos_token": tokenizer.bos_token,
            "eos_token": tokenizer.eos_token,
            "add_bos_token": bool(_field(path, "tokenizer.ggml.add_bos_token")),
        },
    )
    save_model(model, str(folder / "model.safetensors"), metadata={"format": "pt"})


def _pattern(path: Path, name: str) -> dict[str, Any] | None:
    """How texts are cut into words; `None` for a SentencePiece vocabulary, which does not."""
    if _field(path, "tokenizer.ggml.model") != "gpt2":
        return None
    kind = _field(path, "tokenizer.ggml.pre")
    if kind not in _PATTERNS:
        raise UnsupportedModelError(
            f"model {name!r} cuts texts in the way {kind!r}, which the torch engine knows only "
            f"from a transformers folder (of GGUF files it knows {', '.join(_PATTERNS)}); run it "
            "with engine='llama', or name the folder it was made from"
        )
    return _PATTERNS[kind]


def _field(path: Path, key: str) -> Any:
    """A value of the file's metadata; `None` if it has none."""
    try:
        found = GGUFReader(path).get_field(key)
    except (ValueError, OSError, IndexError, KeyError) as error:
        raise ModelFormatError(
            f"{str(path)!r} cannot be read ({first_line(error)}); the file may be truncated: "
            "download it again"
        ) from error
    return None if found is None else found.contents()


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
