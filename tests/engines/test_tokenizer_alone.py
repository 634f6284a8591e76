"""A tokenizer without its model gives the ids that the model's own gives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import tiny_gguf
from tecla.engines.factory import LoadedModel, tokenizer_of
from tecla.errors import UnknownModelError
from tecla.settings import EngineSettings, PathSettings, Settings

TEXT = "It's 12345 tokens,\n\n  whitespace — y «español» 日本語."


def settings_of(folder: Path, model: str = "default") -> Settings:
    paths = PathSettings(models_dir=folder / "models", cache_dir=folder / "cache")
    return Settings(engine=EngineSettings(model=model), paths=paths)


@pytest.mark.slow
def test_the_tokenizer_of_the_default_model(default_model: LoadedModel, tmp_path: Path) -> None:
    with tokenizer_of(settings_of(tmp_path)) as tokenizer:
        assert tokenizer.table.pieces == default_model.tokenizer.table.pieces
        assert tokenizer.encode(TEXT.encode()) == default_model.tokenizer.encode(TEXT.encode())


@pytest.mark.slow
def test_the_tokenizer_of_a_file_that_was_never_seen(tmp_path: Path) -> None:
    path = tiny_gguf.write_bpe_llama(tmp_path / "tiny.gguf")
    settings = settings_of(tmp_path, str(path))
    with tokenizer_of(settings) as tokenizer:
        ids = tokenizer.encode(b"the end")
        assert b"".join(tokenizer.table.pieces[each] for each in ids) == b"the end"


def test_no_model_no_tokenizer(tmp_path: Path) -> None:
    wanted = replace(settings_of(tmp_path), engine=EngineSettings(model="nobody"))
    with pytest.raises(UnknownModelError), tokenizer_of(wanted):
        pass
