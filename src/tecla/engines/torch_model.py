"""Loading a transformers folder: checks first, then the weights.

Owns the PyTorch module. What can be known without the weights is checked before they are read: the
files, the architecture (`torch_shape`), the memory. Weights come from safetensors files alone, and
code from the installed transformers alone: no pickle is opened and nothing from the folder is run.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig
from transformers.utils import logging as transformers_logging

from tecla.engines import torch_attention
from tecla.engines.fingerprint import fingerprint
from tecla.engines.torch_device import DTYPES, check_fits, choose_device, choose_dtype
from tecla.engines.torch_int8 import check_can_round, rounded_to_int8
from tecla.engines.torch_shape import ModelShape, shape_of
from tecla.engines.torch_tokenizer import TorchTokenizer
from tecla.errors import ModelFormatError, UnsupportedModelError
from tecla.machine import physical_cores
from tecla.models.info import ModelInfo
from tecla.settings import Device, Precision

_LICENCE: Final = re.compile(r"^licen[cs]e:\s*(\S+)\s*$", re.MULTILINE)


class TorchModel:
    """A loaded causal language model: its module, tokenizer and description."""

    def __init__(
        self,
        folder: Path,
        *,
        name: str | None = None,
        device: Device = "auto",
        dtype: Precision = "auto",
    ) -> None:
        """Load the model in `folder`.

        Raises `ModelFormatError` for a folder with missing or damaged files,
        `UnsupportedModelError` for a model or device that cannot be used, and
        `ModelTooLargeError` before loading weights that do not fit in memory.
        """
        self.folder = folder
        self.name = name or folder.name
        self._config = read_config(folder, self.name)
        self.weight_files = sorted(folder.glob("*.safetensors"))
        self.device = choose_device(device)
        self.dtype = choose_dtype(dtype, self.device, _stored_dtype(self._config))
        self.is_int8 = dtype == "int8"
        if self.is_int8:
            check_can_round(self.name, self.device)
        self.shape: ModelShape = shape_of(self._config, self.name)
        self.check_memory(0)
        self.tokenizer = TorchTokenizer(folder, self.name, self.shape.n_vocab)
        self.module: Any = self._load()
        self.n_threads = physical_cores()
        self.fingerprint = fingerprint(self.weight_files, self.precision)
        self.info = _info(folder, self.name, self._config, self.weight_files)

    @property
    def precision(self) -> str:
        """What weights are kept in; activations, keys and values are in `dtype`."""
        return "int8" if self.is_int8 else str(self.dtype).removeprefix("torch.")

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes of keys and values of one token."""
        return self.shape.kv_values_per_token * self.dtype.itemsize

    def check_memory(self, kv_tokens: int) -> None:
        """Raise `ModelTooLargeError` unless weights (if not loaded yet) and KV memory fit."""
        loaded = getattr(self, "module", None) is not None
        weights_bytes = 0 if loaded else self.shape.n_weights * self.dtype.itemsize
        check_fits(self.name, weights_bytes, kv_tokens * self.kv_bytes_per_token, self.device)

    def to_tensor(self, array: npt.NDArray[np.int64]) -> torch.Tensor:
        """An array as a tensor on the device of the model."""
        return torch.from_numpy(array).to(self.device)

    def close(self) -> None:
        """Let go of the weights; safe to call twice."""
        self.module = None
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _load(self) -> Any:
        try:
            with quietly():
                factory: Any = AutoModelForCausalLM  # its annotation knows one result, not two
                module, said = factory.from_pretrained(
                    self.folder,
                    config=self._config,
                    dtype=self.dtype,
                    attn_implementation=torch_attention.NAME,
                    use_safetensors=True,
                    local_files_only=True,
                    trust_remote_code=False,
                    ignore_mismatched_sizes=True,  # they are told, and refused below
                    output_loading_info=True,
                )
        except (SafetensorError, OSError, ValueError, RuntimeError, KeyError) as error:
            raise ModelFormatError(
                f"the weights in {str(self.folder)!r} cannot be loaded ({first_line(error)}); "
                "they may be truncated or altered: download or convert them again"
            ) from error
        absent = sorted([*said["missing_keys"], *(key for key, *_ in said["mismatched_keys"])])
        if absent:
            raise ModelFormatError(
                f"the weights in {str(self.folder)!r} lack {len(absent)} tensors of the model its "
                f"config.json describes, or have other sizes (first: {absent[0]!r}); download or "
                "convert it again"
            )
        module.config.pad_token_id = None  # else some models look for padding in every batch
        module.eval().requires_grad_(False).to(self.device)
        if self.is_int8:
            rounded_to_int8(module)
        return module


