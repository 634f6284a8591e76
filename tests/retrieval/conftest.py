"""A store of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.learnt import STORES, make_store
from tecla.store.base import Store
from tecla.store.documents import DocumentBook


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with make_store(request.param, tmp_path) as made:  # type: ignore[attr-defined]
        yield made


@pytest.fixture
def book(store: Store) -> DocumentBook:
    return store.documents
