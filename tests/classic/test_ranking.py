"""Sums and largest of stretches, against looking at every weight."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.classic.prefixes import Prefixes
from tecla.classic.ranking import Ranking, Stretch

WEIGHTS = st.lists(st.integers(0, 5).map(float), max_size=60)


@given(WEIGHTS, st.data())
def test_small_rows(weights: list[float], data: st.DataObject) -> None:
    ranking = Ranking(np.array(weights))
    start = data.draw(st.integers(0, len(weights)))
    check(ranking, weights, Stretch(start, data.draw(st.integers(start, len(weights)))))


def check(ranking: Ranking, weights: list[float], stretch: Stretch) -> None:
    places = sorted(range(*stretch), key=lambda at: (-weights[at], at))
    assert [each.place for each in ranking.top(stretch)] == places
    assert [each.weight for each in ranking.top(stretch)] == [weights[at] for at in places]
    assert ranking.mass(stretch) == pytest.approx(sum(weights[slice(*stretch)]))


@pytest.mark.parametrize(
    "stretch", [(0, 2000), (1, 1999), (255, 257), (256, 512), (250, 1300), (7, 9), (512, 512)]
)
def test_stretches_over_several_blocks(stretch: tuple[int, int]) -> None:
    weights = np.random.default_rng(7).integers(0, 50, 2000).astype(float)
    check(Ranking(weights), list(weights), Stretch(*stretch))


def test_changes_and_new_places_are_seen() -> None:
    random = np.random.default_rng(7)
    weights = [float(each) for each in random.integers(0, 50, 600)]
    frozen = np.array(weights)
    frozen.setflags(write=False)
    ranking = Ranking(frozen)
    for at in (0, 255, 256, 599):
        weights[at] += 100
        ranking.change(at, weights[at])
    for at in (0, 300, 602):
        weights.insert(at, 70.0)
        ranking.insert(at, 70.0)
    for stretch in ((0, 603), (100, 600)):
        check(ranking, weights, Stretch(*stretch))
    assert frozen.max() < 100  # what was given is left alone


def test_the_first_of_many_is_found_without_sorting_them() -> None:
    weights = np.arange(300_000, dtype=float)
    best = islice(Ranking(weights).top(Stretch(0, 300_000)), 3)
    assert [each.place for each in best] == [299_999, 299_998, 299_997]


TEXTS = st.text("abé", max_size=4)


@given(st.dictionaries(TEXTS, st.integers(1, 9).map(float)), st.lists(TEXTS, max_size=5), TEXTS)
def test_prefixes_are_as_a_scan_finds_them(
    weights: dict[str, float], added: list[str], prefix: str
) -> None:
    prefixes = Prefixes(weights)
    expected = dict(weights)
    for text in added:
        prefixes.add(text, 2.0)
        expected[text] = expected.get(text, 0.0) + 2.0
    found = {text: weight for text, weight in expected.items() if text.startswith(prefix)}
    stretch = prefixes.beginning(prefix)
    assert dict(prefixes.top(stretch)) == found
    assert prefixes.mass(stretch) == pytest.approx(sum(found.values()))
    assert prefixes.weight(prefix) == expected.get(prefix, 0.0)
    assert len(prefixes) == len(expected)
