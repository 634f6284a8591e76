"""Loading a GGUF file with llama.cpp: checks first, then the native model and what it says.

Owns the native model pointer. Everything that can be said about a file without native code
(its magic, its size against the machine's memory) is checked before native code sees it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tecla.engines import native_log
from tecla.engines.fingerprint import fingerprint
from tecla.engines.llama_tokenizer import LlamaTokenizer
from tecla.engines.native import native
from tecla.errors import ModelFormatError, ModelTooLargeError, UnsupportedModelError
from tecla.machine import available_memory_bytes, physical_cores
from tecla.models.info import ModelInfo
from tecla.settings import Device

_MAGIC = b"GGUF"
_OVERHEAD_BYTES = 200 << 20  # context buffers, tokenizer and interpreter, measured 150 MB


class LlamaModel:
    """A loaded GGUF model: its native handle, tokenizer and description."""

    def __init__(self, path: Path, *, name: str | None = None, device: Device = "auto") -> None:
        """Load the model at `path`.

        Raises `ModelFormatError` for a file that is no GGUF or is truncated,
        `ModelTooLargeError` before loading one that does not fit in memory, and
        `UnsupportedModelError` for models that cannot complete text.
        """
        self.path = path
        self.name = name or path.stem
        self.size_bytes = _check_file(path)
        _check_fits(self.name, self.size_bytes, 0)
        native_log.install()
        native_log.take_errors()
        params = native.llama_model_default_params()
        params.n_gpu_layers = _gpu_layers(device)
        if device.startswith("cuda:"):
            params.split_mode = native.LLAMA_SPLIT_MODE_NONE
            params.main_gpu = int(device.removeprefix("cuda:"))
        self.handle: Any = _load(path, params)
        try:
            self._check_kind()
            self.tokenizer = LlamaTokenizer(native.llama_model_get_vocab(self.handle), self.name)
        except BaseException:
            native.llama_model_free(self.handle)
            raise
        self.is_recurrent = bool(
            native.llama_model_is_recurrent(self.handle)
            or native.llama_model_is_hybrid(self.handle)
        )
        self.n_threads = physical_cores()
        self.fingerprint = fingerprint([path])
        self.info = _info(self.handle, path, self.name, self.size_bytes)

    def check_memory(self, kv_tokens: int) -> None:
        """Raise `ModelTooLargeError` unless weights and `kv_tokens` of KV fit in memory."""
        _check_fits(self.name, self.size_bytes, kv_tokens * self.kv_bytes_per_token())

    def kv_bytes_per_token(self) -> int:
        """Bytes of keys and values one token takes in half precision; at most, for hybrids.

        Native code gives the number of heads of the first layer, which in a hybrid may be a
        recurrent one without any; all layers are then taken to have the full number.
        """
        handle = self.handle
        n_head = max(1, native.llama_model_n_head(handle))
        n_head_kv = native.llama_model_n_head_kv(handle)
        if n_head_kv == 0 and native.llama_model_is_hybrid(handle):
            n_head_kv = n_head
        stated = _metadata(handle, f"{self.info.architecture}.attention.key_length")
        head_size = int(stated) if stated else native.llama_model_n_embd(handle) // n_head
        return int(native.llama_model_n_layer(handle) * n_head_kv * head_size * 2 * 2)

    def close(self) -> None:
        """Free the native model; safe to call twice."""
        if self.handle:
            self.tokenizer.close()
            native.llama_model_free(self.handle)
            self.handle = None

    def _check_kind(self) -> None:
        architecture = _metadata(self.handle, "general.architecture") or "unknown"
        if native.llama_model_has_encoder(self.handle) or not native.llama_model_has_decoder(
            self.handle
        ):
            raise UnsupportedModelError(
                f"model {self.name!r} ({architecture}) has an encoder; tecla completes with "
                "decoder-only language models: choose one of those"
            )
        if _metadata(self.handle, f"{architecture}.attention.causal") == "false":
            raise UnsupportedModelError(
                f"model {self.name!r} ({architecture}) reads text in both directions (an "
                "embedding model); tecla completes with causal language models: choose one"
            )


def describe(path: Path, name: str) -> ModelInfo:
    """What the file says about itself, without loading its weights (some 90 ms).

    Raises `ModelFormatError` for a file that is no GGUF or is damaged.
    """
    with _without_weights(path) as handle:
        return _info(handle, path, name, path.stat().st_size)


@contextmanager
def tokenizer_of(path: Path, name: str) -> Iterator[LlamaTokenizer]:
    """The tokenizer in a file, in a `with` block, without its weights; raises as `describe`."""
    with _without_weights(path) as handle:
        tokenizer = LlamaTokenizer(native.llama_model_get_vocab(handle), name)
        try:
            yield tokenizer
        finally:
            tokenizer.close()


@contextmanager
def _without_weights(path: Path) -> Iterator[Any]:
    _check_file(path)
    native_log.install()
    native_log.take_errors()
    params = native.llama_model_default_params()
    params.vocab_only = True
    handle = _load(path, params)
    try:
        yield handle
    finally:
        native.llama_model_free(handle)


def _load(path: Path, params: Any) -> Any:
    handle = native.llama_model_load_from_file(os.fsencode(path), params)
    if not handle:
        raise ModelFormatError(
            f"llama.cpp cannot load {str(path)!r} ({native_log.take_errors() or 'unknown'}); "
            "the file may be truncated or of an unknown kind: download or convert it again"
        )
    return handle


def _info(handle: Any, path: Path, name: str, size_bytes: int) -> ModelInfo:
    architecture = _metadata(handle, "general.architecture") or "unknown"
    return ModelInfo(
        name=name,
        path=path,
        size_bytes=size_bytes,
        architecture=architecture,
        licence=_metadata(handle, "general.license"),
        trained_context_tokens=int(_metadata(handle, f"{architecture}.context_length") or 0),
    )


def _metadata(handle: Any, key: str) -> str | None:
    """A value of the file's metadata as text."""
    buffer = ctypes.create_string_buffer(4096)
    count = native.llama_model_meta_val_str(handle, key.encode(), buffer, len(buffer))
    return None if count < 0 else buffer.value.decode("utf-8", errors="replace")


