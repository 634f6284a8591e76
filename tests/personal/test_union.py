"""Several matchers as one: what they say together is what one over all documents says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personal.naive import Naive, plain
from personal.rows import SMALL, question, rows
from tecla.personal.base import Matcher
from tecla.personal.online import Online
from tecla.personal.segment import Row, Segment
from tecla.personal.union import Union
from tecla.personal.vocabulary import Vocabulary

VOCABULARY = Vocabulary(SMALL)


def segment(found: list[list[int]]) -> Matcher:
    return Segment.of([Row(number, row) for number, row in enumerate(found)], VOCABULARY)


def online(found: list[list[int]]) -> Matcher:
    growing = Online(VOCABULARY)
    for row in found:
        growing.begin()
        growing.extend(row)
    return growing


KINDS = {"naive": Naive, "segment": segment, "online": online}


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.sampled_from(sorted(KINDS)), rows), max_size=4),
    question,
    st.integers(1, 12),
)
def test_together_they_say_what_one_says(
    parts: list[tuple[str, list[list[int]]]], asked: list[int], most: int
) -> None:
    union = Union([KINDS[kind](found) for kind, found in parts])
    everything = Naive([row for _, found in parts for row in found])
    assert plain(union.matches(asked, most)) == plain(everything.matches(asked, most))


def test_generation_is_that_of_the_parts() -> None:
    growing, settled = Online(VOCABULARY), segment([[1, 2]])
    union = Union([settled, growing])
    before = union.generation
    assert union.generation == before
    growing.extend([1])
    assert union.generation != before
    assert Union([settled]).generation == settled.generation
    assert Union([]).matches([1]) == []
