"""Stores to test, and events to put into them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from running import Clock
from tecla.store.base import Owner, Store
from tecla.store.documents import NewDocument
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


def make_encrypted(folder: Path, retention: Retention = NO_LIMIT) -> Made:
    clock, key = Clock(), make_key_file(folder)

    def opened() -> Store:
        path = folder / "store" / "tecla.db"
        return SqliteStore.open(path, key_file=key, retention=retention, clock=clock)

    return Made(opened(), clock, opened)


def make_key_file(folder: Path, name: str = "key") -> Path:
    """A file of a key that nobody else may read."""
    path = folder / name
    path.touch(mode=0o600)
    path.write_bytes(name.encode().ljust(32, b"-"))
    return path


KINDS: dict[str, Factory] = {
    "memory": make_memory,
    "sqlite": make_sqlite,
    "encrypted": make_encrypted,
}


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


def document(owner: Owner, source: str, *passages: str, **changes: Any) -> NewDocument:
    """A document of some passages."""
    values: dict[str, Any] = {
        "kind": "text",
        "digest": b"digest",
        "time_s": NOW_S,
        "size_bytes": 100,
        "passages": passages,
    }
    return NewDocument(owner=owner, source=source, **(values | changes))
