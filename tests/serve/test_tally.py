"""What is used of a quota is what the store holds, whoever changes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tecla.serve.tally import Tally, Used
from tecla.store.documents import NewDocument
from tecla.store.memory import MemoryStore
from tecla.store.owners import Owner

ANA, SEA = Owner("user", "ana"), Owner("collection", "sea")


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    with MemoryStore() as found:
        yield found


def put(store: MemoryStore, owner: Owner, source: str, *passages: str) -> None:
    store.documents.put([
        NewDocument(
            owner=owner, source=source, kind="text", digest=b"x", time_s=0.0, size_bytes=1,
            passages=passages,
        )
    ])  # fmt: skip


def test_it_follows_the_store(store: MemoryStore) -> None:
    tally = Tally(store.documents)
    assert tally.of([ANA, SEA]) == Used()
    put(store, ANA, "a", "one ", "two")
    put(store, SEA, "a", "three")
    assert tally.of([ANA, SEA]) == Used(2, 12)
    assert tally.sources(ANA) == {"a": 7}
    put(store, ANA, "a", "more")  # in its place
    put(store, ANA, "b", "x")
    assert tally.sources(ANA) == {"a": 4, "b": 1}
    store.documents.remove(ANA, ["a"])
    assert tally.of([ANA, SEA]) == Used(2, 6)
    store.forget_user("ana")
    assert tally.of([ANA, SEA]) == Used(1, 5)
    put(store, ANA, "c", "again")
    assert tally.sources(ANA) == {"c": 5}


def test_a_mailbox_itself_is_no_document_that_counts(store: MemoryStore) -> None:
    put(store, ANA, "mbox")
    assert Tally(store.documents).of([ANA]) == Used()
