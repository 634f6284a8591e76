"""The arithmetic of one draw, against a slow reference."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings

from tecla.engines.sampling import GREEDY, Sampling, choose, penalise
from tecla.errors import OptionError

LAST = 1 - 2**-53  # the largest uniform number there is
Doubles = npt.NDArray[np.float64]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("temperature", -0.1),
        ("temperature", math.inf),
        ("temperature", math.nan),
        ("top_k", -1),
        ("top_p", 0.0),
        ("top_p", -0.5),
        ("top_p", 1.01),
        ("top_p", math.nan),
        ("min_p", -0.01),
        ("min_p", 1.01),
        ("min_p", math.nan),
        ("repetition_penalty", 0.0),
        ("repetition_penalty", -1.0),
        ("repetition_penalty", math.inf),
        ("repetition_penalty", math.nan),
        ("penalty_tokens", -1),
    ],
)
def test_an_option_out_of_range_is_named_with_its_value(option: str, value: float) -> None:
    with pytest.raises(OptionError) as caught:
        Sampling(**{option: value})  # type: ignore[arg-type]
    assert option in str(caught.value)
    assert repr(value) in str(caught.value)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("temperature", 0.0),
        ("temperature", 100.0),
        ("top_k", 0),
        ("top_p", 1.0),
        ("top_p", 1e-9),
        ("min_p", 0.0),
        ("min_p", 1.0),
        ("repetition_penalty", 0.01),
        ("penalty_tokens", 0),
    ],
)
def test_the_ends_of_the_ranges_are_allowed(option: str, value: float) -> None:
    sampling = Sampling(**{option: value})  # type: ignore[arg-type]
    assert choose(np.log([0.2, 0.5, 0.3]), sampling, 0.4) in (0, 1, 2)


@pytest.mark.parametrize("uniform", [0.0, 0.5, LAST])
def test_temperature_0_takes_the_best_and_of_ties_the_first(uniform: float) -> None:
    assert choose(np.log([0.2, 0.5, 0.3]), GREEDY, uniform) == 1
    assert choose(np.array([-2.0, -1.0, -1.0]), GREEDY, uniform) == 1


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-6])
def test_next_to_temperature_0_it_is_the_same(temperature: float) -> None:
    for uniform in (0.0, 0.5, LAST):
        assert choose(np.log([0.2, 0.5, 0.3]), Sampling(temperature=temperature), uniform) == 1


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_frequencies_over_a_grid_of_numbers_are_the_probabilities(temperature: float) -> None:
    logprobs = np.log([0.05, 0.4, 0.25, 0.2, 0.1])
    expected = np.exp(logprobs / temperature)
    expected /= expected.sum()
    count = 2000
    drawn = [
        choose(logprobs, Sampling(temperature=temperature), (at + 0.5) / count)
        for at in range(count)
    ]
    assert drawn == sorted(token for token in drawn if token is not None)
    frequencies = np.bincount(drawn, minlength=5) / count
    np.testing.assert_allclose(frequencies, expected, atol=1 / count)


def test_the_zero_of_the_scores_does_not_count() -> None:
    raw = np.array([3.0, -1.0, 2.0, 0.5], dtype=np.float32)
    for uniform in np.linspace(0, LAST, 50):
        drawn = choose(raw, Sampling(temperature=1.0), uniform)
        assert drawn == choose(raw + np.float32(64), Sampling(temperature=1.0), uniform)


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(), Sampling(top_k=2, top_p=0.5, min_p=0.1)])
def test_nothing_possible_gives_none(sampling: Sampling) -> None:
    assert choose(np.full(4, -np.inf), sampling, 0.5) is None


@pytest.mark.parametrize(
    "sampling",
    [Sampling(), Sampling(top_k=3), Sampling(top_p=0.999), Sampling(min_p=0.01), GREEDY],
)
@pytest.mark.parametrize("uniform", [0.0, 0.3, 0.5, LAST])
def test_the_impossible_is_never_drawn(sampling: Sampling, uniform: float) -> None:
    logprobs = np.array([-np.inf, -1.0, -np.inf, -2.0, -np.inf])
    assert choose(logprobs, sampling, uniform) in (1, 3)


@pytest.mark.parametrize("size", [1, 2, 1000, 49_152])
def test_the_largest_number_falls_on_the_last_possible_token(size: int) -> None:
    weights = np.random.default_rng(size).random(size) + 0.5
    logprobs = np.append(np.log(weights), -np.inf)
    assert choose(logprobs, Sampling(temperature=1.0), LAST) == size - 1


# --- what is kept --------------------------------------------------------------------------------


def _kept(weights: list[float], top_k: int, top_p: float, min_p: float) -> list[int]:
    """Indices that survive, by the definition of each option, ascending."""
    order = sorted(range(len(weights)), key=lambda at: -weights[at])
    if top_k:
        order = order[:top_k]
    total, reached, nucleus = math.fsum(weights[at] for at in order), 0.0, []
    for at in order:
        nucleus.append(at)
        reached += weights[at]
        assume(abs(reached - top_p * total) > 1e-9 * total or top_p == 1)
        if reached >= top_p * total and top_p < 1:
            break
    least = min_p * max(weights)
    assume(all(abs(weight - least) > 1e-9 * max(weights) for weight in weights) or min_p in (0, 1))
    return sorted(at for at in nucleus if weights[at] >= least * (1 - 1e-9))


@settings(deadline=None, max_examples=60)
@given(
    weights=st.lists(st.integers(1, 10_000), min_size=1, max_size=40, unique=True),
    top_k=st.integers(0, 45),
    top_p=st.one_of(st.just(1.0), st.floats(0.01, 0.999)),
    min_p=st.one_of(st.just(0.0), st.just(1.0), st.floats(0.001, 0.9)),
)
def test_what_is_kept_is_what_the_options_say(
    weights: list[int], top_k: int, top_p: float, min_p: float
) -> None:
    """Each kept token is drawn by the middle of its own stretch of [0, 1), and no other is."""
    floats = [float(weight) for weight in weights]
    kept = _kept(floats, top_k, top_p, min_p)
    sampling = Sampling(temperature=1.0, top_k=top_k, top_p=top_p, min_p=min_p)
    total, reached = sum(floats[at] for at in kept), 0.0
    for at in kept:
        middle = (reached + floats[at] / 2) / total
        assert choose(np.log(floats), sampling, middle) == at
        reached += floats[at]


def test_ties_at_the_edge_of_top_k_keep_the_count() -> None:
    drawn = {choose(np.zeros(50), Sampling(top_k=7), u) for u in np.linspace(0, LAST, 500)}
    assert len(drawn) == 7


@pytest.mark.parametrize("top_p", [0.05, 0.3, 0.9, 0.99])
def test_a_flat_distribution_is_sorted_as_far_as_top_p_needs(top_p: float) -> None:
    """More tokens than are sorted at first."""
    size = 5000
    weights = 1 + np.arange(size) / size  # the best are last
    reached = np.cumsum(weights[::-1]) / weights.sum()
    count = int(np.argmax(reached >= top_p)) + 1
    sampling = Sampling(temperature=1.0, top_p=top_p)
    logprobs = np.log(weights)
    assert choose(logprobs, sampling, 0.0) == size - count
    assert choose(logprobs, sampling, LAST) == size - 1


def test_top_p_is_a_part_of_what_top_k_left() -> None:
    """Of 4 and 3, the 4 alone is more than a half; of all four it is not."""
    logprobs = np.log([4.0, 3.0, 2.0, 1.0])
    sampling = Sampling(temperature=1.0, top_k=2, top_p=0.5)
    assert {choose(logprobs, sampling, u) for u in (0.0, 0.5, LAST)} == {0}


def test_truncation_comes_after_temperature() -> None:
    """At 0.5 the weights are 16, 9, 4: the best has 55 %."""
    logprobs = np.log([4.0, 3.0, 2.0])
    cold = Sampling(temperature=0.5, top_p=0.54)
    warm = Sampling(temperature=1.0, top_p=0.54)
    assert {choose(logprobs, cold, u) for u in (0.0, 0.5, LAST)} == {0}
    assert {choose(logprobs, warm, u) for u in (0.0, 0.5, LAST)} == {0, 1}


# --- the repetition penalty ----------------------------------------------------------------------


def test_the_penalty_raises_probabilities_to_its_power() -> None:
    logprobs = np.log([0.5, 0.3, 0.2])
    changed = penalise(logprobs, None, [0, 0, 2], 2.0)
    np.testing.assert_allclose(np.exp(changed), [0.25, 0.3, 0.04])
    np.testing.assert_array_equal(logprobs, np.log([0.5, 0.3, 0.2]))


def test_the_penalty_finds_its_tokens_among_ids() -> None:
    logprobs = np.log([0.5, 0.3, 0.2])
    ids = np.array([40, 7, 12], dtype=np.int32)
    np.testing.assert_allclose(np.exp(penalise(logprobs, ids, [12, 99], 0.5))[2], 0.2**0.5)
    np.testing.assert_array_equal(penalise(logprobs, ids, [12, 99], 0.5)[:2], logprobs[:2])


def test_no_penalty_is_no_copy() -> None:
    logprobs = np.log([0.5, 0.5])
    assert penalise(logprobs, None, [0], 1.0) is logprobs
    assert penalise(logprobs, None, [], 3.0) is logprobs


def test_the_penalty_leaves_the_impossible_impossible() -> None:
    changed = penalise(np.array([-np.inf, -1.0]), None, [0, 1], 1.3)
    np.testing.assert_allclose(changed, [-np.inf, -1.3])
