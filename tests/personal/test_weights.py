"""Weights: what gates look at, their file, and fitting them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from random import Random

import numpy as np
import pytest

from personal.naive import Naive
from tecla.errors import ModelFormatError, OptionError, UnknownModelError
from tecla.personal.base import Matched
from tecla.personal.fitting import LEAST_PLACES, Seen, fit, minimised
from tecla.personal.mixed import mixed
from tecla.personal.weights import FEATURES, Floats64, Origin, Weights, features, shipped


def level(length: int, **counts: int) -> Matched:
    found = np.array(sorted((int(name[1:]), count) for name, count in counts.items()))
    return Matched(length, int(found[:, 1].sum()), found[:, 0].astype(np.int32), found[:, 1])


def test_features_are_what_they_are_called() -> None:
    row = dict(zip(FEATURES, features([level(4, t1=6, t2=2)])[0].tolist(), strict=True))
    assert row["bias"] == 1
    assert math.isclose(row["length"], math.log(4))
    assert math.isclose(row["count"], math.log(8))
    assert row["peak"] == 0.75
    assert math.isclose(row["variety"], math.log(2 / 8))
    assert row["sharp"] == 0.75 * row["length"]


def test_a_constant_gate_looks_at_nothing() -> None:
    weights = Weights.constant(0.3)
    found = weights.gate("user", [level(9, t1=40), level(1, t1=1, t2=1)])
    assert found is not None
    np.testing.assert_allclose(found, 0.3)
    assert weights.draft("user", level(9, t1=40)) == 0.0


@pytest.mark.parametrize("source", ["collection", "user", "document"])
def test_shipped_weights_believe_what_is_long_more(source: str) -> None:
    """A long end with one token behind it against a short one with many."""
    weights = shipped()
    long, short = level(12, t1=3), level(1, t1=2, t2=2, t3=2, t4=2, t5=1)
    found = weights.gate(source, [long, short])  # type: ignore[arg-type]
    assert found is not None
    assert found[0] > 2 * found[1]
    assert weights.draft(source, long) > 2 * weights.draft(source, short)  # type: ignore[arg-type]


def test_shipped_weights_say_what_they_were_fitted_on() -> None:
    texts = shipped().origin.texts
    assert texts
    assert all(licence.startswith(("CC BY", "public domain")) for _, licence, _ in texts)
    assert not any("NC" in licence for _, licence, _ in texts)


def test_a_file_gives_the_weights_back(tmp_path: Path) -> None:
    weights = Weights(
        (("user", (0.5, *[0.0] * 7)),), (("user", (1.0, *[0.25] * 7)),), Origin((("a", "b", "c"),))
    )
    weights.save(tmp_path / "w.json")
    again = Weights.load(tmp_path / "w.json")
    assert again == weights
    assert again.origin == weights.origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        json.dumps({"tecla_mixing": 99}),
        json.dumps({"tecla_mixing": 1, "features": ["bias"]}),
        json.dumps({"tecla_mixing": 1, "features": FEATURES, "origin": {"texts": []}, "gates": 3}),
    ],
    ids=["empty", "list", "object", "version", "features", "gates"],
)
def test_what_holds_no_weights_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "w.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ModelFormatError, match="fit_mixing"):
        Weights.load(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="no file"):
        Weights.load(tmp_path / "w.json")


@pytest.mark.parametrize(
    "gates",
    [
        (("friend", (0.0,) * 8),),
        (("user", (0.0,) * 7),),
        (("user", (math.nan, *[0.0] * 7)),),
    ],
    ids=["source", "count", "value"],
)
def test_gates_that_are_none_are_refused(gates: object) -> None:
    with pytest.raises(OptionError):
        Weights(gates)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.0, 1.0, -1, math.nan], ids=str)
def test_a_constant_is_a_share(share: float) -> None:
    with pytest.raises(OptionError):
        Weights.constant(share)


def test_the_least_of_a_function_is_found() -> None:
    target = np.array([3.0, -1.0, 0.5])
    curve = np.diag([1.0, 10.0, 100.0])

    def bowl(at: Floats64) -> tuple[float, Floats64]:
        off = at - target
        return float(off @ curve @ off), 2 * curve @ off

    np.testing.assert_allclose(minimised(bowl, np.zeros(3)), target, atol=1e-4)


def places(trust: float, count: int, seed: int) -> list[Seen]:
    """Texts in which what was seen behind two tokens comes again with probability `trust`."""
    random = Random(seed)
    matcher = Naive([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    found = []
    for number in range(count):
        first = random.choice([1, 4, 7])
        token = first + 2 if random.random() < trust else random.randrange(20, 30)
        levels = matcher.matches([first, first + 1])
        found.append(Seen(number % 3, token, 0.1, 20, [("user", levels), ("document", [])]))
    return found


@pytest.mark.parametrize("trust", [0.2, 0.5, 0.9], ids=str)
def test_the_fitted_weight_is_how_often_it_comes_again(trust: float) -> None:
    """With what the model gives, 0.1 everywhere, the likeliest weight is known: (t - 0.1) / 0.9."""
    seen = places(trust, 2000, seed=1)
    weights = fit(seen)
    here = mixed(weights, seen[0].found)
    assert here is not None
    came = sum(each.token < 20 for each in seen) / len(seen)
    assert math.isclose(1 - here.kept, (came - 0.1) / 0.9, abs_tol=0.02)
    assert weights.draft("user", seen[0].found[0][1][0]) < 0.05  # the model never chose it


def test_too_little_text_fits_nothing() -> None:
    with pytest.raises(OptionError, match=str(LEAST_PLACES)):
        fit(places(0.5, 10, seed=1))
