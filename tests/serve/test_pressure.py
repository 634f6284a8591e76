"""Load: what is given up, when, and when it comes back."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from running import Clock
from tecla.decode.request import CaretWork, Completed
from tecla.errors import EngineFailedError, OverloadedError
from tecla.serve.pressure import Level, Pressure, Relieved
from tecla.serve.window import Window


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


FOUND = Completed((), None, 0, CaretWork(1.0, 0.0, 0))


class Heard:
    """A suggester that only listens."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.asked: list[Future[Any]] = []
        self.failure: EngineFailedError | None = None

    def session(self, *, scope: object = "") -> Heard:
        return self

    def begin(self, before: str, after: str = "", **options: Any) -> Future[Completed]:
        if self.failure is not None:
            raise self.failure
        self.options = options
        self.asked.append(Future())
        return self.asked[-1]

    def give_up(self) -> None:
        pass

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


def test_what_is_given_up_for_a_key_follows_how_long_it_has_waited() -> None:
    pressure = Pressure()
    seen = []
    for waited_ms in (0, 15, 40, 90):
        with pressure.turn(waited_ms) as level:
            seen.append(level)
            assert pressure.now is level
            if level is Level.REFUSED:
                with pytest.raises(OverloadedError):
                    pressure.check()
            else:
                pressure.check()
    assert seen == list(Level)
    pressure.check()  # that key waited; the next one need not have


def test_a_key_that_waited_for_nothing_is_still_one_of_a_busy_loop() -> None:
    pressure = Pressure()
    pressure.level = Level.CLASSICAL
    with pressure.turn(0.0) as level:
        assert level is Level.CLASSICAL


def test_where_many_wait_for_the_model_answers_are_short_and_then_refused() -> None:
    heard, window = Heard(), Window(clock=Clock())
    relieved = Relieved(heard, Pressure(), window)  # type: ignore[arg-type]  # all it is asked
    sessions = [relieved.session() for _ in range(int(window.size) + 1)]
    for each in sessions:  # each was answered in time before
        each.begin("the").set_result(FOUND)
    for each in sessions[1:]:
        each.begin("the", max_words=4, max_tokens=8, deadline_ms=150.0)
    assert heard.options["max_tokens"] == 4
    assert heard.options["deadline_ms"] < 150
    with pytest.raises(OverloadedError, match="the model serves"):
        sessions[0].begin("the")
    heard.asked[-1].set_result(FOUND)
    sessions[0].begin("the")


def test_whoever_leaves_makes_room_and_so_does_a_failure() -> None:
    heard, window = Heard(), Window(clock=Clock())
    relieved = Relieved(heard, Pressure(), window)  # type: ignore[arg-type]  # all it is asked
    sessions = [relieved.session() for _ in range(3)]
    for session in sessions:
        session.begin("the").set_result(FOUND)
    for session in sessions:
        session.begin("the")
    sessions[0].give_up()
    sessions[1].close()
    assert window.at_work == 1
    heard.failure = EngineFailedError("gone")
    with pytest.raises(EngineFailedError):
        sessions[0].begin("the")
    assert window.at_work == 1


def test_answers_with_nothing_for_want_of_time_close_the_window() -> None:
    heard, window = Heard(), Window(clock=(clock := Clock()))
    session = Relieved(heard, Pressure(), window).session()  # type: ignore[arg-type]  # all it is asked
    refused = 0
    for _ in range(400):
        try:
            answer = session.begin("the")
        except OverloadedError:
            refused += 1
            continue
        clock.pass_ms(80)
        answer.set_result(Completed((), "deadline", 0, CaretWork(1.0, 0.0, 0), partial=True))
    assert refused > 100
