"""The arithmetic of one draw, against a slow reference.

A draw is a race: every entry has a clock that depends on the key and its index alone. Most tests
look at many keys; `is_kept` puts one entry where the clock is far ahead of all the others', so
that it is drawn whatever its weight, if it may be drawn at all.
"""

from __future__ import annotations

import math
from itertools import pairwise

import hypothesis.strategies as st
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings

from tecla.engines.sampling import GREEDY, Sampling, choose, penalise
from tecla.errors import OptionError

Doubles = npt.NDArray[np.float64]
KEYS = (0, 1, 7, 1 << 40, (1 << 64) - 1)
RACE_KEY = 5  # its fastest clock of 4096 shows 1.5e-6, the slowest ones 4.5 and more


def drawn(logprobs: Doubles, sampling: Sampling, count: int) -> list[int | None]:
    """The draws under `count` keys."""
    return [choose(logprobs, sampling, key) for key in range(count)]


def check_frequencies(draws: list[int | None], probabilities: Doubles) -> None:
    """A chi-squared test of the draws; fixed keys, so it passes or fails for good."""
    counts = np.bincount(draws, minlength=len(probabilities))  # type: ignore[arg-type]  # no None
    expected = probabilities * len(draws)
    assert ((counts - expected) ** 2 / expected).sum() < CHI_SQUARED[len(probabilities) - 1]


CHI_SQUARED = {2: 18.4, 4: 23.5}  # degrees of freedom: quantile of p = 1e-4


def is_kept(logprobs: Doubles, at: int, sampling: Sampling) -> bool:
    """Whether entry `at` is drawn when its clock is far ahead and the others' are slow."""
    size = max(4096, 16 * len(logprobs))
    clocks = np.random.Generator(np.random.PCG64(RACE_KEY)).standard_exponential(size)
    slowest = np.argsort(-clocks)
    places = slowest[: len(logprobs)]
    places[at] = slowest[-1]
    spread = np.full(size, -np.inf)
    spread[places] = logprobs
    winner = choose(spread, sampling, RACE_KEY)
    assert winner in places
    return winner == places[at]


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
    assert choose(np.log([0.2, 0.5, 0.3]), sampling, 4) in (0, 1, 2)


@pytest.mark.parametrize("key", KEYS)
def test_temperature_0_takes_the_best_and_of_ties_the_first(key: int) -> None:
    assert choose(np.log([0.2, 0.5, 0.3]), GREEDY, key) == 1
    assert choose(np.array([-2.0, -1.0, -1.0]), GREEDY, key) == 1


@pytest.mark.parametrize("temperature", [5e-324, 1e-300, 1e-6])
def test_next_to_temperature_0_it_is_the_same(temperature: float) -> None:
    for key in KEYS:
        assert choose(np.log([0.2, 0.5, 0.3]), Sampling(temperature=temperature), key) == 1


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_frequencies_over_many_keys_are_the_probabilities(temperature: float) -> None:
    logprobs = np.log([0.05, 0.4, 0.25, 0.2, 0.1])
    expected = np.exp(logprobs / temperature)
    expected /= expected.sum()
    check_frequencies(drawn(logprobs, Sampling(temperature=temperature), 4000), expected)


def test_frequencies_of_what_is_kept_are_in_proportion() -> None:
    logprobs = np.log([0.05, 0.4, 0.25, 0.2, 0.1])
    draws = drawn(logprobs, Sampling(temperature=1.0, top_k=3), 4000)
    assert set(draws) == {1, 2, 3}
    check_frequencies([at - 1 for at in draws], np.array([0.4, 0.25, 0.2]) / 0.85)  # type: ignore[operator]


@pytest.mark.parametrize("size", [3, 5])
def test_two_draws_under_neighbouring_keys_have_nothing_to_do_with_each_other(size: int) -> None:
    logprobs = np.log(np.full(size, 1 / size))
    draws = drawn(logprobs, Sampling(temperature=1.0), 4000)
    pairs = [(second - first) % size for first, second in pairwise(draws)]  # type: ignore[operator]
    check_frequencies(pairs, np.full(size, 1 / size))


def test_a_draw_is_a_function_of_scores_and_key() -> None:
    """Under one key it is the same every time; another key is another draw."""
    logprobs = np.log(np.full(1000, 1e-3))
    assert drawn(logprobs, Sampling(), 60) == drawn(logprobs, Sampling(), 60)
    assert len(set(drawn(logprobs, Sampling(), 60))) > 50


@pytest.mark.parametrize("temperature", [0.5, 1.0])
@pytest.mark.parametrize("size", [50, 5000])
def test_rounding_hardly_ever_changes_a_draw(size: int, temperature: float) -> None:
    """Scores of another batch or device differ by some 1e-3; the draws must not.

    A number that falls on one of 5000 edges would change 76 of these draws.
    """
    generator = np.random.default_rng(size)
    row = generator.normal(0, 3, size)
    nearly = row + generator.uniform(-1e-3, 1e-3, size)
    sampling = Sampling(temperature=temperature)
    pairs = zip(drawn(row, sampling, 1500), drawn(nearly, sampling, 1500), strict=True)
    assert sum(first != second for first, second in pairs) <= 2  # none, as it happens


