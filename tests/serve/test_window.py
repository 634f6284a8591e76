"""How many texts wait for the model at once, and how that follows the time it takes."""

from __future__ import annotations

from contextlib import suppress

import pytest

from running import Clock
from tecla.errors import OverloadedError
from tecla.serve.window import COLD_S, HOPELESS_MS, IDLE_S, TARGET_MS, TENURE_S, Window


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


def warm(clock: Clock, texts: int = 100) -> Window:
    """A window that serves as many of these as it may, each of which was answered in time."""
    window = Window(clock=clock)
    for text in range(texts):
        let_in(window, text)
    return window


def let_in(window: Window, text: object) -> bool:
    try:
        window.leave(text, window.enter(text))
    except OverloadedError:
        return False
    return True


def test_it_shrinks_while_answers_are_late_and_grows_while_they_are_not() -> None:
    clock = Clock()
    window = warm(clock)
    first = asked(window, clock, 100, 1.5 * TARGET_MS)
    for _ in range(30):
        asked(window, clock, 100, 1.5 * TARGET_MS)
    assert asked(window, clock, 100, TARGET_MS / 2) < first
    for _ in range(100):
        asked(window, clock, 100, TARGET_MS / 2)
    assert asked(window, clock, 100, TARGET_MS / 2) > first


def test_late_is_not_hopeless_and_a_few_may_always_ask() -> None:
    clock = Clock()
    window = warm(clock)
    for _ in range(100):
        asked(window, clock, 100, (TARGET_MS + HOPELESS_MS) / 2)
    assert asked(window, clock, 100, 1.0) == 3


def test_a_hopeless_model_is_asked_now_and_then_until_it_is_none() -> None:
    clock = Clock()
    window = warm(clock)
    for _ in range(100):
        asked(window, clock, 10, 2 * HOPELESS_MS)
    let_in = [asked(window, clock, 1, 2 * HOPELESS_MS) for _ in range(100)]
    assert 5 <= sum(let_in) <= 15
    for _ in range(400):
        asked(window, clock, 10, TARGET_MS / 3)
    assert [asked(window, clock, 1, TARGET_MS / 3) for _ in range(10)] == [1] * 10


def test_a_single_late_answer_changes_nothing() -> None:
    clock = Clock()
    window = warm(clock)
    size = window.size
    for took_ms in (30.0, 30.0, 30.0, 2 * TARGET_MS, 30.0, 30.0):
        asked(window, clock, 1, took_ms)
    assert window.size == size


def test_what_is_not_used_does_not_grow() -> None:
    clock = Clock()
    window = warm(clock)
    size = window.size
    for _ in range(100):
        asked(window, clock, 1, 1.0)
    assert window.size == size


def test_a_text_has_one_place_whatever_it_asks() -> None:
    window = Window(clock=Clock())
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
    window = warm(clock)
    size = window.size
    for _ in range(20):
        for text in range(3):
            with suppress(OverloadedError):
                window.enter(text)
        clock.pass_ms(3 * TARGET_MS)
    assert window.size < size


def test_some_texts_are_served_for_a_while_and_the_others_not_at_all() -> None:
    clock = Clock()
    window = warm(clock)
    served = [text for text in range(100) if let_in(window, text)]
    assert window.size < len(served) < 100
    for _ in range(20):
        clock.pass_ms(1000)
        assert [text for text in range(100) if let_in(window, text)] == served


def test_a_seat_passes_on_when_its_text_is_left_closed_or_had_it_for_long() -> None:
    clock = Clock()
    window = warm(clock)
    served = [text for text in range(100) if let_in(window, text)]
    assert not let_in(window, "left")
    for _ in range(4):
        clock.pass_ms(IDLE_S * 1000 / 3)
        assert all(let_in(window, text) for text in served[1:])
    assert let_in(window, "left")
    window.close(served[1])
    assert let_in(window, "closed")
    others = [*served[2:], "left", "closed"]
    for _ in range(int(TENURE_S - 4 * IDLE_S / 3) - 1):
        assert not let_in(window, "long")
        clock.pass_ms(1000)
        assert all(let_in(window, text) for text in others)
    clock.pass_ms(2000)
    assert all(let_in(window, text) for text in others)
    assert let_in(window, "long")


def test_one_or_two_texts_are_taken_up_at_a_time() -> None:
    clock = Clock()
    window = Window(clock=clock)
    numbers = {text: window.enter(text) for text in range(2)}
    with pytest.raises(OverloadedError):
        window.enter("third")
    clock.pass_ms(3 * HOPELESS_MS)
    window.leave(0, numbers[0], in_vain=True)  # it is still being read
    assert (window.mean_ms, let_in(window, "third")) == (0.0, False)
    window.leave(0, window.enter(0))
    assert let_in(window, "third")


def test_a_text_that_is_never_answered_in_time_loses_its_seat_and_counts() -> None:
    clock = Clock()
    window = Window(clock=clock)
    for _ in range(int(COLD_S) + 1):
        for text in range(2):
            window.leave(text, window.enter(text), in_vain=True)
        clock.pass_ms(1000)
    assert window.mean_ms == 0
    assert let_in(window, "third")
    assert window.mean_ms > 0


def test_whoever_came_last_loses_the_seat_where_there_are_fewer() -> None:
    clock = Clock()
    window = warm(clock)
    served = [text for text in range(100) if let_in(window, text)]
    for _ in range(30):
        asked(window, clock, 100, 1.5 * TARGET_MS)
    still = [text for text in range(100) if let_in(window, text)]
    assert 0 < len(still) < len(served)
    assert still == served[: len(still)]


def test_the_refusal_says_when_to_come_again() -> None:
    window = warm(Clock())
    for text in range(int(window.size)):
        window.enter(text)
    assert window.is_crowded
    with pytest.raises(OverloadedError, match="the model serves") as refused:
        window.enter(20)
    assert refused.value.retry_after_ms > 0
    window.forget(0)
    window.enter(20)