def _check_file(path: Path) -> int:
    """Size of the file in bytes, after looking at its first bytes."""
    try:
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
        size_bytes = path.stat().st_size
    except OSError as error:
        raise ModelFormatError(
            f"cannot read model file {str(path)!r}: {error.strerror}; check the path and its rights"
        ) from error
    if magic != _MAGIC:
        found = f"begins with {magic!r}" if magic else "is empty"
        raise ModelFormatError(
            f"{str(path)!r} is no GGUF file: it {found}, not {_MAGIC!r}; convert the model to "
            "GGUF or name another file"
        )
    return size_bytes


def _check_fits(name: str, weights_bytes: int, kv_bytes: int) -> None:
    needed = weights_bytes + kv_bytes + _OVERHEAD_BYTES
    available = available_memory_bytes()
    if needed > available:
        raise ModelTooLargeError(
            f"model {name!r} needs about {needed / 1e9:.1f} GB ({weights_bytes / 1e9:.1f} weights, "
            f"{kv_bytes / 1e9:.1f} KV memory) and {available / 1e9:.1f} GB are free; close other "
            "programs, lower context_tokens, or choose a smaller or more quantised model"
        )


def _gpu_layers(device: Device) -> int:
    """All layers on a GPU if this build of llama.cpp can use one and `device` allows it."""
    if device == "cpu":
        return 0
    if native.llama_supports_gpu_offload():
        return -1
    if device != "auto":
        raise UnsupportedModelError(
            f"device is {device!r}, but llama.cpp was built here without a GPU backend; set up "
            "again with CMAKE_ARGS=-DGGML_CUDA=ON (or -DGGML_VULKAN=ON), or use device='cpu'"
        )
    return 0
