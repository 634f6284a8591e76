"""Days of accepted suggestions follow what is taken back."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.made import event
from tecla.learning.accepted import learn_accepted
from tecla.store.base import Store
from tecla.store.events import SuggestedText
from tecla.store.memory import MemoryStore
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

ME = Owner("user", "local")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_a_day_goes_when_all_of_it_is_taken_back(kind: str, tmp_path: Path) -> None:
    with MemoryStore() if kind == "memory" else SqliteStore.open(tmp_path / "store.db") as store:
        store.consent.give("local")
        now_s = store.consent.since_s("local") or 0.0

        def take(name: str, kind: str = "accepted", text: str | None = None) -> None:
            said = None if text is None else SuggestedText("I think that we should ", text)
            store.feedback.record([
                event(
                    name, kind=kind, user="local", time_s=now_s + 1, text=said, accepted_chars=9
                )
            ])  # fmt: skip

        take("one", text="meet in the garden tomorrow.")
        take("two", text="say that the password: hunter22x.")
        assert learn_accepted(store, "local") == 1
        assert "garden" in text_of(store)
        take("one", "deleted_again")
        assert learn_accepted(store, "local") == 1
        assert text_of(store) == ""
        assert store.derived.to_purge()
        assert learn_accepted(store, "local") == 0
        take("three", text="stay at home.")
        assert learn_accepted(store, "local") == 1
        assert "home" in text_of(store)


def text_of(store: Store) -> str:
    return "".join(each.text for each in store.documents.passages(ME))
