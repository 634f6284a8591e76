"""How many texts wait for the model at once, and how that follows the time it takes."""

from __future__ import annotations

from contextlib import suppress

import pytest

from running import Clock
from tecla.errors import OverloadedError
from tecla.serve.window import HOPELESS_MS, TARGET_MS, Window


def asked(window: Window, clock: Clock, texts: int, took_ms: float) -> int:
    """So many texts ask at once and are answered together; how many were let in."""
    numbers = {}
    for text in range(texts):
        try:
            numbers[text] = window.enter(text)
        except OverloadedError:
            continue
    clock.pass_ms(took_ms)
    for text, number in numbers.items():
        window.leave(text, number)
    assert window.at_work == 0
    return len(numbers)


def test_it_shrinks_while_answers_are_late_and_grows_while_they_are_not() -> None:
    clock = Clock()
    window = Window(clock=clock)
    first = asked(window, clock, 100, 1.5 * TARGET_MS)
    for _ in range(30):
        asked(window, clock, 100, 1.5 * TARGET_MS)
    assert asked(window, clock, 100, TARGET_MS / 2) < first
    for _ in range(100):
        asked(window, clock, 100, TARGET_MS / 2)
    assert asked(window, clock, 100, TARGET_MS / 2) > first


def test_late_is_not_hopeless_and_a_few_may_always_ask() -> None:
    clock = Clock()
    window = Window(clock=clock)
    for _ in range(100):
        asked(window, clock, 100, (TARGET_MS + HOPELESS_MS) / 2)
    assert asked(window, clock, 100, 1.0) == 3


def test_a_hopeless_model_is_asked_now_and_then_until_it_is_none() -> None:
    clock = Clock()
    window = Window(clock=clock)
    for _ in range(100):
        asked(window, clock, 10, 2 * HOPELESS_MS)
    let_in = [asked(window, clock, 1, 2 * HOPELESS_MS) for _ in range(100)]
    assert 5 <= sum(let_in) <= 15
    for _ in range(400):
        asked(window, clock, 10, TARGET_MS / 3)
    assert [asked(window, clock, 1, TARGET_MS / 3) for _ in range(10)] == [1] * 10


def test_a_single_late_answer_changes_nothing() -> None:
    clock = Clock()
    window = Window(clock=clock)
    size = window.size
    for took_ms in (30.0, 30.0, 30.0, 2 * TARGET_MS, 30.0, 30.0):
        asked(window, clock, 1, took_ms)
    assert window.size == size


def test_what_is_not_used_does_not_grow() -> None:
    clock = Clock()
    window = Window(clock=clock)
    size = window.size
    for _ in range(100):
        asked(window, clock, 1, 1.0)
    assert window.size == size


def test_a_text_has_one_place_whatever_it_asks() -> None:
    clock = Clock()
    window = Window(clock=clock)
    first = window.enter("a")
    for _ in range(50):
        newest = window.enter("a")
    assert window.at_work == 1
    window.leave("a", first)  # answered as superseded
    assert window.at_work == 1
    window.leave("a", newest)
    assert window.at_work == 0


def test_questions_that_are_only_ever_overtaken_count_as_late() -> None:
    clock = Clock()
    window = Window(clock=clock)
    size = window.size
    for _ in range(20):
        for text in range(3):
            with suppress(OverloadedError):
                window.enter(text)
        clock.pass_ms(3 * TARGET_MS)
    assert window.size < size


def test_the_refusal_says_when_to_come_again() -> None:
    window = Window(clock=Clock())
    for text in range(int(window.size)):
        window.enter(text)
    assert window.is_crowded
    with pytest.raises(OverloadedError, match="wait for the model") as refused:
        window.enter("one more")
    assert refused.value.retry_after_ms > 0
    window.forget(0)
    window.enter("one more")
