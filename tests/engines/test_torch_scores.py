"""Scores on a device: drawn from the same tokens as on the host, and worked out ahead."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given

from tecla.engines import sampling as host
from tecla.engines import torch_scores
from tecla.engines.sampling import Sampling
from tecla.engines.torch_scores import Asked, TorchScores


def row(size: int, seed: int) -> torch.Tensor:
    return torch.randn((1, size), generator=torch.Generator().manual_seed(seed)) * 3


@given(
    size=st.integers(2, 300),
    seed=st.integers(0, 99),
    top_k=st.integers(0, 20),
    top_p=st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    min_p=st.sampled_from([0.0, 0.05, 0.5]),
)
def test_the_same_tokens_survive_as_on_the_host(
    size: int, seed: int, top_k: int, top_p: float, min_p: float
) -> None:
    weights = torch.exp(row(size, seed)[0].double())
    weights /= weights.max()
    wanted = Sampling(temperature=1.0, top_k=top_k, top_p=top_p, min_p=min_p)
    expected = host._kept(weights.numpy(), wanted)
    found = torch_scores._kept(weights, wanted).nonzero()[:, 0].tolist()
    assert found == (list(range(size)) if expected is None else expected.tolist())


def test_a_draw_stays_among_the_tokens_that_are_kept() -> None:
    scores = TorchScores(row(200, 3))
    best = set(scores.top_k(5).ids[0].tolist())
    drawn = {scores.sample(0, Sampling(temperature=2.0, top_k=5), key)[0] for key in range(80)}
    assert drawn == best


@pytest.mark.parametrize("key", [0, 7, (1 << 64) - 1])
def test_the_penalty_is_that_of_the_host(key: int) -> None:
    logits = torch.log(torch.tensor([[0.6, 0.3, 0.1]]))
    penalised = Sampling(temperature=0.0, repetition_penalty=5.0)
    assert TorchScores(logits).sample(0, penalised, key, recent=[0, 0, 2])[0] == 1


def test_what_was_asked_for_is_worked_out_behind_the_next_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that its first question waits for all answers at once, and the others for none."""
    asked = Asked()
    groups = np.arange(50, dtype=np.int8) % 3
    first = TorchScores(row(50, 1), asked=asked)
    first.top_k(4)
    first.masses(0, groups, 3)
    second = TorchScores(row(50, 2), asked=asked)
    expected = TorchScores(row(50, 2))
    wanted = expected.top_k(4), expected.masses(0, groups, 3), expected.log_normaliser(0)

    def work(*arguments: object) -> None:
        raise AssertionError("worked out when it was asked for")

    for name in ("topk", "softmax", "logsumexp"):
        monkeypatch.setattr(torch, name, work)
    np.testing.assert_array_equal(second.top_k(4).ids, wanted[0].ids)
    np.testing.assert_array_equal(second.top_k(4).logprobs, wanted[0].logprobs)
    np.testing.assert_array_equal(second.masses(0, groups, 3), wanted[1])
    assert second.log_normaliser(0) == wanted[2]


def test_few_sizes_are_remembered() -> None:
    """Else every size that was ever asked for would be worked out in every step."""
    asked = Asked()
    scores = TorchScores(row(50, 1), asked=asked)
    for k in (1, 2, 3, 4, 5, 2):
        scores.top_k(k)
    assert asked.ks == [3, 4, 5, 2]