def test_draws_stay_what_they_were() -> None:
    """A seed promises the same completions in the next version too, and with another numpy."""
    logprobs = np.log(np.arange(1.0, 101.0))
    assert [choose(logprobs, Sampling(temperature=1.0), key) for key in KEYS] == PINNED
    nucleus = Sampling(temperature=0.7, top_k=40, top_p=0.9)
    assert [choose(logprobs, nucleus, key) for key in KEYS] == PINNED_NUCLEUS


PINNED = [11, 59, 93, 36, 80]
PINNED_NUCLEUS = [84, 90, 93, 86, 80]


def test_the_zero_of_the_scores_does_not_count() -> None:
    raw = np.array([3.0, -1.0, 2.0, 0.5], dtype=np.float32)
    shifted = raw + np.float32(64)
    for key in range(50):
        assert choose(raw, Sampling(temperature=1.0), key) == choose(
            shifted, Sampling(temperature=1.0), key
        )


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(), Sampling(top_k=2, top_p=0.5, min_p=0.1)])
def test_nothing_possible_gives_none(sampling: Sampling) -> None:
    assert choose(np.full(4, -np.inf), sampling, 5) is None


@pytest.mark.parametrize(
    "sampling",
    [Sampling(), Sampling(top_k=3), Sampling(top_p=0.999), Sampling(min_p=0.01), GREEDY],
)
def test_the_impossible_is_never_drawn(sampling: Sampling) -> None:
    logprobs = np.array([-np.inf, -1.0, -np.inf, -2.0, -np.inf])
    assert set(drawn(logprobs, sampling, 40)) == ({1} if sampling is GREEDY else {1, 3})
    assert not any(is_kept(logprobs, at, sampling) for at in (0, 2, 4))


def test_a_weight_that_vanishes_is_never_drawn() -> None:
    """Also one that is 0 in floating point alone."""
    logprobs = np.array([-2000.0, 0.0, -2000.0])
    assert set(drawn(logprobs, Sampling(temperature=1.0), 200)) == {1}
    assert not is_kept(logprobs, 0, Sampling(temperature=1.0))


@pytest.mark.parametrize("size", [1, 2, 1000, 20_000])
def test_the_first_and_the_last_possible_token_can_be_drawn(size: int) -> None:
    weights = np.random.default_rng(size).random(size) + 0.5
    logprobs = np.append(np.log(weights), -np.inf)
    sampling = Sampling(temperature=1.0)
    assert is_kept(logprobs, 0, sampling)
    assert is_kept(logprobs, size - 1, sampling)
    assert not is_kept(logprobs, size, sampling)


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


@settings(max_examples=60)
@given(
    weights=st.lists(st.integers(1, 10_000), min_size=1, max_size=40, unique=True),
    top_k=st.integers(0, 45),
    top_p=st.one_of(st.just(1.0), st.floats(0.01, 0.999)),
    min_p=st.one_of(st.just(0.0), st.just(1.0), st.floats(0.001, 0.9)),
)
def test_what_is_kept_is_what_the_options_say(
    weights: list[int], top_k: int, top_p: float, min_p: float
) -> None:
    floats = [float(weight) for weight in weights]
    kept = _kept(floats, top_k, top_p, min_p)
    sampling = Sampling(temperature=1.0, top_k=top_k, top_p=top_p, min_p=min_p)
    logprobs = np.log(floats)
    assert [at for at in range(len(floats)) if is_kept(logprobs, at, sampling)] == kept


def test_ties_at_the_edge_of_top_k_keep_the_count() -> None:
    assert len(set(drawn(np.zeros(50), Sampling(top_k=7), 300))) == 7


@pytest.mark.parametrize("top_p", [0.05, 0.3, 0.9, 0.99])
def test_a_flat_distribution_is_sorted_as_far_as_top_p_needs(top_p: float) -> None:
    """More tokens than are sorted at first."""
    size = 5000
    weights = 1 + np.arange(size) / size  # the best are last
    reached = np.cumsum(weights[::-1]) / weights.sum()
    count = int(np.argmax(reached >= top_p)) + 1
    sampling = Sampling(temperature=1.0, top_p=top_p)
    logprobs = np.log(weights)
    assert is_kept(logprobs, size - 1, sampling)
    assert is_kept(logprobs, size - count, sampling)
    assert not is_kept(logprobs, size - count - 1, sampling)
    assert not is_kept(logprobs, 0, sampling)


def test_top_p_is_a_part_of_what_top_k_left() -> None:
    """Of 4 and 3, the 4 alone is more than a half; of all four it is not."""
    logprobs = np.log([4.0, 3.0, 2.0, 1.0])
    sampling = Sampling(temperature=1.0, top_k=2, top_p=0.5)
    assert set(drawn(logprobs, sampling, 40)) == {0}
    assert set(drawn(logprobs, Sampling(temperature=1.0, top_p=0.5), 40)) == {0, 1}


def test_truncation_comes_after_temperature() -> None:
    """At 0.5 the weights are 16, 9, 4: the best has 55 %."""
    logprobs = np.log([4.0, 3.0, 2.0])
    cold = Sampling(temperature=0.5, top_p=0.54)
    warm = Sampling(temperature=1.0, top_p=0.54)
    assert set(drawn(logprobs, cold, 40)) == {0}
    assert set(drawn(logprobs, warm, 40)) == {0, 1}


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
