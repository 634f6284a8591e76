"""What each system would say at one caret: all of them, filtered, bounded, and nothing recorded."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from serve.conftest import Made, Make
from tecla.controller.systems import Room, Systems
from tecla.errors import UnknownModelError
from tecla.predict.base import Budget, Candidate, Predictor
from tecla.serve.compare import _LATE
from tecla.serve.pressure import Level
from tecla.store.keys import KeyLimits
from tecla.text.context import Context
from tecla.text.words import WordEnd

SYSTEMS = ["frequency", "dictionary", "ngram", "neural", "blend"]


class Words:
    """Says the same words at every caret; waits for `gate` where there is one."""

    name = "words"

    def __init__(self, *found: Candidate, gate: threading.Event | None = None) -> None:
        self._found, self._gate = found, gate

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        if context.before and self._gate is not None:
            assert self._gate.wait(10)
        return list(self._found[: budget.n])

    def close(self) -> None:
        pass


def word(text: str, probability: float, replaces: int = 0) -> Candidate:
    ends = (WordEnd(len(text.rstrip(".")), probability),)
    return Candidate(text, probability, "frequency", ends, replaces)


def opening(*found: Candidate, gate: threading.Event | None = None) -> Callable[[str], Predictor]:
    def opened(spec: str) -> Predictor:
        if spec.startswith("ngram"):
            raise UnknownModelError("there is no n-gram model here")
        return Words(*found, gate=gate)

    return opened


def threaded(opener: Callable[[str], Predictor]) -> Systems:
    return Systems(partial(ThreadPoolExecutor, 1), Room(opener))


@pytest.fixture
def compared(make: Make) -> Made:
    systems = threaded(opening(word(" of", 0.6), word("😀d", 0.2, replaces=2), word(" damn", 0.1)))
    systems.wait("en")
    return make(systems=systems)


def compare(made: Made, key: str | None = None, before: str = "the future", **asked: Any) -> Any:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    return made.client.post("/v1/compare", json={"before": before, **asked}, headers=headers)


def by_system(made: Made, **asked: Any) -> dict[str, Any]:
    answer = compare(made, **asked)
    assert answer.status_code == 200
    return {each["system"]: each for each in answer.json()["systems"]}


@pytest.mark.slow
def test_every_system_answers_or_says_why_not(compared: Made) -> None:
    found = by_system(compared)
    assert list(found) == SYSTEMS
    words = [(each["text"], each["replaces"]) for each in found["frequency"]["suggestions"]]
    assert words == [(" of", 0), ("😀d", 2), (" damn", 0)]
    assert found["ngram"]["absent"] == "there is no n-gram model here"
    assert found["ngram"]["suggestions"] == []
    model = found["neural"]["suggestions"]
    assert model[0]["text"].startswith(" of")
    assert 1 < len(model) <= 4
    chances = [each["probability"] for each in model]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) <= 1 + 1e-6
    assert all(each["took_ms"] >= 0 for each in found.values())


@pytest.mark.slow
def test_the_blend_is_what_is_shown(compared: Made) -> None:
    shown = compared.client.post("/v1/suggest", json={"before": "the future"}).json()
    blend = by_system(compared)["blend"]
    assert blend["shown"] == shown["text"]
    assert blend["source"] == "shared"  # of the same owner: known already
    assert blend["suggestions"][0]["text"].startswith(" of")
    silent = by_system(compared, eagerness=0)["blend"]
    assert (silent["shown"], silent["silence"]) == ("", "unsure")


@pytest.mark.slow
def test_what_is_shown_of_each_has_passed_the_filters(compared: Made) -> None:
    found = by_system(compared, filters="strict")["frequency"]
    assert [each["text"] for each in found["suggestions"]] == [" of", "😀d"]
    assert found["withheld"] == 1
    assert compare(compared, filters="off").status_code == 403


@pytest.mark.slow
def test_units_are_those_of_browsers(compared: Made) -> None:
    found = by_system(compared, before="the 😀s")["dictionary"]
    assert found["suggestions"][1]["replaces"] == 3  # a pair and a letter


@pytest.mark.slow
def test_a_comparison_is_no_use_of_the_service(compared: Made) -> None:
    compare(compared, user="ana")
    assert compared.service.feedback.status().waiting == 0
    assert len(compared.service.texts) == 0
    assert "tecla_shown_total 0.0" in compared.client.get("/metrics").text


@pytest.mark.slow
def test_it_needs_the_scope_and_keeps_to_the_limits(make: Make) -> None:
    made = make(asks_for_keys=True, systems=threaded(opening()), chars=100)
    assert compare(made).status_code == 401
    assert compare(made, made.key("learn")).status_code == 403
    key = made.key(limits=KeyLimits(per_second=1.0))
    assert [compare(made, key).status_code for _ in range(3)] == [200, 200, 429]
    assert compare(made, made.key(), before="x" * 101).status_code == 413
    for wrong in ({"n": 0}, {"n": 11}, {"befor": "x"}):
        assert compare(made, made.key(), **{"before": "the", **wrong}).status_code == 400


@pytest.mark.slow
def test_without_the_model_the_others_go_on(compared: Made) -> None:
    compared.service.pressure.level = Level.CLASSICAL
    found = by_system(compared)
    assert found["neural"]["absent"] == "the model is not to be had now (overloaded)"
    assert found["frequency"]["suggestions"]
    compared.service.suggester.close()
    compared.service.pressure.level = Level.NOTHING
    assert "engine_failed" in by_system(compared)["neural"]["absent"]
    compared.service.pressure.level = Level.REFUSED
    assert compare(compared).status_code == 429


@pytest.mark.slow
def test_a_system_that_is_late_is_left_out(make: Make) -> None:
    gate = threading.Event()
    systems = threaded(opening(word(" of", 0.6), gate=gate))
    systems.wait("en")
    made = make(systems=systems)
    try:
        found = by_system(made, deadline_ms=1)
        assert found["frequency"]["absent"] == _LATE
    finally:
        gate.set()
    assert by_system(made, deadline_ms=10_000)["frequency"]["suggestions"]
