"""Reliability of what is shown, against figures worked out by hand and by another way."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from tecla.evaluate.answers import Answer, Offer, Record
from tecla.evaluate.corpora import Passage
from tecla.evaluate.reliability import BINS, reliability


def record(text: str, offered: list[tuple[str, float] | None], number: int = 0) -> Record:
    passage = Passage(f"p:{number}", "lines", "", "", text)
    answers = tuple(
        Answer(())
        if each is None
        else Answer((Offer(each[0], each[1], ((len(each[0]), each[1]),)),))
        for each in offered
    )
    return Record(passage, answers)


def test_by_hand() -> None:
    found = reliability([record("abcd", [("abcd", 0.9), ("bcx", 0.2), None, ("d", 0.6)])], 1)
    assert found.events == 3
    assert found.right == pytest.approx(2 / 3)
    assert found.brier == pytest.approx((0.01 + 0.04 + 0.16) / 3)
    assert found.brier_constant == pytest.approx(2 / 9)
    assert found.auc == 1.0
    assert found.error.value == pytest.approx((0.1 + 0.2 + 0.4) / 3)  # one event a bin
    assert found.error.low is None


def test_nothing_shown_and_all_right() -> None:
    assert reliability([record("ab", [None, None])], 1).events == 0
    assert reliability([record("ab", [("ab", 0.5), ("b", 0.7)])], 1).auc is None


def test_ties_count_half_and_a_calibrated_system_has_a_small_error() -> None:
    draw = random.Random(4)
    records = []
    for number in range(60):
        offered: list[tuple[str, float] | None] = []
        for _ in range(50):
            probability = draw.choice((0.1, 0.5, 0.9))
            offered.append(("a" if draw.random() < probability else "x", probability))
        records.append(record("a" * 50, offered, number))
    found = reliability(records, 1)
    offers = [each.offers[0] for one in records for each in one.answers]
    right = Counter(each.probability for each in offers if each.text == "a")
    wrong = Counter(each.probability for each in offers if each.text == "x")
    won = sum(
        n * m * ((one > other) + 0.5 * (one == other))
        for one, n in right.items()
        for other, m in wrong.items()
    )
    assert found.auc == pytest.approx(won / (right.total() * wrong.total()))
    assert found.error.value is not None
    assert found.error.low is not None
    assert found.error.high is not None
    assert found.error.value < 0.06
    assert 0 < found.error.high < 0.15
    off = [
        record("a" * 50, [(o.offers[0].text, 0.9) for o in each.answers], number)
        for number, each in enumerate(records)
    ]
    assert reliability(off, 1).error.value == pytest.approx(0.4, abs=0.05)
    assert BINS == 15
