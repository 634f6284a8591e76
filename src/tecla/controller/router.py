"""When the model is not worth asking: learnt from what its answers have added so far.

A place is told by how much of its word is typed and by how sure the sources are that answer at
once. For each such kind of place the router keeps the mean gain of asking the model: the expected
keys that what was shown with its answer saves, less those of what would have been shown without.
If that is below what a call costs, the model is asked only now and then, to see if it still is.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from typing import Final, NamedTuple

from tecla.checks import number, whole
from tecla.controller.place import Place
from tecla.controller.showing import Ghost

_MOST_TYPED: Final = 5
_SURENESS_STEPS: Final = 10
_LEAST_ASKED: Final = 20  # so often a kind of place is asked before it is judged
_MEMORY: Final = 200  # the mean follows the last so many answers


class Situation(NamedTuple):
    """A kind of place: characters typed of the word (-1: behind marks), sureness in tenths."""

    typed_chars: int
    sureness: int

    @classmethod
    def of(cls, place: Place, without: Ghost | None) -> Situation:
        """That of a place where `without` could be shown without asking."""
        typed = place.typed_chars
        sure = 0.0 if without is None else without.probability
        return cls(
            -1 if typed is None else min(typed, _MOST_TYPED),
            min(_SURENESS_STEPS - 1, int(sure * _SURENESS_STEPS)),
        )


@dataclass(slots=True)
class _Gain:
    """The mean gain of a kind of place, and how often it was asked and passed over."""

    mean: float = 0.0
    asked: int = 0
    passed: int = 0


class Router:
    """Shared by all writers of a controller; used from any thread."""

    def __init__(self, call_keys: float, explore_every: int = 16) -> None:
        """A call costs as much as `call_keys` keys; every so many places it is asked anyway."""
        number("call_keys", call_keys)
        whole("explore_every", explore_every, 1)
        self._call_keys, self._explore_every = call_keys, explore_every
        self._gains: dict[Situation, _Gain] = defaultdict(_Gain)
        self._lock = threading.Lock()
        self.passed = 0

    def asks(self, situation: Situation) -> bool:
        """Whether to ask the model here."""
        with self._lock:
            gain = self._gains[situation]
            if gain.asked < _LEAST_ASKED or gain.mean >= self._call_keys:
                return True
            gain.passed += 1
            if gain.passed % self._explore_every == 0:
                return True
            self.passed += 1
            return False

    def learnt(self, situation: Situation, without: Ghost | None, found: Ghost | None) -> None:
        """The model was asked: what would have been shown without it, and what it made of it."""
        added = expected_keys(found) - expected_keys(without)
        with self._lock:
            gain = self._gains[situation]
            gain.asked += 1
            gain.mean += (added - gain.mean) / min(gain.asked, _MEMORY)


def expected_keys(ghost: Ghost | None) -> float:
    """The keys that a calibrated ghost text is expected to save."""
    return 0.0 if ghost is None else ghost.probability * (len(ghost.text) - 1)
