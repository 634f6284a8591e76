"""How much of a key's quota is used: documents and characters, counted once and then kept in step.

What the store says holds: whatever came or went since an owner was looked at, by `tecla learn`
beside the service too, is seen by the ids of documents, which are never used twice.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tecla.store.documents import DocumentBook
from tecla.store.owners import Owner


class Used(NamedTuple):
    """What is kept."""

    documents: int = 0
    chars: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """What may be kept for one key."""

    documents: int
    chars: int


@dataclass(slots=True)
class _Counted:
    """Documents of one owner by id: source and characters."""

    version: int = -1
    last: int = 0
    documents: dict[int, tuple[str, int]] = field(default_factory=dict)


class Tally:
    """The documents of owners, by source, with their characters; for one thread."""

    def __init__(self, book: DocumentBook) -> None:
        """Nothing is counted before it is asked for."""
        self._book = book
        self._counted: dict[Owner, _Counted] = {}

    def sources(self, owner: Owner) -> dict[str, int]:
        """The characters of each document of an owner that has text."""
        return {source: chars for source, chars in self._current(owner).documents.values() if chars}

    def of(self, owners: Iterable[Owner]) -> Used:
        """What several owners have together."""
        documents = chars = 0
        for owner in owners:
            found = [size for _, size in self._current(owner).documents.values() if size]
            documents, chars = documents + len(found), chars + sum(found)
        return Used(documents, chars)

    def _current(self, owner: Owner) -> _Counted:
        version = self._book.version(owner)
        counted = self._counted.setdefault(owner, _Counted())
        if counted.version != version:
            for each in self._book.all([owner], since=counted.last):
                counted.documents[each.id] = each.source, each.chars
                counted.last = max(counted.last, each.id)
            there = set(self._book.ids(owner))
            for gone in counted.documents.keys() - there:
                del counted.documents[gone]
            counted.version = version
        if not counted.documents:
            del self._counted[owner]
        return counted
