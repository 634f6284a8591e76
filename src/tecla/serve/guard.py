"""Who may ask, for what, how often: keys, scopes, rates.

Keys are read from the store once a second, so a revoked one ends within a second; one that is not
known is looked for at once. If the store cannot be read, what was read last holds for a minute,
and then nobody is served.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from tecla.errors import (
    ForbiddenError,
    RateLimitedError,
    StoreError,
    TooLargeError,
    UnauthorizedError,
)
from tecla.settings import ServeSettings
from tecla.store.base import KeyBook
from tecla.store.keys import KeyLimits, KeyScope, StoredKey, id_of

_FRESH_S: Final = 1.0
_STALE_S: Final = 60.0
_NO_GOOD: Final = "this key is none, has ended or was revoked; ask for another"
_BURST_S: Final = 2.0  # a rate may be used up ahead of time by so much
_OPEN_SCOPES: Final[frozenset[KeyScope]] = frozenset({"suggest", "learn"})
_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Caller:
    """One key at work, shared by all that use it; of one thread.

    `key_id` is empty where no keys are asked for. Times are those of a monotonic clock.
    """

    key_id: str
    scopes: frozenset[KeyScope]
    per_second: float
    most_concurrent: int
    chars: int
    concurrent: int = 0
    _paid_until_s: float = 0.0

    def check(self, scope: KeyScope) -> None:
        """Raise `ForbiddenError` unless the key has a scope."""
        if scope not in self.scopes:
            raise ForbiddenError(
                f"this key has no scope {scope!r}; make one with `tecla keys make --scope {scope}`"
            )

    def check_chars(
        self, n_chars: int, remedy: str = "send what stands nearest to the caret"
    ) -> None:
        """Raise `TooLargeError` for so many characters of a request or of an open text."""
        if n_chars > self.chars:
            raise TooLargeError(
                f"{n_chars} characters are too many, at most {self.chars} are taken at once: "
                f"{remedy}"
            )

    def count(self, now_s: float) -> None:
        """Take note of one request or message; raises `RateLimitedError` above the rate."""
        ahead_s = max(self._paid_until_s, now_s) + 1 / self.per_second - now_s
        if ahead_s > max(_BURST_S, 1 / self.per_second):
            raise RateLimitedError(
                f"this key may ask {self.per_second:g} times a second; try again in "
                f"{1000 * (ahead_s - _BURST_S):.0f} ms",
                retry_after_ms=1000 * (ahead_s - _BURST_S),
            )
        self._paid_until_s = now_s + ahead_s

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """One more request or connection; raises `RateLimitedError` beyond the limit."""
        if self.concurrent >= self.most_concurrent:
            raise RateLimitedError(
                f"this key has {self.concurrent} requests and connections at work, the most it "
                "may; try again when one of them has ended",
                retry_after_ms=1000.0,
            )
        self.concurrent += 1
        try:
            yield
        finally:
            self.concurrent -= 1


class Guard:
    """Knows every key; used from the thread of the event loop."""

    def __init__(
        self,
        keys: KeyBook,
        settings: ServeSettings,
        *,
        asks_for_keys: bool,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Without `asks_for_keys` everybody may suggest and learn."""
        self._book, self._clock, self._wall_clock = keys, clock, wall_clock
        self._settings, self.asks_for_keys = settings, asks_for_keys
        self._stored: dict[str, StoredKey] = {}
        self._read_s: float | None = None
        self._callers: dict[str, Caller] = {}

    def caller(self, given: str | None) -> Caller:
        """Whose key it is; raises `UnauthorizedError` if it is nobody's."""
        if not self.asks_for_keys:
            return self._caller("", _OPEN_SCOPES, KeyLimits())
        if given is None:
            raise UnauthorizedError(
                "no key was given; send 'Authorization: Bearer KEY', or `key` in a WebSocket's "
                "open (`tecla keys make` gives one)"
            )
        key_id = id_of(given)
        if key_id is None:
            raise UnauthorizedError(_NO_GOOD)
        self._refresh()
        stored = self._stored.get(key_id) or self._new(key_id)
        if stored is None or not stored.is_of(given) or not stored.serves(self._wall_clock()):
            raise UnauthorizedError(_NO_GOOD)
        return self._caller(key_id, stored.scopes, stored.limits)

    def count(self, caller: Caller) -> None:
        """One more request or message of a caller; raises `RateLimitedError` above its rate."""
        caller.count(self._clock())

    def still(self, caller: Caller) -> bool:
        """Whether the key of a caller that was let in is still good."""
        if not self.asks_for_keys:
            return True
        self._refresh()
        stored = self._stored.get(caller.key_id)
        return stored is not None and stored.serves(self._wall_clock())

    def adopt(self, settings: ServeSettings) -> None:
        """Limits are those of new settings from now on."""
        self._settings = settings
        for key_id, caller in self._callers.items():
            stored = self._stored.get(key_id)
            self._limit(caller, KeyLimits() if stored is None else stored.limits)

    def _caller(self, key_id: str, scopes: frozenset[KeyScope], limits: KeyLimits) -> Caller:
        caller = self._callers.get(key_id)
        if caller is None:
            caller = self._callers[key_id] = Caller(key_id, scopes, 1.0, 1, 1)
            self._limit(caller, limits)
        return caller

    def _limit(self, caller: Caller, limits: KeyLimits) -> None:
        usual = self._settings
        caller.per_second = limits.per_second or usual.per_second
        caller.most_concurrent = limits.concurrent or usual.concurrent
        caller.chars = limits.chars or usual.chars

    def _new(self, key_id: str) -> StoredKey | None:
        """A key that was made a moment ago."""
        try:
            stored = self._book.get(key_id)
        except StoreError as error:
            raise UnauthorizedError("keys cannot be checked now; try again later") from error
        if stored is not None:
            self._stored[key_id] = stored
        return stored

    def _refresh(self) -> None:
        now_s = self._clock()
        if self._read_s is not None and now_s - self._read_s < _FRESH_S:
            return
        try:
            self._stored = {key.id: key for key in self._book.all()}
            self._read_s = now_s
        except StoreError as error:
            _log.error("keys cannot be read: %s", error)
            if self._read_s is None or now_s - self._read_s > _STALE_S:
                raise UnauthorizedError("keys cannot be checked now; try again later") from error
        for key_id in [each for each in self._callers if each and each not in self._stored]:
            if not self._callers[key_id].concurrent:
                del self._callers[key_id]
