"""Load: what is given up, when, and when it comes back."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from running import Clock
from tecla.decode.request import Completed
from tecla.errors import OverloadedError
from tecla.serve.pressure import Level, Pressure, Relieved


def lagging(pressure: Pressure, clock: Clock, lag_ms: float, seconds: float) -> None:
    for _ in range(round(seconds / 0.02)):
        clock.pass_ms(20)
        pressure.observe(lag_ms)


def test_levels_rise_with_lag_that_lasts() -> None:
    clock = Clock()
    pressure = Pressure(clock)
    for lag_ms, level in ((5, 0), (30, 1), (60, 2), (150, 3)):
        lagging(pressure, clock, lag_ms, 0.06)
        assert pressure.level == level
    with pytest.raises(OverloadedError) as refused:
        pressure.check()
    assert refused.value.retry_after_ms > 100


def test_a_single_pause_is_no_load() -> None:
    clock = Clock()
    pressure = Pressure(clock)
    for lag_ms in (1, 500, 1, 500, 1):
        pressure.observe(lag_ms)
        assert pressure.level is Level.NOTHING
    pressure.check()


def test_levels_fall_one_by_one_when_it_is_calm() -> None:
    clock = Clock()
    pressure = Pressure(clock)
    lagging(pressure, clock, 150, 0.1)
    seen = []
    for _ in range(60):
        lagging(pressure, clock, 1, 0.02)
        seen.append(int(pressure.level))
    assert sorted(set(seen), reverse=True) == [3, 2, 1, 0]
    assert seen == sorted(seen, reverse=True)
    assert seen.count(2) >= 10  # a quarter of a second


class Heard:
    """A suggester that only listens."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}

    def session(self, *, scope: object = "") -> Heard:
        return self

    def begin(self, before: str, after: str = "", **options: Any) -> Future[Completed]:
        self.options = options
        return Future()

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    ("level", "words", "tokens"), [(Level.NOTHING, 4, 8), (Level.SHORTER, 2, 4)]
)
def test_answers_become_shorter(level: Level, words: int, tokens: int) -> None:
    heard, pressure = Heard(), Pressure()
    pressure.level = level
    session = Relieved(heard, pressure).session()  # type: ignore[arg-type]  # all it is asked
    session.begin("the", max_words=4, max_tokens=8)
    assert (heard.options["max_words"], heard.options["max_tokens"]) == (words, tokens)


def test_then_the_model_is_not_asked() -> None:
    heard, pressure = Heard(), Pressure()
    pressure.level = Level.CLASSICAL
    session = Relieved(heard, pressure).session()  # type: ignore[arg-type]  # all it is asked
    with pytest.raises(OverloadedError, match="not asked"):
        session.begin("the")
