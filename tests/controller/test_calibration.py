"""Curves: rising, close to what happens, and kept with where they come from."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.controller.calibration import (
    Calibration,
    Curve,
    Event,
    Kind,
    Provenance,
    fit,
    shipped,
)
from tecla.controller.predictors import language_model
from tecla.errors import ModelFormatError, OptionError, UnknownModelError
from tecla.files import sha256_of

SHARES = st.floats(0, 1)


def events(count: int, truth: float, seed: int = 1) -> list[Event]:
    """Events that are right `truth` times as often as they say."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        said = draw.random()
        found.append(Event(said, draw.random() < said * truth))
    return found


@given(st.lists(st.tuples(SHARES, st.booleans()), min_size=5, max_size=60), st.integers(1, 5))
def test_a_curve_rises_and_stays_between_0_and_1(
    pairs: list[tuple[float, bool]], least: int
) -> None:
    curve = fit([Event(*pair) for pair in pairs], least)
    values = [curve(at / 50) for at in range(51)]
    assert all(one <= other for one, other in pairwise(values))
    assert all(0 < value < 1 for value in values)
    assert curve.events == len(pairs)


@pytest.mark.parametrize("truth", [0.4, 0.7, 1.0])
def test_it_says_how_often_events_are_right(truth: float) -> None:
    curve = fit(events(20_000, truth))
    for said in (0.1, 0.3, 0.5, 0.7, 0.9):
        assert curve(said) == pytest.approx(said * truth, abs=0.04)


def test_the_best_rising_curve_by_hand() -> None:
    pairs = [(0.1, 0), (0.2, 1), (0.3, 0), (0.4, 0), (0.5, 1), (0.6, 1)]
    curve = fit([Event(said, bool(right)) for said, right in pairs], 1)
    assert curve.at == pytest.approx((0.1, 0.3, 0.55))  # 0.2 to 0.4 are pooled: 1 of 3
    assert curve.to == pytest.approx((0.25, 1.5 / 4, 2.5 / 3))


def test_too_few_events_and_curves_that_are_none() -> None:
    with pytest.raises(OptionError, match="49 events are too few"):
        fit(events(49, 1.0))
    for at, to in (
        ((), ()),
        ((0.5,), ()),
        ((0.5, 0.5), (0.1, 0.2)),
        ((0.1, 0.2), (0.3, 0.2)),
        ((0.1,), (1.1,)),
    ):
        with pytest.raises(OptionError, match="knots"):
            Curve(at, to)


def test_the_narrowest_curve_that_there_is() -> None:
    def flat(value: float) -> Curve:
        return Curve((0.5,), (value,))

    calibration = Calibration(
        {
            Kind("model", "en", True).key: flat(0.1),
            Kind("model", "en").key: flat(0.2),
            Kind("model", in_word=True).key: flat(0.3),
            Kind("model").key: flat(0.4),
            Kind().key: flat(0.5),
        }
    )
    asked = [
        Kind("model", "en", True),
        Kind("model", "en", False),
        Kind("model", "es", True),
        Kind("model", "es", False),
        Kind("ngram", "es", False),
    ]
    assert [calibration.calibrated(0.9, kind) for kind in asked] == [0.1, 0.2, 0.3, 0.4, 0.5]
    assert Calibration().calibrated(0.9, asked[0]) == 0.9


def test_a_file_keeps_curves_and_their_provenance(tmp_path: Path) -> None:
    texts = (("web", "CC BY-SA 4.0", "ab" * 32),)
    wanted = Calibration(
        {Kind("model").key: fit(events(500, 0.7))},
        Provenance("cd" * 32, texts, {"alternatives": 2}, "2026-11-23"),
    )
    wanted.save(tmp_path / "curves.json")
    assert Calibration.load(tmp_path / "curves.json") == wanted


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", '{"tecla_calibration": 2}', '{"tecla_calibration": 1, "provenance": {}}'],
)
def test_other_files_are_refused_by_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "curves.json"
    path.write_text(text)
    with pytest.raises(ModelFormatError, match=r"curves\.json"):
        Calibration.load(path)
    with pytest.raises(UnknownModelError, match="no file"):
        Calibration.load(tmp_path / "none.json")


def test_the_default_model_has_curves_that_say_where_they_come_from() -> None:
    model = language_model("")
    curves = shipped(model)
    assert curves.provenance.model == sha256_of(model)
    assert curves.provenance.texts
    assert all(licence.startswith("CC BY-SA") for _, licence, _ in curves.provenance.texts)
    assert {Kind("neural", "en").key, Kind("neural", "es").key, Kind().key} <= set(curves.curves)
    assert all(0 <= curves.calibrated(p / 10, Kind("neural", "en")) <= 1 for p in range(11))


def test_other_models_have_none(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    assert shipped(tmp_path / "model.gguf") == Calibration()
    assert shipped(tmp_path) == Calibration()
