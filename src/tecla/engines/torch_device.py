"""Where a model runs in PyTorch and in which precision, and whether it fits there."""

from __future__ import annotations

import re
from typing import Final

import torch

from tecla.errors import ModelTooLargeError, UnsupportedModelError
from tecla.machine import available_memory_bytes
from tecla.settings import Device, Precision

DTYPES: Final = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "int8": torch.bfloat16,  # of activations; see `torch_int8`
}
_OVERHEAD_BYTES: Final = 500 << 20  # PyTorch and transformers themselves, and what a step needs
_CUDA: Final = re.compile(r"cuda:(\d+)")


def machine_report() -> str:
    """Which PyTorch this is and what it can compute on, for `tecla doctor`."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    places = [
        f"cuda:{index} {torch.cuda.get_device_name(index)} "
        f"({torch.cuda.get_device_properties(index).total_memory / 1e9:.0f} GB)"
        for index in range(count)
    ]
    return f"PyTorch {torch.__version__}, {', '.join(places) or 'for the processor alone'}"


def choose_device(wanted: Device) -> torch.device:
    """The device that `wanted` stands for; "auto" takes the first GPU where there is one.

    Raises `UnsupportedModelError` for a GPU that is not there.
    """
    if wanted == "cpu":
        return torch.device("cpu")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "auto":
        return torch.device("cuda:0" if count else "cpu")
    if count == 0:
        raise UnsupportedModelError(
            f"device is {wanted!r}, and PyTorch {torch.__version__} finds no CUDA device here: "
            "install its driver and a PyTorch build for CUDA, or use device='cpu'"
        )
    named = _CUDA.fullmatch(wanted)
    index = int(named[1]) if named else 0
    if index >= count:
        raise UnsupportedModelError(
            f"device is {wanted!r}; this machine has {count}: cuda:0 to cuda:{count - 1}"
        )
    return torch.device(f"cuda:{index}")


def choose_dtype(
    wanted: Precision, device: torch.device, stored: torch.dtype | None
) -> torch.dtype:
    """The precision to compute in.

    "auto" is float32 on a processor, where half precision is slower for more than a token at
    once, and half precision on a GPU: bfloat16 for weights that are stored so, whose range
    float16 does not have, else float16.
    """
    if wanted != "auto":
        return DTYPES[wanted]
    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if stored == torch.bfloat16 else torch.float16


def check_fits(name: str, weights_bytes: int, kv_bytes: int, device: torch.device) -> None:
    """Raise `ModelTooLargeError` unless weights and KV memory fit on the device."""
    needed = weights_bytes + kv_bytes + _OVERHEAD_BYTES
    free = free_bytes(device)
    if needed > free:
        raise ModelTooLargeError(
            f"model {name!r} needs about {needed / 1e9:.1f} GB on {device} "
            f"({weights_bytes / 1e9:.1f} weights, {kv_bytes / 1e9:.1f} KV memory) and "
            f"{free / 1e9:.1f} GB are free; close other programs, lower context_tokens or "
            "kv_tokens, use dtype='bfloat16', or choose a smaller model"
        )


def free_bytes(device: torch.device) -> int:
    """Memory that can be had on the device."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    return available_memory_bytes()
