"""Counting and smoothing against dictionaries, against figures worked out by hand, and sums."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngram.slow_kneser_ney import SlowKneserNey
from tecla.ngram.backoff import Backoff
from tecla.ngram.counts import Level, count_levels
from tecla.ngram.kneser_ney import smooth
from tecla.ngram.lexicon import IdRange

WORDS, START, END, IDS = 6, 7, 8, 9  # id 6 is the unknown word
TEXTS = st.lists(st.lists(st.integers(0, WORDS - 1), max_size=14), min_size=1, max_size=8)
BASE = np.array([*[0.12] * WORDS, 0.28, 0.0, 0.0])


def row(texts: list[list[int]]) -> npt.NDArray[np.uint32]:
    return np.array([i for text in texts for i in (START, *text, END)], np.uint32)


def counted(folder: Path, texts: list[list[int]], order: int, chunk: int = 1 << 20) -> list[Level]:
    return count_levels(row(texts), IDS, order, START, folder, lambda _: None, chunk)


def model(
    folder: Path, texts: list[list[int]], order: int, least: list[int] | None = None
) -> Backoff:
    levels = counted(folder, texts, order)
    return Backoff(smooth(levels, START, least or [1] * order, folder), BASE)


def grams(levels: list[Level]) -> list[dict[tuple[int, ...], int]]:
    """The n-grams of each level, spelt out, with their counts."""
    spelt: list[tuple[int, ...]] = [(i,) for i in range(IDS)]
    found = [dict(zip(spelt, map(int, levels[0].counts), strict=True))]
    for level in levels[1:]:
        every = slice(0, len(level))
        pairs = zip(level.context(every), level.word(every), strict=True)
        spelt = [(*spelt[context], int(word)) for context, word in pairs]
        found.append(dict(zip(spelt, map(int, level.counts), strict=True)))
    return found


@given(TEXTS, st.integers(1, 5), st.sampled_from([2, 3, 7, 1 << 20]))
def test_counts_are_those_of_dictionaries_whatever_the_chunk(
    tmp_path_factory: Any, texts: list[list[int]], order: int, chunk: int
) -> None:
    levels = counted(tmp_path_factory.mktemp("counts"), texts, order, chunk)
    for n, found in enumerate(grams(levels), start=1):
        whole = [(START, *text, END) for text in texts]
        expected = Counter(t[i : i + n] for t in whole for i in range(len(t) - n + 1))
        assert {gram: count for gram, count in found.items() if count} == dict(expected)


@given(TEXTS, st.integers(2, 5))
def test_a_suffix_is_the_ngram_without_its_first_word(
    tmp_path_factory: Any, texts: list[list[int]], order: int
) -> None:
    levels = counted(tmp_path_factory.mktemp("counts"), texts, order)
    spelt = [list(found) for found in grams(levels)]
    for n in range(1, order):
        for gram, suffix in zip(spelt[n], levels[n].suffix, strict=True):
            assert spelt[n - 1][suffix] == gram[1:]


@given(TEXTS, st.integers(1, 4), st.lists(st.integers(0, WORDS), max_size=5), st.booleans())
def test_probabilities_are_those_of_the_paper(
    tmp_path_factory: Any, texts: list[list[int]], order: int, history: list[int], begins: bool
) -> None:
    fast = model(tmp_path_factory.mktemp("smooth"), texts, order)
    whole = [(START, *text, END) for text in texts]
    slow = SlowKneserNey(whole, order, START, dict(enumerate(BASE)))
    known = (START, *history) if begins else tuple(history)
    state = fast.state(known)
    for word in (*range(WORDS + 1), END):
        expected = slow.probability(known, word)
        assert fast.probability(state, word) == pytest.approx(expected, abs=1e-6)


@given(TEXTS, st.integers(1, 5), st.lists(st.integers(0, WORDS), max_size=6), st.integers(1, 3))
def test_behind_any_history_probabilities_add_up_to_one(
    tmp_path_factory: Any, texts: list[list[int]], order: int, history: list[int], least: int
) -> None:
    pruned = [1, 1, least, least, least][:order]
    fast = model(tmp_path_factory.mktemp("sum"), texts, order, pruned)
    state = fast.state(history)
    every = fast.distribution(state)
    assert every.sum() == pytest.approx(1, abs=1e-5)
    assert every.min() >= 0
    assert every[START] == 0
    one_by_one = [fast.probability(state, index) for index in range(IDS)]
    assert one_by_one == pytest.approx(list(every), abs=1e-9)


@given(TEXTS, st.lists(st.integers(0, WORDS), max_size=5), st.integers(0, IDS), st.integers(0, IDS))
def test_a_range_weighs_what_its_ids_weigh_and_the_top_is_the_top(
    tmp_path_factory: Any, texts: list[list[int]], history: list[int], one: int, other: int
) -> None:
    fast = model(tmp_path_factory.mktemp("range"), texts, 4)
    state = fast.state(history)
    ids = IdRange(min(one, other), max(one, other))
    every = fast.distribution(state)
    assert fast.mass(state, ids) == pytest.approx(every[ids.start : ids.stop].sum(), abs=1e-6)
    for k in (1, 3, IDS):
        found = fast.top(state, ids, k)
        inside = sorted(every[ids.start : ids.stop], reverse=True)
        expected = [p for p in inside[:k] if p > 0]
        assert [p for _, p in found] == pytest.approx(expected, abs=1e-7)
        assert [every[index] for index, _ in found] == pytest.approx(expected, abs=1e-7)


@given(TEXTS, st.integers(1, 5), TEXTS)
def test_a_row_at_once_is_as_id_by_id(
    tmp_path_factory: Any, texts: list[list[int]], order: int, other: list[list[int]]
) -> None:
    fast = model(tmp_path_factory.mktemp("row"), texts, order)
    expected, state = [], fast.state([])
    for index in map(int, row(other)):
        state = fast.state([]) if index == START else state
        expected.append(fast.probability(state, index))
        state = fast.advance(state, index)
    assert list(fast.of_row(row(other), START)) == pytest.approx(expected, abs=1e-9)


def test_a_case_worked_out_by_hand(tmp_path: Path) -> None:
    """Texts "a b" and "a c", order 2: too few counts, so 0.5, 1 and 1.5 are taken off.

    Continuations: a follows the start only, b and c follow a only, the end follows b and c:
    a 1, b 1, c 1, end 2, together 5. Single words: a (1 - 0.5) / 5 = 0.1, end (2 - 1) / 5 = 0.2,
    rest (3 * 0.5 + 1) / 5 = 0.5. Behind a: b and c once each of 2, (1 - 0.5) / 2 = 0.25 each,
    rest 0.5.
    """
    found = model(tmp_path, [[0, 1], [0, 2]], 2)
    single_b = 0.1 + 0.5 * BASE[1]
    assert found.probability((), END) == pytest.approx(0.2)
    assert found.probability((), 0) == pytest.approx(0.1 + 0.5 * BASE[0])
    assert found.probability(found.state([0]), 1) == pytest.approx(0.25 + 0.5 * single_b)
    assert found.probability(found.state([START]), 0) == pytest.approx(
        (2 - 1) / 2 + 1 / 2 * (0.1 + 0.5 * BASE[0])
    )
    assert found.probability(found.state([5, 0]), 1) == pytest.approx(0.25 + 0.5 * single_b)


def test_discounts_come_from_counts_of_counts(tmp_path: Path) -> None:
    """Single words seen 1, 1, 1, 2, 2 and 3 times, an end seen 4 times: 3, 2, 1, 1 of them."""
    texts = [[0, 3, 5], [1, 3, 5], [2, 4, 5], [4]]
    levels = counted(tmp_path, texts, 1)
    discounts = smooth(levels, START, [1], tmp_path)["discounts"]
    y = 3 / (3 + 2 * 2)
    assert discounts[0] == pytest.approx([1 - 2 * y * 2 / 3, 2 - 3 * y * 1 / 2, 3 - 4 * y * 1])


def test_rare_long_ngrams_can_be_left_out(tmp_path_factory: Any) -> None:
    texts = [[0, 1, 2]] * 3 + [[3, 4, 5]]
    whole = model(tmp_path_factory.mktemp("whole"), texts, 3)
    pruned = model(tmp_path_factory.mktemp("pruned"), texts, 3, [1, 1, 2])
    assert pruned.probability(pruned.state([0, 1]), 2) == pytest.approx(
        whole.probability(whole.state([0, 1]), 2), rel=1e-5
    )
    below = math.fsum(pruned.distribution(pruned.state([3, 4])))
    assert below == pytest.approx(1, abs=1e-5)
    assert pruned.probability(pruned.state([3, 4]), 5) < whole.probability(whole.state([3, 4]), 5)
