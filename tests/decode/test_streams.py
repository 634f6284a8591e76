"""Random streams: in range, evenly spread, and a function of what is asked and nothing else."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.decode.streams import Stream

SEEDS, TEXTS, ALTERNATIVES = (0, 1, 12, -1, 1 << 70), (b"", b"a", b"ab", b"2|a"), (0, 1, 2, 21)


@given(
    seed=st.integers(),
    text=st.binary(max_size=40),
    alternative=st.integers(0, 1000),
    position=st.integers(0, 1 << 40),
    attempt=st.integers(0, 1000),
)
def test_numbers_are_at_least_0_and_below_1(
    seed: int, text: bytes, alternative: int, position: int, attempt: int
) -> None:
    drawn = Stream(seed, text, alternative).uniform(position, attempt)
    assert 0.0 <= drawn < 1.0
    assert drawn == Stream(seed, text, alternative).uniform(position, attempt)


def test_every_argument_counts() -> None:
    """No two of all these combinations give the same number, also where digits run together."""
    drawn = [
        Stream(seed, text, alternative).uniform(position, attempt)
        for seed, text, alternative in itertools.product(SEEDS, TEXTS, ALTERNATIVES)
        for position, attempt in itertools.product((0, 1, 11, 2), (0, 1, 11, 12))
    ]
    assert len(set(drawn)) == len(drawn) == len(SEEDS) * len(TEXTS) * len(ALTERNATIVES) * 16


def test_the_order_of_the_calls_does_not_count() -> None:
    places = list(itertools.product(range(20), range(3)))
    stream = Stream(5, b"text", 1)
    in_order = {place: stream.uniform(*place) for place in places}
    random.Random(0).shuffle(places)
    assert {place: Stream(5, b"text", 1).uniform(*place) for place in places} == in_order
    assert {place: stream.uniform(*place) for place in places} == in_order


@pytest.mark.parametrize("along", ["positions", "attempts", "alternatives", "seeds"])
def test_numbers_are_spread_evenly_along(along: str) -> None:
    count = 4000
    draw = {
        "positions": lambda at: Stream(1, b"t", 0).uniform(at),
        "attempts": lambda at: Stream(1, b"t", 0).uniform(0, at),
        "alternatives": lambda at: Stream(1, b"t", at).uniform(0),
        "seeds": lambda at: Stream(at, b"t", 0).uniform(0),
    }[along]
    drawn = np.array([draw(at) for at in range(count)])
    assert drawn.mean() == pytest.approx(0.5, abs=4 * (1 / 12 / count) ** 0.5)
    assert drawn.var() == pytest.approx(1 / 12, abs=0.005)
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 4 / count**0.5
    bins = np.bincount((drawn * 16).astype(int), minlength=16)
    assert ((bins - count / 16) ** 2 / (count / 16)).sum() < 44  # chi-squared, 15: p = 1e-4


def test_numbers_stay_what_they_were() -> None:
    """A seed promises the same completions in the next version too."""
    assert Stream(0, b"", 0).uniform(0) == PINNED[0]
    assert Stream(7, "año".encode(), 3).uniform(12, 2) == PINNED[1]


PINNED = (0.9432219760156638, 0.9852472541579224)
