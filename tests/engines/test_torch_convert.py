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


@pytest.fixture(scope="module")
def default_folder(
    default_model: LoadedModel, tmp_path_factory: pytest.TempPathFactory
) -> LoadedModel:
    folder = tmp_path_factory.mktemp("default")
    return open_with("torch", default_model.info.path, folder)


@pytest.mark.soak
def test_the_default_model_says_the_same_on_both_engines(
    default_model: LoadedModel, default_folder: LoadedModel
) -> None:
    """At a thousand positions: llama.cpp multiplies by 4-bit weights in 8-bit steps, PyTorch not.

    So the scores differ by what llama.cpp rounds; the text's own tokens by less.
    """
    text = (tiny_gguf.CORPUS * 4).encode()
    ids = default_model.tokenizer.encode(text)
    assert default_folder.tokenizer.encode(text) == ids
    start = default_model.tokenizer.start_id
    assert default_folder.tokenizer.start_id == start
    sequences = [[start or 0, *ids[at : at + 250]] for at in range(0, 1000, 250)]
    pairs = [
        (logprobs(default_model.engine, each), logprobs(default_folder.engine, each))
        for each in sequences
    ]
    same = np.concatenate([one.argmax(1) == other.argmax(1) for one, other in pairs])
    apart = np.concatenate(
        [
            abs(one - other)[np.arange(len(each) - 1), each[1:]]
            for each, (one, other) in zip(
                sequences, ((a[:-1], b[:-1]) for a, b in pairs), strict=True
            )
        ]
    )
    assert len(apart) >= 1000
    assert same.mean() > 0.9
    assert apart.mean() < 0.1
