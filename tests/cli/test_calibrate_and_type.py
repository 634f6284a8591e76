"""`tecla calibrate` and `tecla type`, run in this process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.calling import Ran, caller
from tecla.controller.calibration import Calibration, Kind
from tecla.store.events import FeedbackEvent, Place
from tecla.store.sqlite import SqliteStore

Tecla = Callable[..., Ran]
ENGLISH = Path(__file__).resolve().parent.parent / "data" / "english.txt"


@pytest.fixture
def tecla(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Tecla:
    """Run `tecla` in an empty folder, with a store of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TECLA_STORE_FILE", str(tmp_path / "store.db"))
    return caller(monkeypatch, capsys)


def shown(number: int, probability: float) -> FeedbackEvent:
    return FeedbackEvent(
        kind="shown",
        suggestion=f"s{number}",
        time_s=time.time(),
        user="u",
        source="neural",
        language="en",
        place=Place(typed_chars=2),
        raw_probability=probability,
        shown_chars=5,
        shown_words=1,
    )


def test_curves_from_what_became_of_suggestions(tecla: Tecla, tmp_path: Path) -> None:
    with SqliteStore.open() as store:
        for number in range(800):
            event = shown(number, number / 800)
            events = [event]
            if number % 4:  # a quarter was right, however likely it was said to be
                left = {**event_fields(event), "kind": "rejected"}
                events.append(FeedbackEvent(**left))  # type: ignore[arg-type]
            store.feedback.record(events)
    ran = tecla("calibrate", "--feedback", "-o", "c.json")
    assert ran.status == 0, ran.err
    assert ran.out.startswith("wrote c.json: ")
    curves = Calibration.load(tmp_path / "c.json")
    kind = Kind("neural", "en", in_word=True)
    assert curves.calibrated(0.9, kind) == pytest.approx(0.25, abs=0.05)
    assert curves.provenance.settings["feedback"] is True
    text = (tmp_path / "c.json").read_text()
    assert "s17" not in text
    assert json.loads(text)["tecla_calibration"] == 1


def test_curves_from_text_beside_a_predictor(tecla: Tecla, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(ENGLISH.read_text(encoding="utf-8")[:1200], encoding="utf-8")
    beside = ("--beside", "frequency:en", "--weight", "1")
    ran = tecla("calibrate", "lines:t.txt", "-o", "c.json", "--chars", "450", *beside)
    assert ran.status == 0, ran.err
    curves = Calibration.load(tmp_path / "c.json")
    assert curves.curves[Kind("frequency").key].events >= 400  # as it answers without the model
    assert curves.provenance.settings["weight"] == 1.0
    assert [name for name, _, _ in curves.provenance.texts] == ["t.txt"]
    assert curves.curves[Kind().key].events >= 400
    said = [curves.calibrated(step / 10, Kind()) for step in range(11)]
    assert said == sorted(said)
    assert said[-1] > said[0]


def event_fields(event: FeedbackEvent) -> dict[str, object]:
    return {name: getattr(event, name) for name in event.__dataclass_fields__}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("calibrate", "-o", "c.json"), "give texts, or --feedback"),
        (("calibrate", "none.txt", "-o", "c.json"), "does not exist"),
        (("calibrate", "--feedback", "-o", "gone/c.json"), "there is no folder"),
        (("calibrate", "--feedback", "-o", "c.json"), "0 suggestions came up"),
        (("type",), "needs a terminal"),
        (("type", "--filters", "strictly"), "did you mean 'strict'"),
        (("type", "."), "is a folder"),
    ],
)
def test_bad_input_is_told_before_any_model_is_loaded(
    tecla: Tecla, arguments: tuple[str, ...], said: str
) -> None:
    ran = tecla(*arguments)
    assert ran.status == 2
    assert said in ran.err
    assert not Path("c.json").exists()
