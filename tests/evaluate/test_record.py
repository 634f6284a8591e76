from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.small_records import STORY, ByHeart, offer, passage, record
from tecla.errors import ConfigError
from tecla.evaluate.answers import parse_records, record_line
from tecla.evaluate.record import RecordFile, ask
from tecla.evaluate.typists import ghost
from tecla.predict.base import Budget

SETTINGS = {"spec": "by heart", "budget": {"n": 2}}


def test_every_caret_is_asked_once_in_order() -> None:
    system = ByHeart("Tea?\n" + STORY)
    typed = ask(system, passage(STORY, lead="Tea?\n", header="Rain"), Budget(n=2, max_words=3))
    assert [each.before for each in system.asked] == [
        "Tea?\n" + STORY[:at] for at in range(len(STORY))
    ]
    assert {each.header for each in system.asked} == {"Rain"}
    assert [each.text for each in typed.answers[0].offers] == ["The rain had", "zebra"]
    assert typed.answers[0].offers[0].ends == ((3, 0.9), (8, 0.9), (12, 0.9))
    assert all(answer.tokens is None and answer.latency_ms >= 0 for answer in typed.answers)
    assert typed.peak_bytes > 0
    assert typed.nats is None
    assert ghost(typed, "saving").keys < len(STORY) / 2


def test_a_record_comes_back_from_its_line() -> None:
    kept = record("see you", {0: [offer("see ñ", 0.25, replaces=1)], 4: []})
    assert parse_records([record_line(kept)], [kept.passage]) == {kept.passage.id: kept}
    assert parse_records([record_line(kept)], [passage("see him")]) == {}
    assert parse_records([record_line(kept)], [passage("see you", 2)]) == {}
    assert "see you" not in record_line(kept)


@pytest.mark.slow
@given(st.integers(0, 400))
def test_a_torn_last_line_is_dropped(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("records") / "one.jsonl"
    kept = [record("see you", {0: [offer("see")]}, number) for number in range(3)]
    passages = [each.passage for each in kept]
    file = RecordFile(path, SETTINGS)
    for each in kept:
        file.append(each)
    data = path.read_bytes()
    path.write_bytes(data[: max(0, len(data) - cut)])
    again = RecordFile(path, SETTINGS)
    left = again.read(passages)
    assert list(left) == [each.id for each in passages][: len(left)]
    for each in kept:
        if each.passage.id not in left:
            again.append(each)
    assert path.read_bytes() == data


def test_records_of_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    RecordFile(path, SETTINGS)
    RecordFile(path, {"budget": {"n": 2}, "spec": "by heart"})
    with pytest.raises(ConfigError, match="another budget, seed"):
        RecordFile(path, {"spec": "by heart", "budget": {"n": 3}, "seed": 2})
    path.write_text(json.dumps({"tecla_records": 0}) + "\n")
    with pytest.raises(ConfigError, match="no records of this version"):
        RecordFile(path, SETTINGS)
