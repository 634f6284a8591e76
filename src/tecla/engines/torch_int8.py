"""Weights in 8 bits on a processor: a quarter of float32's bytes, read at every step.

Each row of a linear layer is kept as int8 with one scale, the largest of its absolute values over
127 (symmetric, by output channel), and multiplied with bfloat16 activations by PyTorch's own kernel
for that (`_weight_int8pack_mm`, which torchao's weight-only layers become when they are compiled;
called here without compiling, which takes minutes and a C++ compiler). The kernel reads whole
blocks and checks no sizes, so layers whose sides are no multiples of a block stay in bfloat16, as
do embeddings, norms, and experts that are no linear layers. Measured: docs/decisions/0017.
"""

from __future__ import annotations

from typing import Any, Final

import torch
from transformers.pytorch_utils import Conv1D

from tecla.errors import UnsupportedModelError

COMPUTES_IN: Final = torch.bfloat16
_BLOCK: Final = 32  # sides the kernel was tried with; other ones are read beyond their end
_MOST: Final = 127


class Int8Linear(torch.nn.Module):
    """A linear layer with weights in int8, `[out, in]`, and one scale an output, `[out]`."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        """Round weights `[out, in]`; where all of a row are 0 its scale is 1."""
        super().__init__()
        exact = weight.float()
        scale = exact.abs().amax(dim=1) / _MOST
        scale = torch.where(scale > 0, scale, torch.ones_like(scale)).to(COMPUTES_IN)
        rounded = (exact / scale.float()[:, None]).round().clamp(-_MOST, _MOST)
        self.register_buffer("weight", rounded.to(torch.int8).contiguous())
        self.register_buffer("scale", scale)
        self.register_buffer("bias", None if bias is None else bias.detach().to(COMPUTES_IN))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """`[..., in]` to `[..., out]`, in bfloat16."""
        kernel: Any = torch._weight_int8pack_mm  # not annotated
        rows = hidden.reshape(-1, hidden.shape[-1]).contiguous()
        found: torch.Tensor = kernel(rows, self.weight, self.scale)
        if isinstance(self.bias, torch.Tensor):
            found += self.bias
        return found.view(*hidden.shape[:-1], found.shape[-1])


def check_can_round(name: str, device: torch.device) -> None:
    """Raise `UnsupportedModelError` where there is no kernel for 8 bits."""
    if device.type != "cpu":
        raise UnsupportedModelError(
            f"dtype is 'int8', which is for processors, and model {name!r} is to run on {device}: "
            "use dtype='float16', or device='cpu'"
        )
    if not hasattr(torch, "_weight_int8pack_mm"):
        raise UnsupportedModelError(
            f"dtype is 'int8', and PyTorch {torch.__version__} has no kernel for it: use "
            "dtype='bfloat16', or another version of PyTorch"
        )


def rounded_to_int8(module: torch.nn.Module) -> int:
    """Round the linear layers of a module where they are; how many there were.

    A layer that shares its weight with the embedding becomes one of its own.
    """
    count = 0
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            weight = _weight_of(child)
            if weight is not None and all(side % _BLOCK == 0 for side in weight.shape):
                setattr(parent, name, Int8Linear(weight, getattr(child, "bias", None)))
                count += 1
    return count


def _weight_of(layer: torch.nn.Module) -> torch.Tensor | None:
    """The weight of a linear layer as `[out, in]`; GPT-2 keeps its own the other way round."""
    if type(layer) is torch.nn.Linear:
        return layer.weight.detach()
    if type(layer) is Conv1D:
        weight: torch.Tensor = layer.weight.detach().T
        return weight
    return None
