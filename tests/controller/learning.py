"""A controller over the fake model, and a store in which things are learnt, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retrieval.learnt import WordsEmbedding
from running import Clock
from store.made import document
from tecla import Suggester
from tecla.controller.cache import AnswerCache
from tecla.controller.controller import Controller
from tecla.controller.manner import Manner, Search
from tecla.controller.personal import Personal
from tecla.controller.suggestion import Suggestion
from tecla.controller.writer import Writer
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer
from tecla.models.info import ModelInfo
from tecla.personal.following import finish_purges, folder_beside
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore
from tecla.text.snapshot import Snapshot

TOKENIZER = FakeTokenizer()
PATIENT = Manner(search=Search(preamble="", deadline_ms=None), eagerness=1.0, sure=0.6)
ALWAYS = replace(PATIENT, keep_chars=10**9)  # the model is asked at every key
ANA, BEN, TEAM = Owner("user", "ana"), Owner("user", "ben"), Owner("collection", "team")
PHRASE = "the future would help artificial art"
GOES_ON = " would help artificial art"


@dataclass
class World:
    """One store, one model, one controller."""

    store: SqliteStore
    personal: Personal
    controller: Controller
    engine: FakeEngine
    clock: Clock

    def learn(self, owner: Owner, *texts: str) -> None:
        """Learn texts, each said a few times, and have them followed."""
        self.store.documents.put(
            document(owner, f"s{number}", f"{text}.\n" * 6) for number, text in enumerate(texts)
        )
        self.personal.follow([owner], lambda: TOKENIZER)
        self.personal.settle()

    def forget(self, owner: Owner) -> None:
        """As `tecla forget` does it."""
        if owner.kind == "user":
            self.store.forget_user(owner.name)
        else:
            self.store.forget_collection(owner.name)
        finish_purges(self.personal.root, self.store)

    def writer(self, user: str | None = None, collection: str | None = None, **more: Any) -> Writer:
        """A writer, when all that was begun for it is done."""
        writer = self.controller.writer(user=user, collection=collection, **more)
        self.personal.settle()
        return writer

    def said(self, text: str, user: str | None = None, collection: str | None = None) -> Suggestion:
        """What a writer of theirs says behind a text."""
        with self.writer(user, collection) as writer:
            writer.update(Snapshot(text))
            return writer.wait()


@contextmanager
def world(
    folder: Path,
    info: ModelInfo,
    *,
    manner: Manner = PATIENT,
    engine: FakeEngine | None = None,
    cached: bool = True,
    headers: bool = False,
) -> Iterator[World]:
    clock, model = Clock(), engine or FakeEngine(TOKENIZER, seed=4)
    with (
        SqliteStore.open(folder / "store.db", clock=clock) as store,
        Personal(
            store,
            folder_beside(store.path),
            embedding=WordsEmbedding() if headers else None,
            headers=headers,
            half_life_s=100.0,
            clock=clock,
        ) as personal,
        Controller(
            Suggester(LoadedModel(model, TOKENIZER, info)),
            manner=manner,
            cache=AnswerCache() if cached else None,
            personal=personal,
            tokenizer=lambda: TOKENIZER,
        ) as controller,
    ):
        yield World(store, personal, controller, model, clock)
