"""The classical systems by language, for showing beside each other what each would say.

They live in a process of their own, which is started when somebody asks, is nicer than the rest and
ends when nobody has asked for a while: opening word lists and building files takes seconds of one
core and hundreds of megabytes, and no key of anybody may wait for that (in a thread, opening alone
held the event loop up for longer than the service takes for overload). Until a language is open its
systems are absent and say so. A few languages are held at once; another one takes the place of one
that is not asked about any more.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal, TypeAlias, get_args

from tecla import background
from tecla.closing import Closing
from tecla.controller.predictors import open_predictor
from tecla.errors import OverloadedError, TeclaError, UnknownModelError
from tecla.predict.base import Budget, Candidate, Predictor
from tecla.text.context import Context

Classical = Literal["frequency", "dictionary", "ngram"]
CLASSICAL: Final[tuple[Classical, ...]] = get_args(Classical)
OPENING: Final = "it is being opened; ask again in a moment"
CROWDED: Final = "other languages are compared just now; ask again in a minute"
MOST_WAITING: Final = 8
_MOST_LANGUAGES: Final = 3
_USED_S: Final = 60.0  # a language that was asked about so lately keeps its place
_RETRY_MS: Final = 500.0
_LANGUAGE: Final = "en"  # of a text that does not tell
_NICER: Final = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """What one system says at a caret, or why it could not be asked."""

    system: Classical
    candidates: tuple[Candidate, ...] = ()
    took_ms: float = 0.0
    absent: str | None = None


def absent(why: str) -> tuple[Said, ...]:
    """All of them, and why they cannot be asked."""
    return tuple(Said(system, absent=why) for system in CLASSICAL)


class Room:
    """The predictors that are open, by language; of one thread."""

    def __init__(self, opener: Callable[[str], Predictor] = open_predictor) -> None:
        """`opener` takes a spec such as `ngram:es`."""
        self._open_one = opener
        self._open: dict[str, dict[Classical, Predictor | str]] = {}

    def open(self, language: str) -> None:
        """Open those of a language; what cannot be opened is remembered as the reason."""
        opened = self._open[language] = {}
        for system in CLASSICAL:
            try:
                predictor = self._open_one(f"{system}:{language}")
                predictor.predict(Context(""), Budget())  # what is done once counts for nobody
                opened[system] = predictor
            except UnknownModelError as error:
                opened[system] = str(error)
            except (TeclaError, OSError) as error:  # may name a folder of this machine
                _log.warning("%s:%s cannot be opened: %s", system, language, error)
                opened[system] = "it cannot be opened; the log of the service says why"

    def ask(self, language: str, context: Context, budget: Budget) -> tuple[Said, ...]:
        """What each of an open language says."""
        answers = []
        for system, predictor in self._open[language].items():
            if isinstance(predictor, str):
                answers.append(Said(system, absent=predictor))
                continue
            began = time.perf_counter()
            found = predictor.predict(context, budget)
            took_ms = 1000 * (time.perf_counter() - began)
            answers.append(Said(system, tuple(found), took_ms))
        return tuple(answers)

    def leave(self, language: str) -> None:
        """Close those of a language."""
        for predictor in self._open.pop(language, {}).values():
            if not isinstance(predictor, str):
                predictor.close()


Answer: TypeAlias = Future[tuple[Said, ...]]


@dataclass(slots=True)
class _Shelf:
    """A language that is open once `opened` is done, and when it was asked for last."""

    opened: Future[None]
    used_s: float


class Systems(Closing):
    """Frequency, dictionary and n-gram by language; used from one thread."""

    def __init__(
        self,
        executor: Callable[[], Executor] | None = None,
        room: Room | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """In a process of their own, or in the one worker of `executor` with a `room`."""
        self._make = executor or partial(background.process, Room, nicer=_NICER)
        self._room, self._clock = room, clock
        self._executor: Executor | None = None
        self._shelves: OrderedDict[str, _Shelf] = OrderedDict()
        self._waiting: set[Answer] = set()

    def ask(self, context: Context, language: str, *, n: int, max_words: int) -> Answer:
        """What each says, at most `n` candidates; never blocks.

        The answer raises `BrokenExecutor` if the process ends meanwhile; the next question starts
        another. Cancelling what is not begun makes room. Raises `OverloadedError` where many wait
        already, `OptionError` for `n` or `max_words` below 1.
        """
        budget = Budget(n=n, max_words=max_words)
        self._waiting = {each for each in self._waiting if not each.done()}
        if len(self._waiting) >= MOST_WAITING:
            raise OverloadedError(
                f"{len(self._waiting)} comparisons wait, the most there may be; try again in "
                f"{_RETRY_MS:.0f} ms",
                retry_after_ms=_RETRY_MS,
            )
        language = language or _LANGUAGE
        try:
            shelf = self._shelf(language)
            if shelf is None or not shelf.opened.done():
                return _told(absent(CROWDED if shelf is None else OPENING))
            shelf.opened.result()
            assert self._executor is not None
            answer = self._executor.submit(self._task("ask"), language, context, budget)
        except BrokenExecutor:
            self._forget()
            return _told(absent(OPENING))
        self._waiting.add(answer)
        return answer

    def wait(self, language: str) -> None:
        """Block until the systems of a language are open, if there is room for them."""
        shelf = self._shelf(language or _LANGUAGE)
        if shelf is not None:
            shelf.opened.result()

    def close(self) -> None:
        """Wait for what is at work, and close them all; safe to call twice."""
        if self._executor is not None:
            with suppress(BrokenExecutor):
                for language in self._shelves:
                    self._executor.submit(self._task("leave"), language)
            self._executor.shutdown()
        self._forget()

    def _task(self, method: Literal["open", "ask", "leave"]) -> Callable[..., Any]:
        """That of the room, here or there."""
        if self._room is None:
            return partial(background.call, method)
        found: Callable[..., Any] = getattr(self._room, method)
        return found

    def _forget(self) -> None:
        """Begin anew with the next question."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
        self._executor = None
        self._shelves.clear()

    def _shelf(self, language: str) -> _Shelf | None:
        """That of a language, begun to be opened if it is new; `None`: there is no room."""
        now_s = self._clock()
        if self._executor is None:
            self._executor = self._make()
        shelf = self._shelves.get(language)
        if shelf is None:
            if not self._makes_room(self._executor, now_s):
                return None
            shelf = _Shelf(self._executor.submit(self._task("open"), language), now_s)
            self._shelves[language] = shelf
        shelf.used_s = now_s
        self._shelves.move_to_end(language)
        return shelf

    def _makes_room(self, executor: Executor, now_s: float) -> bool:
        if len(self._shelves) < _MOST_LANGUAGES:
            return True
        oldest, shelf = next(iter(self._shelves.items()))
        if now_s - shelf.used_s < _USED_S or not shelf.opened.done():
            return False
        del self._shelves[oldest]
        executor.submit(self._task("leave"), oldest)
        return True


def _told(said: tuple[Said, ...]) -> Answer:
    answer: Answer = Future()
    answer.set_result(said)
    return answer
