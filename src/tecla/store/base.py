"""The store contract: what outlives a run, in parts that know nothing of each other's tables.

A store is a row of parts (feedback, consent, settings, keys, documents, and notes for the makers of
files derived from them) over one place, and the three promises that cross them: what is forgotten
is gone from every part, text of feedback is kept only of who has consented, and a call that raised
has changed nothing. `SqliteStore` keeps it in a file, `MemoryStore` in memory; one suite
(`tests/store/test_contract.py`) runs against each. Values go in and out as the plain ones of
`events.py`, `keys.py` and `documents.py`; nothing here knows SQL.

Every method may be called from any thread, and blocks for as long as the disk takes: the path of
a keystroke goes through `FeedbackBuffer`. Every method raises `StoreError` once the store is closed
or its place fails: `StoreFullError`, `StoreBusyError`, `StoreFormatError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from tecla.store.documents import DerivedFiles, DocumentBook
from tecla.store.events import (
    EVERY,
    Dimension,
    EventFilter,
    FeedbackEvent,
    Retention,
    Totals,
)
from tecla.store.keys import StoredKey
from tecla.store.owners import Owner as Owner

SettingValue = bool | int | float | str
PRUNE_EVERY = 1000  # events that may be recorded beyond a store's own retention


class FeedbackLog(Protocol):
    """What happened to suggestions, in the order it was recorded."""

    def record(self, events: Iterable[FeedbackEvent]) -> None:
        """Keep all of them or, if it raises, none.

        The text of an event is kept only if its user's consent is on now and was given no later
        than the event. Costs one write to the disk, however many they are.
        """
        ...

    def events(self, which: EventFilter = EVERY) -> Iterator[FeedbackEvent]:
        """Those that were there when it began, in memory that does not grow with their number.

        What is forgotten meanwhile may be missing; what is recorded meanwhile is not in it. It
        holds nothing open between two events, so it may be left at any of them.
        """
        ...

    def totals(self, by: tuple[Dimension, ...] = (), which: EventFilter = EVERY) -> list[Totals]:
        """Sums by the values of the dimensions, `None` first; one row if `by` is empty."""
        ...

    def prune(self, retention: Retention) -> int:
        """Forget the oldest until the limits hold; the number forgotten.

        Age is that of `time_s`, number is counted from the last one recorded.
        """
        ...


class ConsentBook(Protocol):
    """Who allows their text to be kept. Nobody does until they say so."""

    def since_s(self, user: str) -> float | None:
        """When it was given, in seconds since the epoch; `None` where it is not."""
        ...

    def give(self, user: str) -> None:
        """Allow text of events from now on; does not change when it was given before."""
        ...

    def withdraw(self, user: str) -> None:
        """End it, and erase every text of this user's events before it returns, to the last byte.

        So are documents that were made of it (kind `OF_FEEDBACK`); derived files are to be purged.
        Counts and probabilities stay. A store that finds itself unable to finish raises, has
        noted it, and finishes when it is opened next or erases next.
        """
        ...


class SettingsBook(Protocol):
    """What users and collections have set. Checked by who reads them, not here."""

    def of(self, owner: Owner) -> dict[str, SettingValue]:
        """Everything this owner has set, by key."""
        ...

    def put(self, owner: Owner, key: str, value: SettingValue) -> None:
        """Set one; raises `OptionError` for what is no key or no value."""
        ...

    def remove(self, owner: Owner, key: str) -> None:
        """Unset one; nothing happens where it is not set."""
        ...


class KeyBook(Protocol):
    """The keys of programs that may ask a server. None is ever kept as it is given out."""

    def add(self, key: StoredKey) -> None:
        """Keep a new key; raises `OptionError` if its id is taken."""
        ...

    def get(self, key_id: str) -> StoredKey | None:
        """The key of an id, revoked or not."""
        ...

    def all(self) -> list[StoredKey]:
        """Every key, the oldest first."""
        ...

    def revoke(self, key_id: str) -> bool:
        """End it from now on; false where there is none that is not ended already."""
        ...


class Store(Protocol):
    """The place, and the parts over it."""

    @property
    def feedback(self) -> FeedbackLog:
        """What happened to suggestions."""
        ...

    @property
    def consent(self) -> ConsentBook:
        """Who allows text to be kept."""
        ...

    @property
    def settings(self) -> SettingsBook:
        """What users and collections have set."""
        ...

    @property
    def keys(self) -> KeyBook:
        """The keys of programs that may ask a server."""
        ...

    @property
    def documents(self) -> DocumentBook:
        """What was learnt."""
        ...

    @property
    def derived(self) -> DerivedFiles:
        """What the makers of files derived from the store must know."""
        ...

    def forget_user(self, user: str) -> None:
        """Erase everything of a user in every part, consent included, to the last byte.

        This, and every other forgetting, notes which derived files are to be purged.
        """
        ...

    def forget_collection(self, collection: str) -> None:
        """Erase everything of a collection in every part, to the last byte."""
        ...

    def forget_everything(self) -> None:
        """Erase everything, to the last byte; the empty store can be used on."""
        ...

    def check(self) -> None:
        """Read everything through; raises `StoreFormatError` where it is damaged."""
        ...

    def close(self) -> None:
        """Let go of files and connections; safe to call twice."""
        ...
