"""What a transformers model is, found out by running its code without its weights.

The model is built on PyTorch's "meta" device, where tensors have shapes and no memory, and a few
tokens are passed through it. That takes tenths of a second for a model of any size and says, before
anything is loaded, how large weights and KV memory will be, and whether every layer attends through
transformers' attention interface in a way that this engine can compute. What cannot be run right
is refused here by name: recurrent and hybrid models, encoders, and models with attention that
PyTorch's fused kernels do not know (soft caps, sinks, chunks).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig

from tecla.engines import torch_attention
from tecla.errors import UnsupportedModelError

_TOKENS = 3  # of the dry run; on the meta device their number costs nothing
_KNOWN_LAYERS = {"full_attention", "sliding_attention"}
_REMEDY = "convert the model to GGUF and use the llama engine, or choose another model"


@dataclass(frozen=True, slots=True)
class LayerShape:
    """Heads and dim of the keys and of the values of one layer, and its sliding window."""

    key: tuple[int, int]
    value: tuple[int, int]
    window: int | None


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of a model: its layers in order, its scores, its weights."""

    layers: tuple[LayerShape, ...]
    n_vocab: int
    n_weights: int

    @property
    def kv_values_per_token(self) -> int:
        """Numbers in the keys and values of one token."""
        return sum(heads * dim for layer in self.layers for heads, dim in (layer.key, layer.value))

    @property
    def kv_shapes(self) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Heads and dim of keys and values, layer by layer."""
        return [(layer.key, layer.value) for layer in self.layers]


@dataclass
class _Recorder:
    """An `Attention` that computes nothing and writes down what each layer asks for."""

    layers: dict[int, LayerShape] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float | None,
        window: int | None,
    ) -> torch.Tensor:
        if layer in self.layers:
            self.problems.append(f"layer {layer} attends twice")
        if query.shape[1] % key.shape[1] or not query.shape[2] == key.shape[2] == _TOKENS:
            self.problems.append(f"layer {layer} attends to other tokens than its own")
        self.layers[layer] = LayerShape(
            (key.shape[1], key.shape[3]), (value.shape[1], value.shape[3]), window
        )
        size = (1, query.shape[2], query.shape[1], value.shape[3])
        return query.new_empty(size)


def shape_of(config: PreTrainedConfig, name: str) -> ModelShape:
    """The sizes of the model that `config` describes.

    Raises `UnsupportedModelError` naming the kind of a model that this engine cannot run.
    """
    kind = str(config.model_type)
    if getattr(config, "is_encoder_decoder", False):
        raise _unsupported(name, kind, "it has an encoder")
    unknown = set(getattr(config, "layer_types", None) or ()) - _KNOWN_LAYERS
    if unknown:
        raise _unsupported(name, kind, f"it has layers of the kind {min(unknown)!r}")
    recorder = _Recorder()
    try:
        with _quiet(), torch.device("meta"), torch.inference_mode():
            factory: Any = AutoModelForCausalLM  # not annotated
            model = factory.from_config(
                deepcopy(config), attn_implementation=torch_attention.NAME, dtype=torch.bfloat16
            ).eval()
            model.config.pad_token_id = None  # else some models look at the ids, which are none
            logits = run(model, recorder, *_dry_batch())
    except torch_attention.UnsupportedAttentionError as error:
        raise _unsupported(name, kind, str(error)) from None
    except Exception as error:  # a model's own code, of which there are hundreds
        raise _unsupported(
            name, kind, f"its code refuses a dry run: {_first_line(error)}"
        ) from error
    recorder.problems += _problems(model, config, recorder)
    if recorder.problems:
        raise _unsupported(name, kind, recorder.problems[0])
    n_weights = sum(weight.numel() for weight in {*model.parameters(), *model.buffers()})
    layers = tuple(recorder.layers[layer] for layer in range(len(recorder.layers)))
    return ModelShape(layers, int(logits.shape[-1]), n_weights)


def run(
    model: Any,
    attention: torch_attention.Attention,
    ids: torch.Tensor,
    positions: torch.Tensor,
    wanted: torch.Tensor,
) -> torch.Tensor:
    """Pass packed tokens through a model: raw scores `[len(wanted), vocabulary]`.

    `ids` and `positions` are `[tokens]`; `wanted` names those whose next-token scores are wanted.
    """
    token = torch_attention.running.set(attention)
    try:
        output = model(
            input_ids=ids[None],
            position_ids=positions[None],
            use_cache=False,
            logits_to_keep=wanted,
        )
    finally:
        torch_attention.running.reset(token)
    logits: torch.Tensor = output.logits[0]
    # Some models give the scores of every token whatever is wanted.
    return logits if len(logits) == len(wanted) else logits[wanted]


def _dry_batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    tokens = torch.zeros(_TOKENS, dtype=torch.int64)
    return tokens, torch.arange(_TOKENS), torch.zeros(1, dtype=torch.int64)


def _problems(model: Any, config: PreTrainedConfig, recorder: _Recorder) -> Iterator[str]:
    """Why the model would be run wrongly, beyond what the layers themselves asked for."""
    n_layers = config.get_text_config().num_hidden_layers
    if set(recorder.layers) != set(range(n_layers)):
        yield f"{len(recorder.layers)} of its {n_layers} layers attend through the interface"
    for module in model.modules():
        if hasattr(module, "layer_idx") and getattr(module, "is_causal", True) is False:
            yield "it reads text in both directions"
    types = getattr(config, "layer_types", None) or []
    for layer, wanted in enumerate(types[: len(recorder.layers)]):
        window = recorder.layers[layer].window
        if (window is not None) != (wanted == "sliding_attention"):
            yield f"layer {layer} is {wanted!r} and does not pass its window on"


def _unsupported(name: str, kind: str, reason: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"model {name!r} ({kind}) cannot be run by the torch engine: {reason}; {_REMEDY}"
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip().split("\n", 1)[0]
    return f"{type(error).__name__} ({text})" if text else type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """What transformers says about a config belongs to whoever loads the model, once."""
    logger = logging.getLogger("transformers")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
