"""The classical systems by language: opened beside the work, bounded, absent with a reason."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import partial

import pytest

from running import Clock
from tecla.controller.systems import CLASSICAL, CROWDED, MOST_WAITING, OPENING, Room, Said, Systems
from tecla.errors import ModelError, OptionError, OverloadedError, UnknownModelError
from tecla.predict.base import Budget, Candidate, Predictor, Source
from tecla.text.context import Context
from tecla.text.words import WordEnd


class Echo:
    """Says its own name; `gate`, while it is shut, holds every answer back."""

    def __init__(self, name: str, gate: threading.Event) -> None:
        self.name, self._gate = name, gate
        self.is_closed = False

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        if context.before:
            assert self._gate.wait(10)
        source: Source = "frequency"
        ends = (WordEnd(len(self.name), 0.5),)
        return [Candidate(self.name, 0.5, source, ends)][: budget.n]

    def close(self) -> None:
        self.is_closed = True


class Opener:
    """Opens echoes, and counts them; `failing` specs raise."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.made: list[Echo] = []
        self.failing: dict[str, Exception] = {}

    def __call__(self, spec: str) -> Predictor:
        if spec in self.failing:
            raise self.failing[spec]
        self.made.append(Echo(spec, self.gate))
        return self.made[-1]


@pytest.fixture
def opener() -> Opener:
    return Opener()


def threaded(opener: Callable[[str], Predictor], clock: Clock | None = None) -> Systems:
    return Systems(partial(ThreadPoolExecutor, 1), Room(opener), clock or Clock())


@pytest.fixture
def systems(opener: Opener, clock: Clock) -> Iterator[Systems]:
    with ExitStack() as held:
        held.callback(opener.gate.set)
        yield held.enter_context(threaded(opener, clock))


@pytest.fixture
def clock() -> Clock:
    return Clock()


def ask(systems: Systems, language: str, n: int = 4) -> tuple[Said, ...]:
    return systems.ask(Context("he"), language, n=n, max_words=2).result(10)


def test_each_is_opened_once_and_answers(systems: Systems, opener: Opener) -> None:
    systems.wait("en")
    for _ in range(2):
        found = ask(systems, "en")
        assert [each.system for each in found] == list(CLASSICAL)
        assert [each.candidates[0].text for each in found] == [f"{each}:en" for each in CLASSICAL]
        assert all(each.absent is None and each.took_ms >= 0 for each in found)
    assert len(opener.made) == len(CLASSICAL)
    assert ask(systems, "")[0].candidates[0].text == "frequency:en"  # where nothing tells


def test_nobody_waits_for_a_file(systems: Systems, opener: Opener) -> None:
    opened = threading.Event()
    systems_opener = opener.__call__

    def slow(spec: str) -> Predictor:
        assert opened.wait(10)
        return systems_opener(spec)

    with threaded(slow) as waiting:
        assert {each.absent for each in ask(waiting, "en")} == {OPENING}
        opened.set()
        waiting.wait("en")
        assert {each.absent for each in ask(waiting, "en")} == {None}


def test_what_cannot_be_opened_is_absent_without_naming_folders(
    systems: Systems, opener: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    opener.failing = {
        "ngram:fr": UnknownModelError("there is no default n-gram model for language 'fr'"),
        "dictionary:fr": ModelError("cannot write /home/somebody/cache"),
    }
    with caplog.at_level(logging.WARNING):
        systems.wait("fr")
    words, dictionary, ngram = ask(systems, "fr")
    assert words.absent is None
    assert ngram.absent == "there is no default n-gram model for language 'fr'"
    assert dictionary.absent is not None
    assert "somebody" not in dictionary.absent
    assert "somebody" in caplog.text


def test_few_languages_are_held_and_those_in_use_stay(
    systems: Systems, opener: Opener, clock: Clock
) -> None:
    for language in ("en", "es", "fr"):
        systems.wait(language)
    assert {each.absent for each in ask(systems, "de")} == {CROWDED}
    clock.pass_ms(61_000)
    for language in ("es", "fr"):
        ask(systems, language)
    systems.wait("de")
    assert {each.absent for each in ask(systems, "de")} == {None}
    assert [each.name for each in opener.made if each.is_closed] == [f"{x}:en" for x in CLASSICAL]
    assert {each.absent for each in ask(systems, "en")} == {CROWDED}


def test_few_may_wait(systems: Systems, opener: Opener) -> None:
    systems.wait("en")
    opener.gate.clear()
    asked = [systems.ask(Context("he"), "en", n=1, max_words=1) for _ in range(MOST_WAITING)]
    with pytest.raises(OverloadedError, match=f"{MOST_WAITING} comparisons wait"):
        systems.ask(Context("he"), "en", n=1, max_words=1)
    assert asked[-1].cancel()
    asked.append(systems.ask(Context("he"), "en", n=1, max_words=1))
    opener.gate.set()
    assert all(each.cancelled() or each.result(10) for each in asked)


@pytest.mark.parametrize("wrong", [{"n": 0, "max_words": 1}, {"n": 1, "max_words": 0}])
def test_what_cannot_be_asked_is_told(systems: Systems, wrong: dict[str, int]) -> None:
    with pytest.raises(OptionError):
        systems.ask(Context(""), "en", n=wrong["n"], max_words=wrong["max_words"])


def test_closing_closes_every_system(opener: Opener) -> None:
    systems = threaded(opener)
    systems.wait("en")
    systems.close()
    systems.close()
    assert len(opener.made) == len(CLASSICAL)
    assert all(each.is_closed for each in opener.made)


@pytest.mark.slow
def test_in_a_process_of_their_own_that_may_end() -> None:
    with Systems() as systems:
        systems.wait("de")
        before = Context("Guten Tag, ich b")
        frequency, dictionary, ngram = systems.ask(before, "de", n=3, max_words=1).result(30)
        assert "in" in [each.text for each in frequency.candidates]
        assert dictionary.candidates
        assert ngram.absent is not None
        assert "language 'de'" in ngram.absent
        (child,) = multiprocessing.active_children()
        child.kill()
        child.join(10)
        found: tuple[Said, ...] = ()
        for _ in range(4):  # until it is known that it has ended, and another one has begun
            with suppress(BrokenExecutor):
                found = systems.ask(before, "de", n=3, max_words=1).result(30)
                systems.wait("de")
            if found and found[0].candidates:
                break
            assert {each.absent for each in found} <= {OPENING}
        assert found[0].candidates
    assert multiprocessing.active_children() == []