def read_config(folder: Path, name: str) -> PreTrainedConfig:
    """The configuration of a folder, after a look at what it asks for.

    Raises `ModelFormatError` for a folder without a readable config.json, and
    `UnsupportedModelError` for one that needs code of its own or is quantised.
    """
    path = folder / "config.json"
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelFormatError(
            f"cannot read {str(path)!r} ({first_line(error)}); download the model again"
        ) from error
    kind = document.get("model_type") if isinstance(document, dict) else None
    if not isinstance(kind, str):
        raise ModelFormatError(
            f"{str(path)!r} names no model_type; it is no configuration of a transformers model"
        )
    if document.get("quantization_config"):
        raise UnsupportedModelError(
            f"model {name!r} has quantised weights, which the torch engine does not read; use the "
            "model they were made from, or a GGUF file of it"
        )
    try:
        with quietly():
            config: PreTrainedConfig = AutoConfig.from_pretrained(
                folder, trust_remote_code=False, local_files_only=True
            )
            return config
    except Exception as error:  # each kind checks its values in its own way
        raise UnsupportedModelError(
            f"model {name!r} is of the kind {kind!r}, which the installed transformers cannot "
            f"build without code from its folder ({first_line(error)}): a newer transformers may "
            "know it; else use a GGUF file of it"
        ) from error


def describe(folder: Path, name: str) -> ModelInfo:
    """What a folder says about itself, without loading its weights."""
    config = read_config(folder, name)
    return _info(folder, name, config, sorted(folder.glob("*.safetensors")))


def tokenizer_of(folder: Path, name: str) -> TorchTokenizer:
    """The tokenizer of a folder, without its weights; raises as `TorchModel`."""
    return TorchTokenizer(folder, name, shape_of(read_config(folder, name), name).n_vocab)


def _info(folder: Path, name: str, config: PreTrainedConfig, weights: list[Path]) -> ModelInfo:
    length = getattr(config.get_text_config(), "max_position_embeddings", None)
    return ModelInfo(
        name=name,
        path=folder,
        size_bytes=sum(path.stat().st_size for path in weights),
        architecture=str(config.model_type),
        licence=_licence(folder),
        trained_context_tokens=int(length or 0),
    )


def _stored_dtype(config: PreTrainedConfig) -> torch.dtype | None:
    """The precision of the weights in the files, as the configuration says."""
    stated = config.dtype
    return stated if isinstance(stated, torch.dtype) else DTYPES.get(str(stated))


def _licence(folder: Path) -> str | None:
    """What the head of the model card says."""
    try:
        head = (folder / "README.md").read_text(encoding="utf-8")[:4096]
    except (OSError, UnicodeDecodeError):
        return None
    found = _LICENCE.search(head)
    return found[1] if found else None


def first_line(error: Exception) -> str:
    """What an error of a library says first, for a message."""
    return (str(error).strip() or type(error).__name__).split("\n", 1)[0][:200]


@contextmanager
def quietly() -> Iterator[None]:
    """Work without transformers' reports and progress bars: what matters is checked here."""
    library: Any = transformers_logging  # not annotated
    logger = logging.getLogger("transformers")
    before, bars = logger.level, library.is_progress_bar_enabled()
    logger.setLevel(logging.CRITICAL)
    library.disable_progress_bar()
    try:
        yield
    finally:
        logger.setLevel(before)
        if bars:
            library.enable_progress_bar()
