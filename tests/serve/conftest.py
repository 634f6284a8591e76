"""A service on the fake engine, in this process, with a client that asks it as a program would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache, partial
from typing import Any
from unittest.mock import patch

import pytest
from starlette.testclient import TestClient

from running import Clock
from tecla import Suggester
from tecla.classic import frequency
from tecla.controller.manner import Manner, Search
from tecla.controller.systems import Systems
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer, saying
from tecla.models.info import ModelInfo
from tecla.personal.following import folder_beside
from tecla.retrieval.embedding import open_embedding
from tecla.serve.app import make_app
from tecla.serve.guard import Guard
from tecla.serve.learning import Learning
from tecla.serve.metrics import Metrics
from tecla.serve.scribe import Scribe
from tecla.serve.service import Service
from tecla.settings import RetrievalSettings, ServeSettings, Settings
from tecla.store.base import Store
from tecla.store.keys import KeyLimits, KeyScope, make_key
from tecla.store.memory import MemoryStore

TOKENIZER = FakeTokenizer()
SAID = " of the thin art and help"
MANNER = Manner(search=Search(preamble="", deadline_ms=5000.0), eagerness=1.0)
BASE = "http://127.0.0.1:8757"


@dataclass
class Made:
    """A service and everything around it."""

    service: Service
    client: TestClient
    store: Store
    engine: FakeEngine
    metrics: Metrics
    clock: Clock

    def key(self, *scopes: KeyScope, limits: KeyLimits | None = None) -> str:
        """A new key, good for an hour of 2026."""
        new = make_key("test", scopes or ("suggest",), 1_000.0, limits=limits)
        self.store.keys.add(new.stored)
        return new.text


Make = Callable[..., Made]
_few_words = cache(partial(frequency.listed, most_words=2000))


def few_words() -> Any:
    """In a `with` block lists of words are short: a whole one takes long to read."""
    return patch.object(frequency, "listed", lambda language, _: _few_words(language))


def unhurried(service: Service) -> None:
    """Nothing is given up for how slow this machine happens to be, or for a model that is held."""
    turn = service.pressure.turn
    service.pressure.turn = lambda waited_ms: turn(0.0)  # type: ignore[method-assign]
    service.pressure.observe = lambda lag_ms: None  # type: ignore[method-assign]
    service.window.enter = lambda text: 0  # type: ignore[method-assign]
    service.window.leave = lambda *_, **__: None  # type: ignore[method-assign]


def settings_of(**serve: object) -> Settings:
    """Settings of a service that finds by words alone: vectors are tested elsewhere."""
    wanted = ServeSettings(**serve)  # type: ignore[arg-type]
    return Settings(serve=wanted, retrieval=RetrievalSettings(embedding="off"))


def learning_of(settings: Settings, store: Store) -> Learning:
    """What learns, in a thread of this process, with the tokenizer of the fake engine."""
    root = folder_beside(settings.paths.store_file)
    embedding = partial(open_embedding, settings.retrieval.embedding)
    scribe = Scribe(store, root, lambda: TOKENIZER, embedding)
    return Learning(settings, partial(ThreadPoolExecutor, 1), scribe)


@pytest.fixture
def make(fake_info: ModelInfo) -> Iterator[Make]:
    with ExitStack() as held:

        def made(
            *,
            asks_for_keys: bool = False,
            said: str = SAID,
            systems: Systems | None = None,
            store: Store | None = None,
            settings: Settings | None = None,
            **limits: object,
        ) -> Made:
            engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", said))
            suggester = Suggester(LoadedModel(engine, TOKENIZER, fake_info))
            store = store or held.enter_context(MemoryStore())
            settings = settings or settings_of(**limits)
            clock = Clock()
            service = Service(
                settings,
                suggester,
                store,
                asks_for_keys=asks_for_keys,
                manner=MANNER,
                predictors={"": ("frequency:en",)},
                learning=learning_of(settings, store),
            )
            service.guard = Guard(
                store.keys, settings.serve, asks_for_keys=asks_for_keys, clock=clock
            )
            unhurried(service)
            metrics = Metrics()
            client = TestClient(make_app(service, metrics, systems), base_url=BASE)
            return Made(service, held.enter_context(client), store, engine, metrics, clock)

        yield made


@pytest.fixture
def made(make: Make) -> Made:
    return make()
