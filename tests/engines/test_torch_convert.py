"""GGUF files on the transformers engine: converted once, the same scores as llama.cpp gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tiny_gguf
from tecla.engines import torch_convert
from tecla.engines.base import Engine, Feed
from tecla.engines.factory import LoadedModel, open_model
from tecla.engines.native import native
from tecla.engines.torch_convert import converted
from tecla.errors import ModelFormatError, UnsupportedModelError
from tecla.settings import EngineName, EngineSettings, PathSettings, Settings

WRITERS: dict[str, Callable[[Path], Path]] = {
    "gpt-2": lambda path: tiny_gguf.write_bpe_llama(path, pre="gpt-2"),
    "smollm": lambda path: tiny_gguf.write_bpe_llama(path, pre="smollm"),
    "llama-bpe": lambda path: tiny_gguf.write_bpe_llama(path, pre="llama-bpe"),
    "qwen2": lambda path: tiny_gguf.write_bpe_llama(path, pre="qwen2"),
    "sentencepiece": tiny_gguf.write_spm_llama,
}
TEXTS = [
    *("The river in 1999, I'll say: 12345 x", "help.\n\n5765 (a) [b]", "  two  spaces\t\n ok"),
    *("¿Qué día es? — nºß", "今日は 良い", "don't DON'T we'd 3.14", "a" * 40),
]


def open_with(engine: EngineName, path: Path, cache_dir: Path) -> LoadedModel:
    wanted = EngineSettings(
        model=str(path), engine=engine, context_tokens=512, slots=8, threads=1, device="cpu"
    )
    return open_model(Settings(wanted, paths=PathSettings(cache_dir / "models", cache_dir)))


def logprobs(engine: Engine, ids: list[int]) -> np.ndarray:
    """Log-probabilities of every token after each of `ids`, `[ids, vocabulary]`."""
    rows, at = [], 0
    while at < len(ids):
        chunk = ids[at : at + engine.score_rows]
        scores = engine.eval([Feed(0, chunk, len(chunk))])
        rows += [scores.gather(row, None) for row in range(scores.rows)]
        at += len(chunk)
    engine.clear(0)
    return np.array(rows)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITERS)
def test_both_engines_read_a_file_alike(kind: str, tmp_path: Path) -> None:
    path = WRITERS[kind](tmp_path / "tiny.gguf")
    llama, torch = (open_with(engine, path, tmp_path) for engine in ("llama", "torch"))
    assert torch.info.name == llama.info.name == "tiny"
    assert torch.info.architecture == llama.info.architecture == "llama"
    assert torch.tokenizer.table.pieces == llama.tokenizer.table.pieces
    assert torch.tokenizer.start_id == llama.tokenizer.start_id
    assert torch.tokenizer.end_ids == llama.tokenizer.end_ids
    assert torch.info.path == llama.info.path == path  # by which its curves are found
    for text in TEXTS:
        data = llama.tokenizer.text_prefix + text.encode()
        assert torch.tokenizer.encode(data) == llama.tokenizer.encode(data), text
    ids = llama.tokenizer.encode(llama.tokenizer.text_prefix + tiny_gguf.CORPUS.encode())[:120]
    # Weights in float16 here, keys and values in float16 there.
    assert abs(logprobs(torch.engine, ids) - logprobs(llama.engine, ids)).max() < 0.05
    for loaded in (llama, torch):
        loaded.engine.close()


@pytest.mark.slow
def test_a_file_is_converted_once_and_anew_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tiny_gguf.write_bpe_llama(tmp_path / "tiny.gguf")
    made = converted(path, tmp_path, "tiny")
    assert sorted(file.name for file in made.iterdir()) == [
        "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    ]  # fmt: skip
    assert "quantization_config" not in json.loads((made / "config.json").read_text())
    with monkeypatch.context() as patch:
        patch.setattr(torch_convert, "_convert", None)
        assert converted(path, tmp_path, "tiny") == made
    tiny_gguf.write_bpe_llama(path, seed=5)
    assert converted(path, tmp_path, "tiny") != made
    assert len([*(tmp_path / "converted").iterdir()]) == 2


REFUSED: dict[str, tuple[Callable[[Path], object], type[Exception], str]] = {
    "recurrent": (tiny_gguf.write_mamba, UnsupportedModelError, r"cannot be|engine='llama'"),
    "pattern": (
        lambda path: tiny_gguf.write_bpe_llama(path, pre="falcon"),
        UnsupportedModelError,
        "'falcon', which the torch engine knows only",
    ),
    "no_gguf": (lambda path: path.write_bytes(b"no such thing"), ModelFormatError, "truncated"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_converted_leaves_nothing_behind(kind: str, tmp_path: Path) -> None:
    write, error, message = REFUSED[kind]
    path = tmp_path / "tiny.gguf"
    write(path)
    with pytest.raises(error, match=message):
        converted(path, tmp_path, "tiny")
    assert [*(tmp_path / "converted").iterdir()] == []


def in_half_precision(path: Path, folder: Path) -> Path:
    """The file with its weights as float16, by llama.cpp itself."""
    params = native.llama_model_quantize_default_params()
    params.ftype = native.LLAMA_FTYPE_MOSTLY_F16
    params.allow_requantize = True
    made = folder / "half.gguf"
    done = native.llama_model_quantize(str(path).encode(), str(made).encode(), params)
    assert done == 0
    return made


@pytest.mark.soak
def test_the_default_model_says_the_same_on_both_engines(
    default_model: LoadedModel, tmp_path: Path
) -> None:
    """At a thousand positions of text, with the same weights in float16.

    llama.cpp rounds activations, keys and values to float16 as well and PyTorch does not, so
    probabilities of the text's tokens differ by some thousandths.
    """
    text = (tiny_gguf.CORPUS * 4).encode()
    path = in_half_precision(default_model.info.path, tmp_path)
    one, other = (open_with(engine, path, tmp_path) for engine in ("llama", "torch"))
    ids = one.tokenizer.encode(text)
    assert other.tokenizer.encode(text) == ids
    start = one.tokenizer.start_id
    assert other.tokenizer.start_id == start is not None
    same, apart = [], []
    for at in range(0, 1000, 250):
        sequence = [start, *ids[at : at + 250]]
        found, expected = (logprobs(loaded.engine, sequence[:-1]) for loaded in (other, one))
        following = np.arange(len(found)), sequence[1:]
        same += list(found.argmax(1) == expected.argmax(1))
        apart += list(abs(found[following] - expected[following]))
    print(f"same best token {np.mean(same):.4f}, apart {np.mean(apart):.5f}, {np.max(apart):.4f}")
    assert len(apart) == 1000
    assert np.mean(same) >= 0.99
    assert np.mean(apart) < 0.01
    for loaded in (one, other):
        loaded.engine.close()
