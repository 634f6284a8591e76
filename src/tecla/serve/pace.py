"""How much more than it may one connection asks, and what comes of it.

A question above the rate is refused. What comes after it is read more slowly, so that a flood
waits in the client's own socket; who goes on all the same is to be cut off.
"""

from __future__ import annotations

from typing import Final

from tecla.errors import RateLimitedError
from tecla.serve.guard import Caller, Guard

MOST_OVER: Final = 256  # messages above the rate, less what was within it
PACE_S: Final = 0.05
_FORGIVEN: Final = 8  # by each message within the rate


class Pace:
    """The messages of one connection."""

    def __init__(self, guard: Guard, caller: Caller) -> None:
        """Nothing was asked yet."""
        self._guard, self._caller = guard, caller
        self._over = 0
        self._is_over = False

    def count(self) -> None:
        """Take note of a message; raises `RateLimitedError` for one above the rate."""
        try:
            self._guard.count(self._caller)
        except RateLimitedError:
            self._over += 1
            self._is_over = True
            raise
        self._over = max(0, self._over - _FORGIVEN)

    def is_within(self) -> bool:
        """Take note of a message that costs next to nothing; whether it was within the rate."""
        try:
            self.count()
        except RateLimitedError:
            return False
        return True

    @property
    def is_flood(self) -> bool:
        """Whether far more comes than is allowed."""
        return self._over > MOST_OVER

    @property
    def rate(self) -> float:
        """Messages a second that are allowed."""
        return self._caller.per_second

    def pause_s(self) -> float:
        """How long to wait before more is read, since this was last asked."""
        is_over, self._is_over = self._is_over, False
        return PACE_S if is_over else 0.0
