"""How many texts the model serves, and how many wait for it at once, so that it answers in time.

What waits behind others is answered late, and an answer that comes after the next key is worth
nothing and has cost as much as one in time. So beyond a number the model is not asked and the
predictors' answer stands at once. The number follows how long answers take in the mean: above
`target_ms` it falls by a share, below it rises a little with every answer while it is being used
(additive increase, multiplicative decrease; Chiu & Jain 1989). By Little's law what is let through
is then what the engine answers in that time, whatever else the machine does.

*Seats.* A text that the model has read is cheap to answer, one that it has not is dear: all of it
must be read first. So it serves some texts for a while, a few for each that may wait at once, and
the others not at all, rather than every text now and then; and it takes up one or two at a time.
Until its first answer in time a text is *cold*: what it waits for says how long reading takes, not
how busy the model is, and does not count, unless the answer never comes. A seat is given up by who
stops writing, and passes on after `TENURE_S` where others want one. When the number falls, whoever
came last loses theirs.

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
from dataclasses import dataclass
from typing import Final, NamedTuple

from tecla.errors import OverloadedError

TARGET_MS: Final = 60.0  # one key in a hundred is followed by the next one sooner
HOPELESS_MS: Final = 120.0  # one in five is; of what is in time, half is worth no more
TENURE_S: Final = 120.0
IDLE_S: Final = 8.0  # a text that has not asked for so long is not being written
COLD_S: Final = 6.0  # so long reading may take
_MOST_COLD: Final = 2
_SEATS: Final = 4  # for each that may wait: of a second, a typist waits for the model a quarter
_NOW_AND_THEN, _FEW, _FIRST, _MOST = 0.1, 3.0, 8.0, 64.0
_LOWER: Final = 0.85
_WORST_MS: Final = 180.0  # of one answer in the mean, so that what was bad is forgotten soon
_SMOOTHING: Final = 0.1  # of the mean: a single answer takes long on an idle machine as well
_RETRY_MS: Final = 100.0


class _Question(NamedTuple):
    """The newest question of a text."""

    number: int
    asked: float


@dataclass(slots=True)
class _Seat:
    """Since when a text has one, when it asked last, and if it was ever answered in time."""

    since: float
    asked: float
    is_warm: bool = False


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
        self._seats: dict[object, _Seat] = {}  # whoever came first stands first
        self._credit = 0.0  # of a size below one
        self._lowered = clock()
        self._lock = threading.Lock()

    @property
    def at_work(self) -> int:
        """Texts that wait for the model."""
        return len(self._asked)

    @property
    def is_crowded(self) -> bool:
        """Whether others wait, and there is little room left or answers take long in any case."""
        others = self.at_work
        return others > 0 and (self.size < _FEW or others > max(_FEW, self.size / 2))

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
                    self._heard(text, waited_ms, now, answered=False)
            if not self._sits(text, now) or not self._has_room():
                raise OverloadedError(
                    f"the model serves {len(self._seats)} texts, and {len(self._asked)} wait for "
                    f"it, as many as it answers in time; try again in {_RETRY_MS:.0f} ms, or run "
                    "more engines",
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
                self._heard(text, took_ms, now, answered=not in_vain)
                del self._asked[text]

    def forget(self, text: object) -> None:
        """Nobody waits for what a text has asked."""
        with self._lock:
            self._asked.pop(text, None)

    def close(self, text: object) -> None:
        """A text asks no more."""
        with self._lock:
            self._asked.pop(text, None)
            self._seats.pop(text, None)

    def _sits(self, text: object, now: float) -> bool:
        """Whether the model serves a text; one that asks is given a seat if there is any."""
        seats, most = self._seats, max(1, int(_SEATS * self.size))
        while len(seats) > most:
            seats.popitem()
        seat = seats.get(text)
        if seat is None:
            cold = sum(not each.is_warm for each in seats.values())
            if cold >= min(_MOST_COLD, most) and not self._end_cold(now):
                return False
            if len(seats) >= most and not self._free_one(now):
                return False
            seat = seats[text] = _Seat(now, now)
        seat.asked = now
        return True

    def _heard(self, text: object, ms: float, now: float, *, answered: bool) -> None:
        """A question of a text took so long; what a cold one waits for is the reading of it."""
        seat = self._seats.get(text)
        if seat is not None and answered and ms <= HOPELESS_MS:
            seat.is_warm = True
        if seat is None or seat.is_warm or now - seat.since > COLD_S:
            self._took(ms, now)

    def _end_cold(self, now: float) -> bool:
        """Take the seat of a text that does not become warm; whether there was one."""
        for text, seat in self._seats.items():
            if not seat.is_warm and now - seat.since > COLD_S:
                del self._seats[text]
                self._took(math.inf, now)
                return True
        return False

    def _free_one(self, now: float) -> bool:
        """Take a seat from who does not write, or has had one for long; whether there was one."""
        for text, seat in self._seats.items():
            if now - seat.asked > IDLE_S or now - seat.since > TENURE_S:
                del self._seats[text]
                return True
        return False

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
