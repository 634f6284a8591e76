"""Segments: what they say of a text is what counting says, in memory and from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personal.naive import Naive, plain
from personal.rows import SMALL, question, rows
from tecla.errors import OptionError, StoreError, StoreFormatError
from tecla.personal.base import BOUNDARY, EXACT
from tecla.personal.segment import Row, Segment, write_segment
from tecla.personal.vocabulary import Vocabulary

WIDTHS = [
    pytest.param(Vocabulary(SMALL), 1, id="two bytes"),
    pytest.param(Vocabulary(65_535), 16_000, id="two bytes, many ids"),
    pytest.param(Vocabulary(200_000), 49_000, id="four bytes"),
]


def segment(found: Sequence[Sequence[int]], vocabulary: Vocabulary) -> Segment:
    return Segment.of([Row(number, row) for number, row in enumerate(found)], vocabulary)


@pytest.mark.slow
@pytest.mark.parametrize(("vocabulary", "factor"), WIDTHS)
@given(found=rows, asked=question, most=st.integers(1, 30))
def test_agrees_with_counting(
    vocabulary: Vocabulary,
    factor: int,
    found: list[list[int]],
    asked: list[int],
    most: int,
) -> None:
    def wide(row: list[int]) -> list[int]:
        return [token * factor if token >= 0 else token for token in row]

    wider = [wide(row) for row in found]
    expected = Naive(wider).matches(wide(asked), most)
    assert plain(segment(wider, vocabulary).matches(wide(asked), most)) == plain(expected)


def test_more_than_65536_different_ids_are_sorted_too() -> None:
    row = np.random.default_rng(1).permutation(70_000).tolist()
    both = segment([row, row[::-1]], Vocabulary(70_000))
    both.check()
    assert plain(both.matches(row[100:103])) == [
        (3, 1, {row[103]: 1}),
        (1, 2, {row[103]: 1, row[101]: 1}),
    ]


def test_a_match_has_no_bound() -> None:
    row = [number % 7 * number % 1000 for number in range(3000)]
    found = segment([[*row, 5], [*row, 6]], Vocabulary(1000)).matches([1, *row], 1)
    assert plain(found) == [(3000, 2, {5: 1, 6: 1})]
    found = segment([[*row, 5], [*row, 6]], Vocabulary(1000)).matches([BOUNDARY, *row], 1)
    assert plain(found) == [(3001, 2, {5: 1, 6: 1})]


def test_one_token_again_and_again() -> None:
    found = segment([[3] * 5000], Vocabulary(4))
    found.check()
    assert plain(found.matches([3] * 6000, 2)) == [(4999, 1, {3: 1}), (4998, 2, {3: 2})]
    assert plain(found.matches([3], 2)) == [(1, 4999, {3: 4999})]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([9], [], id="no such id"),
        pytest.param([1, 9, 2], [(1, 1, {3: 1})], id="behind what is no id"),
        pytest.param([1, -7, 2], [(1, 1, {3: 1})], id="behind what no id can be"),
        pytest.param([1, BOUNDARY], [(1, 1, {1: 1})], id="a beginning has nothing before it"),
        pytest.param([3], [], id="a last token has nothing behind it"),
    ],
)
def test_questions_at_the_edges(asked: list[int], expected: list[object]) -> None:
    assert plain(segment([[1, 2, 3]], Vocabulary(9)).matches(asked)) == expected


@pytest.mark.parametrize("found", [[], [[]], [[], [], []]], ids=["none", "empty", "all empty"])
def test_nothing_to_find(found: list[list[int]]) -> None:
    empty = segment(found, Vocabulary(5))
    empty.check()
    assert empty.matches([1]) == empty.matches([BOUNDARY]) == []
    assert [row.document for row in empty.rows()] == list(range(len(found)))


def test_many_occurrences_are_counted_in_a_sample() -> None:
    chooser = np.random.default_rng(0)
    row = np.zeros(4 * EXACT, np.int64)
    row[1::2] = chooser.geometric(0.1, 2 * EXACT)
    (level,) = segment([row.tolist()], Vocabulary(1000)).matches([0], 1)
    exact = np.bincount(row[1::2], minlength=1000) / (2 * EXACT)
    shares = np.zeros(1000)
    shares[level.ids] = level.counts / level.count
    assert level.count == 2 * EXACT == level.counts.sum()
    assert level.counts.min() >= 1
    error = np.sqrt(2 * exact * (1 - exact) / EXACT)
    assert (np.abs(shares - exact) <= 5 * error + 2 / EXACT).all()


@pytest.mark.slow
@given(found=rows, without=st.sets(st.integers(0, 5)))
def test_gives_its_documents_back(found: list[list[int]], without: set[int]) -> None:
    given_back = segment(found, Vocabulary(SMALL)).rows(frozenset(without))
    expected = [(number, row) for number, row in enumerate(found) if number not in without]
    assert [(row.document, list(row.tokens)) for row in given_back] == expected


def reverse(data: memoryview) -> bytes:
    return bytes(data)[::-1]


@pytest.mark.parametrize("change", [None, reverse], ids=["plain", "sealed"])
def test_a_file_says_the_same(tmp_path: Path, change: object) -> None:
    path, vocabulary = tmp_path / "a", Vocabulary(5)
    found = [Row(7, [1, 2, 3, 1, 2, 4]), Row(3, [1, 2])]
    seal = reverse if change else None
    assert write_segment(path, found, vocabulary, seal) == 8
    assert path.stat().st_mode & 0o777 == 0o600
    opened = Segment.open(path, vocabulary, seal)
    opened.check()
    assert plain(opened.matches([9, 1, 2])) == plain(Segment.of(found, vocabulary).matches([1, 2]))
    assert opened.documents.tolist() == [7, 3]
    assert opened.n_tokens == 8


def test_what_is_damaged_is_not_opened(tmp_path: Path) -> None:
    path, vocabulary = tmp_path / "a", Vocabulary(500)
    write_segment(path, [Row(1, list(range(400)))], vocabulary)
    whole = path.read_bytes()
    with pytest.raises(StoreFormatError, match="of another vocabulary"):
        Segment.open(path, Vocabulary(501))
    for place in range(0, len(whole), 97):
        changed = bytearray(whole)
        changed[place] ^= 16
        path.write_bytes(changed)
        try:
            Segment.open(path, vocabulary)
        except StoreFormatError:
            continue
        assert whole[place - 64 : place + 64].count(0) > 0, (
            "only a gap between arrays is not summed"
        )
    for length in (0, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreFormatError):
            Segment.open(path, vocabulary)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        Segment.open(path, vocabulary)
    with pytest.raises(StoreError, match="cannot write"):
        write_segment(tmp_path / "none" / "a", [], vocabulary)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param([Row(1, [5])], "token id 5 does not exist; ids are 0 to 4", id="too large"),
        pytest.param([Row(1, [-1])], "token id -1 does not exist", id="below zero"),
        pytest.param([Row(1, [1.5])], "a row of whole numbers", id="no whole number"),
        pytest.param([Row(1, [1]), Row(1, [2])], "there twice", id="one id twice"),
    ],
)
def test_what_is_no_document(found: list[Row], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        Segment.of(found, Vocabulary(5))
