"""The typists of `benchmarks/load.py`: what a field sends, and what is counted of every key."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
DEADLINE_S = 0.15


@pytest.fixture
def field_of(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    for name in ("load_field", "load_figures", "replay_typists"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return __import__("load_field")


@pytest.fixture
def figures_of(field_of: ModuleType) -> ModuleType:
    return __import__("load_figures")


def said(revision: int, text: str = "", **fields: Any) -> str:
    return json.dumps({"type": "suggestion", "revision": revision, "text": text, **fields})


def test_an_edit_says_what_changed_since_the_service_was_told(field_of: ModuleType) -> None:
    field = field_of.Field()
    first = json.loads(field.type("😀 a", field_of.Hit(), 0.0))
    assert (first["revision"], first["start"], first["end"], first["text"]) == (1, 0, 0, "😀 a")
    second = json.loads(field.type("😀 ab", field_of.Hit(), 0.0))
    assert (second["revision"], second["start"], second["end"], second["text"]) == (2, 4, 4, "b")
    third = json.loads(field.type("😀 x", field_of.Hit(), 0.0))
    assert (third["start"], third["end"], third["text"]) == (3, 5, "x")


def test_what_may_be_typed_untold_is_not_sent_and_answered_by_what_is_left(
    field_of: ModuleType,
) -> None:
    field, hits = field_of.Field(), [field_of.Hit() for _ in range(4)]
    assert field.type("th", hits[0], 0.0)
    field.hear(said(1, "ank you", quiet=2, source="model"), 0.1)
    assert field.type("tha", hits[1], 1.0) is None
    assert field.type("than", hits[2], 2.0) is None
    message = json.loads(field.type("thank", hits[3], 3.0))
    assert (message["revision"], message["start"], message["text"]) == (2, 2, "ank")
    for hit in hits[:3]:
        hit.dropped_s = hit.sent_s + 9
    assert [hit.seen for hit in hits[:3]] == ["ank you", "nk you", "k you"]
    assert [hit.is_sent for hit in hits] == [True, False, False, True]
    assert [hit.is_neural for hit in hits] == [True, True, True, False]


def test_another_key_than_what_is_shown_is_sent(field_of: ModuleType) -> None:
    field = field_of.Field()
    field.type("th", field_of.Hit(), 0.0)
    field.hear(said(1, "ank", quiet=2), 0.1)
    assert field.type("the", field_of.Hit(), 1.0)
    field.hear(said(2, "re", quiet=1), 1.1)
    assert field.type("th", field_of.Hit(), 2.0)  # a deletion


def test_answers_to_an_older_text_say_nothing(field_of: ModuleType) -> None:
    field, hits = field_of.Field(), [field_of.Hit(), field_of.Hit()]
    for hit, text in zip(hits, ("a", "ab"), strict=True):
        field.type(text, hit, 0.0)
    field.hear(said(1, "late"), 0.2)
    field.hear(json.dumps({"type": "refused", "revision": 1, "code": "overloaded"}), 0.2)
    field.hear(json.dumps({"type": "opened", "revision": 2}), 0.2)
    assert [(hit.text, hit.refused_s) for hit in hits] == [("", None)] * 2


@pytest.mark.parametrize(
    ("messages", "dropped_s", "outcome", "seen"),
    [
        ([(0.05, said(1, "nd"))], 0.2, "suggestion", "nd"),
        ([(0.05, said(1, "nd", settled=False)), (0.3, said(1, "nd so"))], 0.2, "suggestion", "nd"),
        ([(0.05, said(1, silence="unsure"))], 0.2, "silence", ""),
        ([(0.05, said(1, silence="model_asked", settled=False))], 0.2, "missed", ""),
        ([(0.05, said(1, silence="model_asked"))], 0.2, "missed", ""),  # nobody has decided
        ([(0.05, said(1))], 0.2, "missed", ""),
        ([(0.21, said(1, "nd"))], 0.2, "missed", ""),
        ([(0.12, said(1, "nd"))], 0.1, "overtaken", ""),
        ([(0.05, '{"type": "refused", "revision": 1}')], 0.2, "refused", ""),
        ([(0.16, '{"type": "refused", "revision": 1}')], 0.2, "missed", ""),
        ([], 0.1, "overtaken", ""),
        ([], 0.2, "missed", ""),
    ],
)
def test_every_key_has_one_outcome(
    field_of: ModuleType,
    messages: list[tuple[float, str]],
    dropped_s: float,
    outcome: str,
    seen: str,
) -> None:
    field, hit = field_of.Field(), field_of.Hit(dropped_s=dropped_s)
    field.type("a", hit, 0.0)
    for at_s, message in messages:
        field.hear(message, at_s)
    assert (hit.outcome(DEADLINE_S), hit.seen) == (outcome, seen)
    assert math.isfinite(hit.took_ms()) == (outcome in field_of.ANSWERED)
    hit.failed = "closed"
    assert hit.outcome(DEADLINE_S) == "failed"


def test_whose_answer_it_is_follows_where_it_comes_from(field_of: ModuleType) -> None:
    field = field_of.Field()
    found = []
    for revision, (text, source) in enumerate(
        [("a", "model"), ("ab", "typed"), ("abc", "classical"), ("abcd", "typed"), ("a", "known")],
        start=1,
    ):
        hit = field_of.Hit()
        field.type(text, hit, 0.0)
        field.hear(said(revision, "x", source=source), 0.1)
        found.append(hit.is_neural)
    assert found == [True, True, False, False, True]


def test_shares_add_up_and_savings_are_those_of_what_was_shown_in_time(
    figures_of: ModuleType, field_of: ModuleType
) -> None:
    typists = __import__("replay_typists")
    text = "thank you"
    keys = [
        typists.Key(float(at), text[: at + 1], 0, at + 1) for at in range(len(text))
    ]  # fmt: skip
    typist = typists.Typist([typists.Passage("", text)], keys, float(len(text)))
    hits = [field_of.Hit(sent_s=key.at_s, dropped_s=key.at_s + 1) for key in keys]
    hits[0].settle("hank ", None, 0.02)
    hits[1].settle("ank you", None, 2.5)  # too late
    for hit in hits[2:]:
        hit.settle("", "unsure", hit.sent_s + 0.01)
    found = figures_of.figures([typist], [hits], 150.0)
    assert sum(found["shares"].values()) == pytest.approx(1.0)
    assert found["answered"] == pytest.approx(8 / 9)
    assert found["shares"]["missed"] == pytest.approx(1 / 9)
    assert found["savings"] == pytest.approx(4 / 9)  # "hank " for one key
    assert found["answer_ms"]["p50"] == pytest.approx(10.0)
    assert found["all_ms"]["p99"] is None
