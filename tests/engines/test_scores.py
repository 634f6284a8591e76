"""Score handles over numpy arrays and tensors, against the plain way to compute the same."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from tecla.engines.base import Scores
from tecla.engines.sampling import GREEDY, Sampling
from tecla.engines.scores import NumpyScores
from tecla.engines.torch_scores import Asked, TorchScores
from tecla.errors import EngineError, StaleScoresError

Floats = npt.NDArray[np.float32]

Make = Callable[..., Scores]


def _on_device(logits: Floats, is_current: Callable[[], bool] | None = None) -> TorchScores:
    return TorchScores(torch.from_numpy(logits), is_current)


def _ahead(logits: Floats, is_current: Callable[[], bool] | None = None) -> TorchScores:
    """With the best 1 and 4 and the masses of some groups worked out before they are asked for."""
    groups = np.arange(logits.shape[1], dtype=np.int8) % 3
    asked = Asked(ks=[1, 4], groups=groups, n_groups=3)
    return TorchScores(torch.from_numpy(logits), is_current, asked)


MAKES = {"numpy": NumpyScores, "torch": _on_device, "torch_ahead": _ahead}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask every test that makes handles of every kind of handle."""
    if "made" in metafunc.fixturenames:
        metafunc.parametrize("made", MAKES.values(), ids=MAKES)


SIZES = [1, 2, 63, 64, 65, 127, 128, 257, 640, 1000, 4097]


