"""The classical systems by language, for showing beside each other what each would say.

A system is opened when its language is first asked about, in a thread of its own, and answers in
another one, so that whoever asks never waits for a file: until then it is absent and says so. A few
languages are held at once; another one takes the place of one that nobody asks about any more.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

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

_log = logging.getLogger(__name__)
_Opened: TypeAlias = dict[Classical, Predictor | str]


@dataclass(frozen=True, slots=True)
class Said:
    """What one system says at a caret, or why it could not be asked."""

    system: Classical
    candidates: tuple[Candidate, ...] = ()
    took_ms: float = 0.0
    absent: str | None = None


@dataclass(slots=True)
class _Shelved:
    """The systems of one language, once they are open, and when they were last asked for."""

    opened: Future[_Opened]
    used_s: float


class Systems(Closing):
    """Frequency, dictionary and n-gram by language; used from one thread."""

    def __init__(
        self,
        opener: Callable[[str], Predictor] = open_predictor,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is opened yet; `opener` takes a spec such as `ngram:es`."""
        self._open_one, self._clock = opener, clock
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="tecla-open-systems")
        self._asker = ThreadPoolExecutor(1, thread_name_prefix="tecla-systems")
        self._shelves: OrderedDict[str, _Shelved] = OrderedDict()
        self._waiting: set[Future[tuple[Said, ...]]] = set()

    def ask(
        self, context: Context, language: str, *, n: int, max_words: int
    ) -> Future[tuple[Said, ...]]:
        """What each says, at most `n` candidates; never blocks.

        Raises `OverloadedError` where many wait already, `OptionError` for `n` or `max_words` below
        1. Cancelling what is not begun makes room.
        """
        budget = Budget(n=n, max_words=max_words)
        self._waiting = {each for each in self._waiting if not each.done()}
        if len(self._waiting) >= MOST_WAITING:
            raise OverloadedError(
                f"{len(self._waiting)} comparisons wait, the most there may be; try again in "
                f"{_RETRY_MS:.0f} ms",
                retry_after_ms=_RETRY_MS,
            )
        shelf = self._shelf(language or _LANGUAGE)
        if shelf is None or not shelf.opened.done():
            why = CROWDED if shelf is None else OPENING
            told: Future[tuple[Said, ...]] = Future()
            told.set_result(tuple(Said(system, absent=why) for system in CLASSICAL))
            return told
        answer = self._asker.submit(_said, shelf.opened.result(), context, budget)
        self._waiting.add(answer)
        return answer

    def wait(self, language: str) -> None:
        """Block until the systems of a language are open, if there is room for them."""
        shelf = self._shelf(language or _LANGUAGE)
        if shelf is not None:
            shelf.opened.result()

    def close(self) -> None:
        """Wait for what is at work, and close them all; safe to call twice."""
        self._asker.shutdown(cancel_futures=True)
        self._opener.shutdown(cancel_futures=True)
        while self._shelves:
            _close(self._shelves.popitem()[1].opened)

    def _shelf(self, language: str) -> _Shelved | None:
        """The systems of a language, begun to be opened if they are new; `None`: no room."""
        now_s = self._clock()
        shelf = self._shelves.get(language)
        if shelf is None:
            if not self._makes_room(now_s):
                return None
            shelf = _Shelved(self._opener.submit(self._open, language), now_s)
            self._shelves[language] = shelf
        shelf.used_s = now_s
        self._shelves.move_to_end(language)
        return shelf

    def _makes_room(self, now_s: float) -> bool:
        if len(self._shelves) < _MOST_LANGUAGES:
            return True
        oldest, shelf = next(iter(self._shelves.items()))
        if now_s - shelf.used_s < _USED_S or not shelf.opened.done():
            return False
        del self._shelves[oldest]
        self._asker.submit(_close, shelf.opened)  # behind what it still answers
        return True

    def _open(self, language: str) -> _Opened:
        opened: _Opened = {}
        for system in CLASSICAL:
            try:
                predictor = self._open_one(f"{system}:{language}")
                predictor.predict(
                    Context(""), Budget()
                )  # what is done once is no part of an answer
                opened[system] = predictor
            except UnknownModelError as error:
                opened[system] = str(error)
            except (TeclaError, OSError) as error:  # may name a folder of this machine
                _log.warning("%s:%s cannot be opened: %s", system, language, error)
                opened[system] = "it cannot be opened; the log of the service says why"
        return opened


def _said(opened: _Opened, context: Context, budget: Budget) -> tuple[Said, ...]:
    answers = []
    for system, predictor in opened.items():
        if isinstance(predictor, str):
            answers.append(Said(system, absent=predictor))
            continue
        began = time.perf_counter()
        found = predictor.predict(context, budget)
        took_ms = 1000 * (time.perf_counter() - began)
        answers.append(Said(system, tuple(found), took_ms))
    return tuple(answers)


def _close(opened: Future[_Opened]) -> None:
    if not opened.cancelled() and opened.exception() is None:
        for predictor in opened.result().values():
            if not isinstance(predictor, str):
                predictor.close()
