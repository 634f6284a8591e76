"""Fusion: what any two rankings have in common with the one that is made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.retrieval.fusion import FLATTENS, fused

RANKED = st.lists(st.integers(0, 30), unique=True, max_size=20)


@given(st.lists(RANKED, max_size=3))
def test_everything_that_was_ranked_is_ranked_once(lists: list[list[int]]) -> None:
    ids = [each for each, _ in fused(lists)]
    assert sorted(ids) == sorted({each for ranked in lists for each in ranked})


@given(RANKED, RANKED)
def test_the_order_of_the_lists_makes_no_difference(one: list[int], other: list[int]) -> None:
    assert fused([one, other]) == fused([other, one])


@given(RANKED)
def test_one_list_keeps_its_order(ranked: list[int]) -> None:
    assert [each for each, _ in fused([ranked, []])] == ranked
    assert [each for each, _ in fused([ranked, ranked])] == ranked


@given(RANKED, RANKED, st.data())
def test_who_stands_higher_in_one_list_is_not_lower_in_both(
    one: list[int], other: list[int], data: st.DataObject
) -> None:
    if len(one) < 2:
        return
    at = data.draw(st.integers(1, len(one) - 1))
    risen = one[at]
    better = [*one[: at - 1], risen, one[at - 1], *one[at + 1 :]]
    before = [each for each, _ in fused([one, other])].index(risen)
    after = [each for each, _ in fused([better, other])].index(risen)
    assert after <= before


@given(RANKED, RANKED)
def test_first_of_both_is_first(one: list[int], other: list[int]) -> None:
    first = 99
    assert fused([[first, *one], [first, *other]])[0][0] == first


@pytest.mark.parametrize(
    ("weights", "best"), [((2.0, 1.0), 1), ((1.0, 2.0), 2), (None, 1)], ids=str
)
def test_a_list_with_more_weight_counts_for_more(
    weights: tuple[float, float] | None, best: int
) -> None:
    assert fused([[1], [2]], weights)[0][0] == best


def test_scores_are_those_of_the_paper() -> None:
    assert dict(fused([[7, 8], [8]])) == pytest.approx(
        {7: 1 / (FLATTENS + 1), 8: 1 / (FLATTENS + 2) + 1 / (FLATTENS + 1)}
    )
