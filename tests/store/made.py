"""Stores to test, and events to put into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from running import Clock
from tecla.store.base import Store
from tecla.store.events import FeedbackEvent, Retention
from tecla.store.memory import MemoryStore
from tecla.store.sqlite import SqliteStore

NOW_S = 1000.0  # where a test's clock begins
NO_LIMIT = Retention(max_age_s=None, max_events=None)


@dataclass
class Made:
    """A store, its clock, and how to open the same place once more (`None`: it ends with it)."""

    store: Store
    clock: Clock
    open_again: Callable[[], Store] | None


Factory = Callable[[Path, Retention], Made]


def make_memory(folder: Path, retention: Retention = NO_LIMIT) -> Made:
    clock = Clock()
    return Made(MemoryStore(retention=retention, clock=clock), clock, None)


def make_sqlite(folder: Path, retention: Retention = NO_LIMIT) -> Made:
    clock = Clock()

    def opened() -> Store:
        return SqliteStore.open(folder / "store" / "tecla.db", retention=retention, clock=clock)

    return Made(opened(), clock, opened)


KINDS: dict[str, Factory] = {"memory": make_memory, "sqlite": make_sqlite}


def event(suggestion: str = "s1", **changes: Any) -> FeedbackEvent:
    """An event of the user `ana`; a suggestion of 9 characters that was shown."""
    values: dict[str, Any] = {
        "kind": "shown",
        "time_s": NOW_S,
        "user": "ana",
        "source": "neural",
        "raw_probability": 0.5,
        "shown_chars": 9,
        "shown_words": 2,
    }
    return FeedbackEvent(suggestion=suggestion, **(values | changes))
