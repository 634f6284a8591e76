"""From settings to a loaded model: engine, tokenizer and description. Imports engines late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tecla.engines.base import Engine
from tecla.errors import UnsupportedModelError
from tecla.models.info import ModelInfo
from tecla.models.resolve import ResolvedModel, resolve
from tecla.settings import EngineSettings, Settings
from tecla.text.base import Tokenizer

if TYPE_CHECKING:
    from torch import Tensor

TensorMaker = Callable[[npt.NDArray[np.int64]], "Tensor"]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to run; `engine.close()` frees it.

    `to_tensor`, where the engine has tensors, puts an array on its device.
    """

    engine: Engine
    tokenizer: Tokenizer
    info: ModelInfo
    to_tensor: TensorMaker | None = None


def open_model(settings: Settings) -> LoadedModel:
    """Resolve and load the model that `settings.engine` names; raises `ModelError`.

    The engine is the one the model is made for (a GGUF file: llama.cpp, a transformers folder:
    PyTorch) unless the settings name one.
    """
    wanted, paths = settings.engine, settings.paths
    found = resolve(wanted.model, models_dir=paths.models_dir, cache_dir=paths.cache_dir)
    if wanted.engine == "torch" or (wanted.engine == "auto" and found.format == "transformers"):
        return _open_torch(found, wanted, paths.cache_dir)
    return _open_llama(found, wanted, paths.cache_dir)


def describe(found: ResolvedModel, cache_dir: Path) -> ModelInfo:
    """What a model says about itself, without loading its weights; raises `ModelError`."""
    if found.format == "transformers":
        with _torch_engine(found.name):
            from tecla.engines import torch_model

            return torch_model.describe(found.path, found.name)
    from tecla.engines import llama_model
    from tecla.engines.llama_probe import check_loads

    if not found.verified:
        check_loads(found.path, cache_dir)
    return llama_model.describe(found.path, found.name)


@contextmanager
def tokenizer_of(settings: Settings) -> Iterator[Tokenizer]:
    """The tokenizer of the model that `settings.engine` names, in a `with` block; no weights.

    It gives the ids that the engine of `open_model` is fed with. Raises `ModelError`.
    """
    wanted, paths = settings.engine, settings.paths
    found = resolve(wanted.model, models_dir=paths.models_dir, cache_dir=paths.cache_dir)
    if wanted.engine == "torch" or (wanted.engine == "auto" and found.format == "transformers"):
        with _torch_engine(found.name):
            from tecla.engines import torch_model
            from tecla.engines.torch_convert import converted

        is_file = found.format == "gguf"
        folder = converted(found.path, paths.cache_dir, found.name) if is_file else found.path
        yield torch_model.tokenizer_of(folder, found.name)
        return
    if found.format == "transformers":
        raise _no_gguf(found.name)
    from tecla.engines import llama_model
    from tecla.engines.llama_probe import check_loads

    if not found.verified:
        check_loads(found.path, paths.cache_dir)
    with llama_model.tokenizer_of(found.path, found.name) as tokenizer:
        yield tokenizer


def _no_gguf(name: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"model {name!r} is a transformers folder, and engine is 'llama', which runs GGUF files: "
        "use engine='auto', or convert it with llama.cpp's convert_hf_to_gguf.py"
    )


def _open_llama(found: ResolvedModel, wanted: EngineSettings, cache_dir: Path) -> LoadedModel:
    if found.format == "transformers":
        raise _no_gguf(found.name)
    from tecla.engines.llama import LlamaEngine
    from tecla.engines.llama_model import LlamaModel
    from tecla.engines.llama_probe import check_loads

    if not found.verified:
        check_loads(found.path, cache_dir)
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


def _open_torch(found: ResolvedModel, wanted: EngineSettings, cache_dir: Path) -> LoadedModel:
    with _torch_engine(found.name):
        from tecla.engines.torch_check import check_agrees
        from tecla.engines.torch_convert import converted
        from tecla.engines.torch_engine import TorchEngine
        from tecla.engines.torch_model import TorchModel

    folder = found.path
    if found.format == "gguf":
        folder = converted(found.path, cache_dir, found.name)
    model = TorchModel(folder, name=found.name, device=wanted.device, dtype=wanted.dtype)
    try:
        engine = TorchEngine(
            model,
            context_tokens=wanted.context_tokens,
            kv_tokens=wanted.kv_tokens,
            n_slots=wanted.slots,
            n_threads=wanted.threads,
        )
        check_agrees(engine, cache_dir)
        engine.warm_up()
    except BaseException:
        model.close()
        raise
    info = replace(model.info, path=found.path)  # of a converted file that file, as for any engine
    return LoadedModel(engine, model.tokenizer, info, model.to_tensor)


@contextmanager
def _torch_engine(name: str) -> Iterator[None]:
    """Around the imports of the torch engine: what is set before, and what to do without it."""
    from tecla.engines.waiting import spin_briefly

    spin_briefly()
    try:
        yield
    except ModuleNotFoundError as error:
        raise UnsupportedModelError(
            f"model {name!r} needs the torch engine, and {error.name!r} is not installed: run "
            "`pip install 'tecla[torch]'`, or name a GGUF file"
        ) from None
