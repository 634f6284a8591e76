"""From settings to a loaded model: engine, tokenizer and description. Imports engines late."""

from __future__ import annotations

from dataclasses import dataclass

from tecla.engines.base import Engine
from tecla.errors import UnsupportedModelError
from tecla.models.info import ModelInfo
from tecla.models.resolve import resolve
from tecla.settings import Settings
from tecla.text.base import Tokenizer


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to run; `engine.close()` frees it."""

    engine: Engine
    tokenizer: Tokenizer
    info: ModelInfo


def open_model(settings: Settings) -> LoadedModel:
    """Resolve and load the model that `settings.engine` names; raises `ModelError`."""
    wanted, paths = settings.engine, settings.paths
    found = resolve(wanted.model, models_dir=paths.models_dir, cache_dir=paths.cache_dir)
    if found.format == "transformers":
        raise UnsupportedModelError(
            f"model {found.name!r} is a transformers folder, and this version of tecla runs GGUF "
            "files: convert it with llama.cpp's convert_hf_to_gguf.py and name the file"
        )
    from tecla.engines.llama import LlamaEngine
    from tecla.engines.llama_model import LlamaModel
    from tecla.engines.llama_probe import check_loads

    if not found.verified:
        check_loads(found.path, paths.cache_dir)

    model = LlamaModel(found.path, name=found.name, device=wanted.device)
    try:
        engine = LlamaEngine(
            model,
            context_tokens=wanted.context_tokens,
            kv_tokens=wanted.kv_tokens,
            n_slots=wanted.slots,
            n_threads=wanted.threads,
        )
    except BaseException:
        model.close()
        raise
    return LoadedModel(engine, model.tokenizer, model.info)
