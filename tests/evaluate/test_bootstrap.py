from __future__ import annotations

import numpy as np
import pytest

from tecla.evaluate import bootstrap
from tecla.evaluate.bootstrap import Estimate, difference, ratio


def test_the_same_seed_gives_the_same_interval() -> None:
    parts, wholes = [1.0, 2.0, 3.0], [4.0, 4.0, 4.0]
    assert ratio(parts, wholes, 1) == ratio(parts, wholes, 1)
    assert ratio(parts, wholes, 1).value == 0.5
    assert ratio([], [], 1) == Estimate(None)
    assert ratio([1.0], [4.0], 1) == Estimate(0.25)


def test_no_variation_no_interval() -> None:
    found = ratio([1.0] * 9, [2.0] * 9, 3)
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution() -> None:
    values = np.random.default_rng(5).normal(10, 2, 400)
    found = ratio(values.tolist(), [1.0] * 400, 1)
    assert found.low is not None
    assert found.high is not None
    error = float(values.std()) / 20
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_differences_are_paired() -> None:
    hard = np.random.default_rng(7).uniform(0, 100, 50)
    wholes = [100.0] * 50
    found = difference(((hard + 1).tolist(), wholes), (hard.tolist(), wholes), 1)
    assert found.value == pytest.approx(0.01)
    assert found.low == pytest.approx(0.01)
    assert found.high == pytest.approx(0.01)


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    parts, wholes = [1.0, 5.0, 2.0, 2.0], [5.0, 6.0, 7.0, 8.0]
    whole = ratio(parts, wholes, 2)
    monkeypatch.setattr(bootstrap, "_BLOCK_CELLS", 400)
    assert ratio(parts, wholes, 2) == whole
