"""How busy the service is, and what is given up for it: length, then the model, then requests.

Three things are measured. How long a key has waited for its turn (`tecla.serve.turns`) says what is
given up for that very key. The loop's lag, how much later than planned a timer runs, says the same
of everything else that keeps the loop; levels rise with it at once and fall one by one, so that
they do not flutter. And how long the model takes (`tecla.serve.window`) says who asks it at all.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from enum import IntEnum
from typing import Final

from typing_extensions import Unpack

from tecla.decode.generation import Generation
from tecla.decode.request import Completed
from tecla.errors import OverloadedError, TeclaError
from tecla.models.info import ModelInfo
from tecla.scheduler.terms import DEADLINE_MS
from tecla.scheduler.ticket import Sink
from tecla.serve.window import Window
from tecla.suggest.base import Asking, Generating, State, Suggesting
from tecla.suggest.options import SuggestOptions

_TICK_S: Final = 0.02
_TICKS: Final = 3
_LAGS_MS: Final = (25.0, 50.0, 100.0)  # of the loop, for each level
_WAITS_MS: Final = (10.0, 25.0, 60.0)  # of a key, for each level
_CALM_S: Final = 0.25  # so long lag must be lower before a level falls
_SHORT_WORDS, _SHORT_TOKENS = 2, 4
_SHORT_MS: Final = 90.0  # the deadline then: most keys are followed by the next one later


class Level(IntEnum):
    """What is given up."""

    NOTHING = 0
    SHORTER = 1  # answers are short and come sooner
    CLASSICAL = 2  # the model is not asked
    REFUSED = 3  # requests are refused


class Pressure:
    """The lag of one event loop, and the level it asks for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """At rest; `watch` measures."""
        self._clock = clock
        self.level = Level.NOTHING
        self._turn = Level.NOTHING
        self._lags: deque[float] = deque(maxlen=_TICKS)
        self._calm_since = clock()

    @property
    def lag_ms(self) -> float:
        """The least of the last few lags: a single pause is no load."""
        return min(self._lags) if len(self._lags) == _TICKS else 0.0

    def observe(self, lag_ms: float) -> None:
        """A timer ran so late."""
        self._lags.append(lag_ms)
        now = self._clock()
        wanted = Level(sum(self.lag_ms > limit for limit in _LAGS_MS))
        if wanted >= self.level:
            self.level, self._calm_since = wanted, now
        elif now - self._calm_since >= _CALM_S:
            self.level, self._calm_since = Level(self.level - 1), now

    @property
    def now(self) -> Level:
        """What is given up for the key whose turn it is."""
        return max(self.level, self._turn)

    @contextmanager
    def turn(self, waited_ms: float) -> Iterator[Level]:
        """The turn of a key that has waited so long; what is given up for it."""
        self._turn = Level(sum(waited_ms > limit for limit in _WAITS_MS))
        try:
            yield self.now
        finally:
            self._turn = Level.NOTHING

    def check(self) -> None:
        """Raise `OverloadedError` where requests are refused."""
        if self.now is Level.REFUSED:
            waits_ms = max(self.lag_ms, _WAITS_MS[-1])
            after_ms = 1000 * _CALM_S + waits_ms
            raise OverloadedError(
                f"every key waits {waits_ms:.0f} ms here; try again in {after_ms:.0f} ms",
                retry_after_ms=after_ms,
            )

    async def watch(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            planned = loop.time() + _TICK_S
            await asyncio.sleep(_TICK_S)
            self.observe(1000 * max(0.0, loop.time() - planned))


class Relieved:
    """A model that is asked for less, or not at all, while loop or model are busy."""

    def __init__(
        self, suggester: Suggesting, pressure: Pressure, window: Window | None = None
    ) -> None:
        """Ask `suggester`, which is not closed with this."""
        self._suggester, self._pressure = suggester, pressure
        self._window = window or Window()

    @property
    def info(self) -> ModelInfo:
        """What is known about the model."""
        return self._suggester.info

    def session(self, *, scope: Hashable = "") -> Asking:
        """A caret that is typed at."""
        session = self._suggester.session(scope=scope)
        return _RelievedSession(session, self._pressure, self._window)

    def generate(
        self, request: Generation, sink: Sink | None = None, *, scope: Hashable = ""
    ) -> Generating:
        """Begin a generation; refused while the loop is busy."""
        self._pressure.check()
        return self._suggester.generate(request, sink, scope=scope)

    @property
    def context_tokens(self) -> int:
        """Most tokens of text the model reads."""
        return self._suggester.context_tokens

    @property
    def state(self) -> State:
        """Whether questions are answered now."""
        return self._suggester.state

    @property
    def restarts(self) -> int:
        """How often the model was opened anew after a failure."""
        return self._suggester.restarts

    def counters(self) -> dict[str, int]:
        """What was counted since the model was opened."""
        return self._suggester.counters()

    def close(self) -> None:
        """Nothing: the model is somebody else's."""


class _RelievedSession:
    """A session of `Relieved`."""

    def __init__(self, session: Asking, pressure: Pressure, window: Window) -> None:
        self._session, self._pressure, self._window = session, pressure, window

    def begin(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = DEADLINE_MS,
        **options: Unpack[SuggestOptions],
    ) -> Future[Completed]:
        level = self._pressure.now
        if level >= Level.CLASSICAL:
            raise OverloadedError("the service is busy; the model is not asked", retry_after_ms=500)
        if level >= Level.SHORTER or self._window.is_crowded:
            options["max_words"] = min(options.get("max_words") or _SHORT_WORDS, _SHORT_WORDS)
            options["max_tokens"] = min(options.get("max_tokens", _SHORT_TOKENS), _SHORT_TOKENS)
            deadline_ms = min(deadline_ms or _SHORT_MS, _SHORT_MS)
        number = self._window.enter(self)
        try:
            answer = self._session.begin(before, after, deadline_ms=deadline_ms, **options)
        except TeclaError:
            self._window.forget(self)
            raise
        answer.add_done_callback(
            lambda done: self._window.leave(self, number, in_vain=_is_in_vain(done))
        )
        return answer

    def give_up(self) -> None:
        self._window.forget(self)
        self._session.give_up()

    def close(self) -> None:
        self._window.close(self)
        self._session.close()


def _is_in_vain(done: Future[Completed]) -> bool:
    """Whether there was no time to find anything."""
    if done.exception() is not None:
        return False
    completed = done.result()
    return completed.silence == "deadline" and not completed.continuations