def _row(size: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(0, 3, (1, size)).astype(np.float32)


def _sorted_ids(row: Floats) -> npt.NDArray[np.intp]:
    """Every id, best first, ties to the lower id."""
    return np.lexsort((np.arange(len(row)), -row))


def _ids(*ids: int) -> npt.NDArray[np.int32]:
    return np.array(ids, dtype=np.int32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("k", [1, 2, 7, 40])
def test_top_k_is_the_head_of_a_full_sort(made: Make, size: int, k: int) -> None:
    logits = np.concatenate([_row(size, 1), _row(size, 2), _row(size, 3)])
    top = made(logits).top_k(k)
    assert top.ids.shape == top.logprobs.shape == (3, min(k, size))
    for row in range(3):
        np.testing.assert_array_equal(top.ids[row], _sorted_ids(logits[row])[:k])
        logprobs = made(logits).gather(row, top.ids[row])
        np.testing.assert_array_equal(top.logprobs[row], logprobs)


@pytest.mark.parametrize("size", SIZES)
def test_top_k_of_more_than_the_vocabulary_is_all_of_it(made: Make, size: int) -> None:
    logits = _row(size)
    ids = made(logits).top_k(size + 5).ids[0]
    np.testing.assert_array_equal(ids, _sorted_ids(logits[0]))


@pytest.mark.parametrize("size", [64, 640, 5000, 49_152])
def test_ties_go_to_the_lower_id_over_the_whole_row(made: Make, size: int) -> None:
    """Also when more blocks tie for the best than there are places."""
    flat = np.zeros((1, size), dtype=np.float32)
    np.testing.assert_array_equal(made(flat).top_k(5).ids, [[0, 1, 2, 3, 4]])
    flat[0, size - 1] = 1
    np.testing.assert_array_equal(made(flat).top_k(3).ids, [[size - 1, 0, 1]])


@settings(max_examples=50)
@given(row=arrays(np.int8, st.integers(1, 900), elements=st.integers(-2, 2)), k=st.integers(1, 30))
def test_ties_of_every_sort_are_sorted(made: Make, row: npt.NDArray[np.int8], k: int) -> None:
    logits = row.astype(np.float32)
    np.testing.assert_array_equal(made(logits[None]).top_k(k).ids[0], _sorted_ids(logits)[:k])


def test_top_k_passes_over_what_is_impossible(made: Make) -> None:
    logits = np.full((1, 1000), -np.inf, dtype=np.float32)
    logits[0, [700, 30]] = 2, 1
    top = made(logits).top_k(4)
    np.testing.assert_array_equal(top.ids, [[700, 30, 0, 1]])
    assert top.logprobs[0, 1] == pytest.approx(-math.log(1 + math.e))
    assert top.logprobs[0, 2] == -np.inf


@pytest.mark.parametrize("k", [0, 3])
def test_top_k_of_no_rows_or_no_places_is_empty(made: Make, k: int) -> None:
    assert made(np.empty((0, 700), dtype=np.float32)).top_k(k).ids.shape == (0, k)
    assert made(_row(700)).top_k(0).logprobs.shape == (1, 0)


@pytest.mark.parametrize("shift", [0.0, 1e4, -1e4, 3e38, -3e38])
def test_the_normaliser_neither_overflows_nor_vanishes(made: Make, shift: float) -> None:
    values = np.array([[0.0, 1.0, -2.0, 0.5]], dtype=np.float32)
    logits = values + np.float32(shift)
    plain = [float(value) - float(logits.max()) for value in logits[0]]
    expected = float(logits.max()) + math.log(math.fsum(map(math.exp, plain)))
    assert made(logits).log_normaliser(0) == pytest.approx(expected, rel=1e-6)


def test_far_apart_scores_are_certain(made: Make) -> None:
    scores = made(np.array([[1e38, -1e38, 0.0]], dtype=np.float32))
    np.testing.assert_array_equal(np.exp(scores.gather(0, None)), [1, 0, 0])


def test_gather_takes_ids_in_their_order(made: Make) -> None:
    logits = np.concatenate([_row(100, 1), _row(100, 2)])
    scores = made(logits)
    whole = scores.gather(1, None)
    assert np.exp(whole.astype(np.float64)).sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_array_equal(scores.gather(1, _ids(7, 3, 7)), whole[[7, 3, 7]])
    assert scores.gather(0, _ids()).shape == (0,)


def test_add_changes_one_row_and_its_normaliser(made: Make) -> None:
    logits = np.concatenate([_row(50, 1), _row(50, 2)])
    scores = made(logits.copy())
    before = scores.gather(0, None), scores.gather(1, None)
    scores.add(1, _ids(4, 9, 4), np.array([1.5, 40, 0.5], dtype=np.float32))
    expected = logits[1].copy()
    expected[4] += 2
    expected[9] += 40
    np.testing.assert_allclose(scores.numpy()[1], expected, rtol=1e-6)
    np.testing.assert_array_equal(scores.gather(0, None), before[0])
    assert scores.top_k(1).ids[1, 0] == 9
    assert np.exp(scores.gather(1, None).astype(np.float64)).sum() == pytest.approx(1, abs=1e-6)
    assert scores.gather(1, _ids(0))[0] < before[1][0] - 20


def test_adding_minus_infinity_forbids(made: Make) -> None:
    scores = made(_row(200))
    best = scores.top_k(2).ids[0]
    scores.add(0, best[:1], np.array([-np.inf], dtype=np.float32))
    assert scores.top_k(1).ids[0, 0] == best[1]
    assert scores.gather(0, best[:1])[0] == -np.inf


def test_numpy_is_a_copy(made: Make) -> None:
    scores = made(_row(20))
    scores.numpy()[:] = 0
    assert scores.numpy().any()


def test_draws_are_as_frequent_as_the_row_says(made: Make) -> None:
    logits = np.concatenate([_row(6, 1), _row(6, 2)])
    scores = made(logits)
    weights = np.exp(logits[1].astype(np.float64))
    probabilities = weights / weights.sum()
    counts = np.zeros(6)
    for key in range(3000):
        token, logprob = scores.sample(1, Sampling(temperature=1), key)
        counts[token] += 1
        assert logprob == pytest.approx(math.log(probabilities[token]), abs=1e-5)
    expected = probabilities * 3000
    assert ((counts - expected) ** 2 / expected).sum() < 25.7  # chi-squared, 5: p = 1e-4


def test_a_draw_is_a_function_of_its_row_and_key_alone(made: Make) -> None:
    logits = np.concatenate([_row(300, seed) for seed in range(3)])
    batch, sampling = made(logits), Sampling(temperature=1.3)
    tokens = set()
    for row, key in itertools.product(range(3), range(20)):
        alone = made(logits[row : row + 1].copy())
        assert batch.sample(row, sampling, key) == alone.sample(0, sampling, key)
        tokens.add(alone.sample(0, sampling, key)[0])
    assert len(tokens) > 20


def test_a_draw_reports_the_log_probability_of_the_model(made: Make) -> None:
    """Not that after penalty, temperature and bans."""
    logits = np.log(np.array([[0.5, 0.3, 0.15, 0.05]], dtype=np.float32))
    hot = Sampling(temperature=0.0, repetition_penalty=9.0)
    token, logprob = made(logits).sample(0, hot, 5, recent=[0, 0], banned=[1])
    assert (token, logprob) == (2, pytest.approx(math.log(0.15), abs=1e-6))
    assert made(logits).sample(0, GREEDY, 5) == (0, pytest.approx(math.log(0.5)))


def test_a_draw_changes_nothing(made: Make) -> None:
    scores = made(_row(30))
    before = scores.numpy()
    scores.sample(0, Sampling(repetition_penalty=2.0), 3, recent=[1, 2], banned=[3])
    scores.sample(0, Sampling(), 3, banned=[3])
    np.testing.assert_array_equal(scores.numpy(), before)
    np.testing.assert_array_equal(scores.gather(0, None), made(before).gather(0, None))


@pytest.mark.parametrize("key", [0, 5, (1 << 64) - 1])
def test_a_banned_token_is_never_drawn(made: Make, key: int) -> None:
    scores = made(np.zeros((1, 3), dtype=np.float32))
    assert scores.sample(0, Sampling(), key, banned=[0, 2])[0] == 1
    with pytest.raises(EngineError, match="no token is left"):
        scores.sample(0, Sampling(), key, banned=[0, 1, 2])


def test_a_ban_changes_no_other_draw(made: Make) -> None:
    """Every token keeps its clock: only keys under which the banned one won give another."""
    scores = made(_row(8))
    free = [scores.sample(0, Sampling(), key)[0] for key in range(200)]
    bans = [scores.sample(0, Sampling(), key, banned=[free[0]])[0] for key in range(200)]
    assert free.count(free[0]) < 200
    for without, with_ban in zip(free, bans, strict=True):
        assert (without == with_ban) == (without != free[0])


def test_a_handle_is_read_only_while_it_is_current(made: Make) -> None:
    current = True
    scores = made(_row(20), lambda: current)
    kept = scores.detach()
    scores.log_normaliser(0)
    current = False
    with pytest.raises(StaleScoresError):
        scores.log_normaliser(0)  # though it is known
    assert kept.rows == 1
    assert kept.top_k(2).ids.shape == (1, 2)


@pytest.mark.parametrize("rows", [None, [2], [2, 0], [1, 1, 0], []])
def test_some_rows_can_be_detached_in_any_order(made: Make, rows: list[int] | None) -> None:
    """With what was worked out before, and without."""
    logits = np.concatenate([_row(200, seed) for seed in range(3)])
    chosen = [0, 1, 2] if rows is None else rows
    for worked_out in (False, True):
        scores = made(logits.copy())
        if worked_out:
            scores.top_k(4)
            scores.top_k(1)
            scores.log_normaliser(2)
        kept, expected = scores.detach(rows), made(logits[np.array(chosen, dtype=int)])
        assert kept.rows == len(chosen)
        np.testing.assert_array_equal(kept.numpy(), expected.numpy())
        np.testing.assert_array_equal(kept.top_k(4).ids, expected.top_k(4).ids)
        np.testing.assert_array_equal(kept.top_k(4).logprobs, expected.top_k(4).logprobs)
        for row in range(kept.rows):
            assert kept.log_normaliser(row) == expected.log_normaliser(row)


def test_a_detached_row_and_its_source_do_not_share_memory(made: Make) -> None:
    scores = made(_row(200, 1))
    before, best = scores.numpy(), int(scores.top_k(1).ids[0, 0])
    kept = scores.detach([0])
    kept.add(0, _ids(best), np.array([-np.inf], dtype=np.float32))
    assert kept.top_k(1).ids[0, 0] != best
    assert scores.top_k(1).ids[0, 0] == best
    np.testing.assert_array_equal(scores.numpy(), before)


def test_masses_are_sums_by_group_also_when_asked_again(made: Make) -> None:
    logits = np.concatenate([_row(300, 1), _row(300, 2)])
    scores = made(logits)
    some = np.arange(300, dtype=np.uint8) % 3
    others = np.arange(300, dtype=np.uint8) // 150
    for groups, count in ((some, 3), (others, 2), (some, 4), (others, 3), (some, 3)):
        for row in (0, 1):
            shares = np.exp(scores.gather(row, None))
            expected = [shares[groups == group].sum() for group in range(count)]
            np.testing.assert_allclose(scores.masses(row, groups, count), expected, rtol=1e-5)
            np.testing.assert_allclose(
                scores.detach([row]).masses(0, groups, count), expected, rtol=1e-5
            )
    before = scores.masses(1, some, 3)
    scores.add(1, _ids(0, 3), np.float32([9, 9]))
    after = scores.masses(1, some, 3)
    assert after[0] > before[0]
    assert after.sum() == pytest.approx(1, abs=1e-5)


def test_masses_of_what_is_no_longer_there(made: Make) -> None:
    current = [True]
    scores = made(_row(300), is_current=lambda: current[0])
    groups = np.zeros(300, dtype=np.uint8)
    scores.masses(0, groups, 1)
    current[0] = False
    with pytest.raises(StaleScoresError):
        scores.masses(0, groups, 1)
