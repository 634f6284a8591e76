"""Attention of packed tokens over the cells of their slots, through transformers' interface.

The tokens of a batch run through the model as one row, without padding: every matrix product sees
exactly the tokens there are. What tells the texts apart is here. The attention layers of a model
call the function that is registered as `NAME`; it writes the keys and values of the new tokens into
their cells and lets every token look at the cells of its own slot, by way of the `Attention` that
was made for this batch. It is found through a context variable and not through arguments, because
not every model passes unknown arguments on to its layers.

Query heads that share a head of keys and values (grouped-query attention) are folded into the
length of the query, so that keys and values are never repeated in memory.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final, Protocol

import torch
from transformers import AttentionInterface

NAME: Final = "tecla"
# What a layer may ask for that changes its scores and that PyTorch's fused kernels cannot do.
_UNSUPPORTED: Final = {"softcap": "caps its products", "s_aux": "has sinks", "alibi": "uses ALiBi"}


class UnsupportedAttentionError(Exception):
    """A layer asks for attention that cannot be computed here; the message says which."""


class Attention(Protocol):
    """How the tokens of one batch attend; made by the engine, used by every layer."""

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """Write `key` and `value` into their cells; what `query` reads, `[1, tokens, heads, dim]`.

        All three come as `[1, heads, tokens, dim]`. `window` is how many of the last tokens a
        token sees, itself included (`None`: all).
        """
        ...


running: ContextVar[Attention] = ContextVar("running")


def _forward(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None = None,
    scaling: float | None = None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """What the layers of a model call."""
    for option, what in _UNSUPPORTED.items():
        if options.get(option) is not None:
            raise UnsupportedAttentionError(f"its attention {what}")
    window = options.get("sliding_window")
    attended = running.get().attend(module.layer_idx, query, key, value, scaling, window)
    return attended, None


AttentionInterface.register(NAME, _forward)


class KeyValues:
    """The keys and values of every layer, `[cells, heads, dim]` each."""

    def __init__(
        self,
        shapes: list[tuple[tuple[int, int], tuple[int, int]]],
        n_cells: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        """Reserve memory; `shapes` has heads and dim of the keys and of the values of each layer.

        Zeros, because memory that was never written could hold what is no number, and a weight of
        0 times that is none either.
        """
        self.keys = [torch.zeros((n_cells, *key), dtype=dtype, device=device) for key, _ in shapes]
        self.values = [
            torch.zeros((n_cells, *value), dtype=dtype, device=device) for _, value in shapes
        ]

    def write(
        self, layer: int, cells: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> None:
        """Put the keys and values of packed tokens, `[1, heads, tokens, dim]`, into `cells`."""
        self.keys[layer].index_copy_(0, cells, key[0].transpose(0, 1))
        self.values[layer].index_copy_(0, cells, value[0].transpose(0, 1))


def fold(query: torch.Tensor, kv_heads: int) -> torch.Tensor:
    """`[batch, heads, tokens, dim]` as `[batch, kv heads, heads per kv head times tokens, dim]`."""
    batch, heads, tokens, dim = query.shape
    return query.reshape(batch, kv_heads, heads // kv_heads * tokens, dim)


def unfold(attended: torch.Tensor, heads: int) -> torch.Tensor:
    """What `fold` did, undone, tokens first: `[batch, tokens, heads, dim]`."""
    batch, kv_heads, folded, dim = attended.shape
    tokens = folded * kv_heads // heads
    return attended.reshape(batch, heads, tokens, dim).transpose(1, 2)
