"""Weights in 8 bits: rounded within their bound, right in the engine, refused elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.pytorch_utils import Conv1D

import tiny_torch
from tecla.engines.base import Feed
from tecla.engines.torch_check import check_agrees
from tecla.engines.torch_engine import TorchEngine
from tecla.engines.torch_int8 import Int8Linear, check_can_round, rounded_to_int8
from tecla.engines.torch_model import TorchModel
from tecla.errors import UnsupportedModelError


def engine_over(folder: Path, dtype: str) -> TorchEngine:
    model = TorchModel(folder, device="cpu", dtype=dtype)  # type: ignore[arg-type]
    return TorchEngine(model, context_tokens=96, kv_tokens=256, n_slots=4, n_threads=1)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_a_layer_says_what_its_rounded_weights_say(
    high: int, wide: int, rows: int, has_bias: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn((32 * high, 32 * wide), generator=generator)
    weight[0] = 0
    bias = torch.randn(32 * high, generator=generator) if has_bias else None
    hidden = torch.randn((2, rows, 32 * wide), generator=generator).to(torch.bfloat16)
    layer = Int8Linear(weight, bias)
    kept = layer.weight.float() * layer.scale.float()[:, None]
    # Half a step of the scale, and what is lost because the scale is in bfloat16 itself.
    step = weight.abs().amax(1, keepdim=True) / 127
    assert ((kept - weight).abs() <= 0.51 * step + 127 * step / 256).all()
    expected = hidden.float() @ kept.T + (0 if bias is None else bias)
    found = layer(hidden)
    assert found.shape == (2, rows, 32 * high)
    assert found.dtype is torch.bfloat16
    assert (found.float() - expected).abs().max() <= 0.03 * expected.abs().max() + 1e-3


def test_every_linear_layer_is_rounded_whichever_way_it_keeps_its_weight() -> None:
    odd = torch.nn.Linear(32, 33)
    module = torch.nn.ModuleDict(
        {"one": torch.nn.Linear(64, 32), "two": Conv1D(96, 64), "odd": odd}
    )
    weight = module["two"].weight.detach().clone()
    hidden = torch.randn(3, 64)
    expected = hidden @ weight + module["two"].bias
    assert rounded_to_int8(module) == 2
    assert module["odd"] is odd
    found = module["two"](hidden.to(torch.bfloat16)).float()
    assert (found - expected).abs().max() < 0.05 * expected.abs().max()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["gpt2", "llama", "gpt_neox"])
def test_the_engine_runs_on_weights_in_8_bits(kind: str, tmp_path: Path) -> None:
    folder = tiny_torch.write(tmp_path / kind, kind)
    rounded, whole = engine_over(folder, "int8"), engine_over(folder, "float32")
    check_agrees(rounded, tmp_path)
    layers = [each for each in rounded.model.module.modules() if isinstance(each, Int8Linear)]
    assert layers
    assert rounded.model.precision == "int8"
    assert rounded.model.fingerprint != whole.model.fingerprint
    ids = list(range(40, 70))
    scores, expected = (engine.eval([Feed(0, ids)]).numpy() for engine in (rounded, whole))
    assert 0 < abs(scores - expected).max() < 0.3 * expected.std()
    rounded.restore(1, rounded.save(0))
    again = rounded.eval([Feed(1, ids[:1])]).numpy()
    assert abs(again - rounded.eval([Feed(0, ids[:1])]).numpy()).max() < 1e-6


def test_without_a_kernel_8_bits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsupportedModelError, match=r"'int8'.*cuda:0.*float16"):
        check_can_round("m", torch.device("cuda:0"))
    monkeypatch.delattr(torch, "_weight_int8pack_mm")
    with pytest.raises(UnsupportedModelError, match=r"PyTorch .* no kernel.*bfloat16"):
        check_can_round("m", torch.device("cpu"))
