"""A store that keeps everything in memory, for tests and for programs that keep nothing.

Written for being obviously right rather than quick: it is what the others are compared with.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tecla.closing import Closing
from tecla.errors import OptionError, StoreError
from tecla.store.base import Owner, SettingValue
from tecla.store.checking import check_dimensions, check_setting, text_may_stay
from tecla.store.events import (
    EVERY,
    Dimension,
    EventFilter,
    FeedbackEvent,
    Retention,
    Totals,
    check_name,
)
from tecla.store.keys import StoredKey
from tecla.store.memory_documents import Learnt, MemoryDerived, MemoryDocuments

Clock = Callable[[], float]


class MemoryStore(Closing):
    """Everything of one process, gone with it."""

    def __init__(self, *, retention: Retention | None = None, clock: Clock = time.time) -> None:
        self._held = _Held(retention or Retention(), clock)
        self.feedback = MemoryFeedback(self._held)
        self.consent = MemoryConsent(self._held)
        self.settings = MemorySettings(self._held)
        self.keys = MemoryKeys(self._held)
        self.documents = MemoryDocuments(self._held.learning, clock)
        self.derived = MemoryDerived(self._held.learning)

    def forget_user(self, user: str) -> None:
        """Erase everything of a user."""
        check_name("user", user)
        with self._held.open() as held:
            held.events = [event for event in held.events if event.user != user]
            held.consents.pop(user, None)
            held.settings.pop(Owner("user", user), None)
            held.learnt.forget(Owner("user", user))

    def forget_collection(self, collection: str) -> None:
        """Erase everything of a collection."""
        check_name("collection", collection)
        with self._held.open() as held:
            held.events = [event for event in held.events if event.collection != collection]
            held.settings.pop(Owner("collection", collection), None)
            held.learnt.forget(Owner("collection", collection))

    def forget_everything(self) -> None:
        """Erase everything."""
        with self._held.open() as held:
            held.events = []
            held.consents.clear()
            held.settings.clear()
            held.keys.clear()
            held.learnt.forget_everything()

    def check(self) -> None:
        """Nothing can be damaged here; raises `StoreError` if it is closed."""
        with self._held.open():
            pass

    def close(self) -> None:
        """Let go of everything; safe to call twice."""
        self._held.closed = True
        self._held.events = []
        self._held.learnt = Learnt(self._held.learnt.identity)


class _Held:
    """What the parts share, for one thread at a time."""

    def __init__(self, retention: Retention, clock: Clock) -> None:
        self.retention, self.clock = retention, clock
        self.events: list[FeedbackEvent] = []  # replaced and never changed in place
        self.consents: dict[str, float] = {}
        self.settings: dict[Owner, dict[str, SettingValue]] = {}
        self.keys: dict[str, StoredKey] = {}
        self.learnt = Learnt(secrets.token_hex(16))
        self.closed = False
        self._lock = threading.RLock()

    @contextmanager
    def open(self) -> Iterator[_Held]:
        with self._lock:
            if self.closed:
                raise StoreError("the store in memory is closed; open another")
            yield self

    @contextmanager
    def learning(self) -> Iterator[Learnt]:
        with self.open():
            yield self.learnt


class MemoryFeedback:
    """`FeedbackLog` in memory."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def record(self, events: Iterable[FeedbackEvent]) -> None:
        """Keep all of them."""
        given = list(events)
        with self._held.open() as held:
            kept = [
                event
                if text_may_stay(event, held.consents.get(event.user))
                else replace(event, text=None)
                for event in given
            ]
            held.events = [*held.events, *kept]
            self.prune(held.retention)

    def events(self, which: EventFilter = EVERY) -> Iterator[FeedbackEvent]:
        """Those that were there when it began."""
        with self._held.open() as held:
            found = held.events
        return (event for event in found if _is_in(event, which))

    def totals(self, by: tuple[Dimension, ...] = (), which: EventFilter = EVERY) -> list[Totals]:
        """Sums for each group."""
        check_dimensions(by)
        groups: dict[tuple[str | None, ...], list[FeedbackEvent]] = {} if by else {(): []}
        for event in self.events(which):
            groups.setdefault(tuple(getattr(event, name) for name in by), []).append(event)
        order = sorted(groups, key=lambda group: [(each is not None, each or "") for each in group])
        return [_sums(group, groups[group]) for group in order]

    def prune(self, retention: Retention) -> int:
        """Forget the oldest until the limits hold."""
        with self._held.open() as held:
            kept = held.events
            if retention.max_age_s is not None:
                oldest = held.clock() - retention.max_age_s
                kept = [event for event in kept if event.time_s >= oldest]
            if retention.max_events is not None:
                kept = kept[max(0, len(kept) - retention.max_events) :]
            gone = len(held.events) - len(kept)
            held.events = kept
            return gone


