"""How many texts may wait for the model at once, so that those that wait are answered in time.

What waits behind others is answered late, and an answer that comes after the next key is worth
nothing and has cost as much as one in time. So beyond a number the model is not asked and the
predictors' answer stands at once. The number follows how long answers take in the mean: above
`target_ms` it falls by a share, below it rises a little with every answer while it is being used
(additive increase, multiplicative decrease; Chiu & Jain 1989). By Little's law what is let through
is then what the engine answers in that time, whatever else the machine does.

A few texts may always ask, unless answers come so late, or so empty, that whoever waits for them
sees less than the predictors would have shown at once: then the number falls below one, and the
model is asked now and then, to see if it is still so.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from tecla.errors import OverloadedError

TARGET_MS: Final = 60.0  # one key in a hundred is followed by the next one sooner
HOPELESS_MS: Final = 120.0  # one in five is; of what is in time, half is worth no more
_NOW_AND_THEN, _FEW, _FIRST, _MOST = 0.1, 3.0, 8.0, 64.0
_LOWER: Final = 0.85
_WORST_MS: Final = 180.0  # of one answer in the mean, so that what was bad is forgotten soon
_SMOOTHING: Final = 0.1  # of the mean: a single answer takes long on an idle machine as well
_RETRY_MS: Final = 100.0


class _Question(NamedTuple):
    """The newest question of a text."""

    number: int
    asked: float


class Window:
    """The number, and who is within it; used from any thread."""

    def __init__(
        self, target_ms: float = TARGET_MS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nobody waits."""
        self.target_ms, self._clock = target_ms, clock
        self.size, self.mean_ms = _FIRST, 0.0
        self._numbers = itertools.count(1)
        self._asked: dict[object, _Question] = {}
        self._credit = 0.0  # of a size below one
        self._lowered = clock()
        self._lock = threading.Lock()

    @property
    def at_work(self) -> int:
        """Texts that wait for the model."""
        return len(self._asked)

    @property
    def is_crowded(self) -> bool:
        """Whether there is little room left, or answers take long in any case."""
        return self.size < _FEW or self.at_work > max(_FEW, self.size / 2)

    def enter(self, text: object) -> int:
        """A text asks, in place of what it asked before; the number of the question.

        Raises `OverloadedError` where it would have to wait too long.
        """
        now = self._clock()
        with self._lock:
            before = self._asked.pop(text, None)
            if before is not None:
                waited_ms = 1000 * (now - before.asked)
                if waited_ms > self.target_ms:  # it was on its way to be late
                    self._took(waited_ms, now)
            if not self._has_room():
                raise OverloadedError(
                    f"{len(self._asked)} texts wait for the model, as many as it answers in time; "
                    f"try again in {_RETRY_MS:.0f} ms, or run more engines",
                    retry_after_ms=_RETRY_MS,
                )
            number = next(self._numbers)
            self._asked[text] = _Question(number, now)
            return number

    def leave(self, text: object, number: int, *, in_vain: bool = False) -> None:
        """A question of a text was answered; `in_vain` if with nothing, for want of time."""
        now = self._clock()
        with self._lock:
            question = self._asked.get(text)
            if question is not None and question.number == number:
                took_ms = math.inf if in_vain else 1000 * (now - question.asked)
                self._took(took_ms, now)
                del self._asked[text]

    def forget(self, text: object) -> None:
        """Nobody waits for what a text has asked."""
        with self._lock:
            self._asked.pop(text, None)

    def _has_room(self) -> bool:
        if self._asked or self.size >= 1:
            return len(self._asked) < self.size
        self._credit += self.size
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def _took(self, ms: float, now: float) -> None:
        self.mean_ms += _SMOOTHING * (min(ms, _WORST_MS) - self.mean_ms)
        if self.mean_ms > self.target_ms:
            if 1000 * (now - self._lowered) > self.target_ms:  # once for all that were waiting
                least = _NOW_AND_THEN if self.mean_ms > HOPELESS_MS else min(_FEW, self.size)
                self.size, self._lowered = max(least, _LOWER * self.size), now
        elif len(self._asked) > self.size / 2:
            self.size = min(_MOST, self.size + min(self.size, 1 / self.size))
