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
def test_keys_are_whole_numbers_of_64_bits(
    seed: int, text: bytes, alternative: int, position: int, attempt: int
) -> None:
    drawn = Stream(seed, text, alternative).key(position, attempt)
    assert isinstance(drawn, int)
    assert 0 <= drawn < 1 << 64
    assert drawn == Stream(seed, text, alternative).key(position, attempt)


def test_every_argument_counts() -> None:
    """No two of all these combinations give the same key, also where digits run together."""
    drawn = [
        Stream(seed, text, alternative).key(position, attempt)
        for seed, text, alternative in itertools.product(SEEDS, TEXTS, ALTERNATIVES)
        for position, attempt in itertools.product((0, 1, 11, 2), (0, 1, 11, 12))
    ]
    assert len(set(drawn)) == len(drawn) == len(SEEDS) * len(TEXTS) * len(ALTERNATIVES) * 16


def test_the_order_of_the_calls_does_not_count() -> None:
    places = list(itertools.product(range(20), range(3)))
    stream = Stream(5, b"text", 1)
    in_order = {place: stream.key(*place) for place in places}
    random.Random(0).shuffle(places)
    assert {place: Stream(5, b"text", 1).key(*place) for place in places} == in_order
    assert {place: stream.key(*place) for place in places} == in_order


@pytest.mark.parametrize("along", ["positions", "attempts", "alternatives", "seeds"])
def test_keys_are_spread_evenly_along(along: str) -> None:
    count = 4000
    draw = {
        "positions": lambda at: Stream(1, b"t", 0).key(at),
        "attempts": lambda at: Stream(1, b"t", 0).key(0, at),
        "alternatives": lambda at: Stream(1, b"t", at).key(0),
        "seeds": lambda at: Stream(at, b"t", 0).key(0),
    }[along]
    keys = [draw(at) for at in range(count)]
    for bit in range(64):
        ones = sum(key >> bit & 1 for key in keys)
        assert abs(ones - count / 2) < 4.5 * (count / 4) ** 0.5, bit
    drawn = np.array(keys) / 2.0**64
    assert drawn.mean() == pytest.approx(0.5, abs=4 * (1 / 12 / count) ** 0.5)
    assert drawn.var() == pytest.approx(1 / 12, abs=0.005)
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 4 / count**0.5
    bins = np.bincount((drawn * 16).astype(int), minlength=16)
    assert ((bins - count / 16) ** 2 / (count / 16)).sum() < 44  # chi-squared, 15: p = 1e-4


def test_keys_stay_what_they_were() -> None:
    """A seed promises the same completions in the next version too."""
    assert Stream(0, b"", 0).key(0) == PINNED[0]
    assert Stream(7, "año".encode(), 3).key(12, 2) == PINNED[1]


PINNED = (1579096454222214897, 13545985547698780668)