class MemoryConsent:
    """`ConsentBook` in memory."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def since_s(self, user: str) -> float | None:
        """When it was given."""
        check_name("user", user)
        with self._held.open() as held:
            return held.consents.get(user)

    def give(self, user: str) -> None:
        """Allow text from now on."""
        check_name("user", user)
        with self._held.open() as held:
            held.consents.setdefault(user, held.clock())

    def withdraw(self, user: str) -> None:
        """End it, and erase this user's text."""
        check_name("user", user)
        with self._held.open() as held:
            held.consents.pop(user, None)
            held.events = [
                replace(event, text=None) if event.user == user else event for event in held.events
            ]
            held.learnt.forget_feedback(Owner("user", user))


class MemorySettings:
    """`SettingsBook` in memory."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def of(self, owner: Owner) -> dict[str, SettingValue]:
        """Everything this owner has set."""
        with self._held.open() as held:
            return dict(sorted(held.settings.get(owner, {}).items()))

    def put(self, owner: Owner, key: str, value: SettingValue) -> None:
        """Set one."""
        check_setting(key, value)
        with self._held.open() as held:
            held.settings.setdefault(owner, {})[key] = value

    def remove(self, owner: Owner, key: str) -> None:
        """Unset one."""
        with self._held.open() as held:
            held.settings.get(owner, {}).pop(key, None)


class MemoryKeys:
    """`KeyBook` in memory."""

    def __init__(self, held: _Held) -> None:
        self._held = held

    def add(self, key: StoredKey) -> None:
        """Keep a new key."""
        with self._held.open() as held:
            if key.id in held.keys:
                raise OptionError(f"there is a key {key.id!r} already; make another")
            held.keys[key.id] = key

    def get(self, key_id: str) -> StoredKey | None:
        """The key of an id."""
        with self._held.open() as held:
            return held.keys.get(key_id)

    def all(self) -> list[StoredKey]:
        """Every key, the oldest first."""
        with self._held.open() as held:
            return sorted(held.keys.values(), key=lambda key: (key.created_s, key.id))

    def revoke(self, key_id: str) -> bool:
        """End it."""
        with self._held.open() as held:
            key = held.keys.get(key_id)
            if key is None or key.revoked_s is not None:
                return False
            held.keys[key_id] = replace(key, revoked_s=held.clock())
            return True


def _is_in(event: FeedbackEvent, which: EventFilter) -> bool:
    same = all(
        getattr(which, name) in (None, getattr(event, name))
        for name in ("user", "collection", "language", "source", "suggestion")
    )
    return (
        same
        and (which.kinds is None or event.kind in which.kinds)
        and (which.since_s is None or event.time_s >= which.since_s)
        and (which.until_s is None or event.time_s < which.until_s)
    )


def _sums(group: tuple[str | None, ...], events: list[FeedbackEvent]) -> Totals:
    def number(*kinds: str) -> int:
        return sum(event.kind in kinds for event in events)

    def taken(*kinds: str) -> int:
        return sum(event.accepted_chars for event in events if event.kind in kinds)

    return Totals(
        group,
        shown=number("shown"),
        accepted=number("accepted"),
        part_accepted=number("part_accepted"),
        rejected=number("rejected"),
        deleted_again=number("deleted_again"),
        shown_chars=sum(event.shown_chars for event in events if event.kind == "shown"),
        accepted_chars=taken("accepted", "part_accepted"),
        deleted_chars=taken("deleted_again"),
        saved_keys=sum(event.saved_keys for event in events),
    )
