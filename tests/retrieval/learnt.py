"""Stores in which something was learnt, and an embedding that can be worked out by hand."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from store.made import KINDS as STORES
from store.made import NO_LIMIT
from tecla.retrieval.base import Vectors, normalised
from tecla.store.base import Store
from tecla.store.documents import DocumentBook, NewDocument
from tecla.store.owners import Owner
from tecla.store.ranking import folded, words_of

ANA, BEN = Owner("user", "ana"), Owner("user", "ben")
BANK = Owner("collection", "bank")

# Of one meaning to `WordsEmbedding`, though they share no letter.
SYNONYMS = {"cash": "money", "funds": "money", "vessel": "ship", "boat": "ship"}


class WordsEmbedding:
    """Each meaning is a direction of its own; a text is the sum of its words."""

    def __init__(self, name: str = "words", dim: int = 1024) -> None:
        self.name, self.dim = name, dim
        self.texts = 0  # how many were embedded

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.texts += len(texts)
        found = np.zeros((len(texts), self.dim), np.float32)  # [texts, dim]
        for row, text in enumerate(texts):
            for word in map(folded, words_of(text)):
                at = zlib.crc32(SYNONYMS.get(word, word).encode()) % self.dim
                found[row, at] += 1
        return normalised(found)


def document(owner: Owner, source: str, *passages: str) -> NewDocument:
    return NewDocument(
        owner=owner,
        source=source,
        kind="text",
        digest=source.encode()[:64],
        time_s=1.0,
        size_bytes=1,
        passages=passages,
    )


def learn(book: DocumentBook, owner: Owner, **sources: str) -> None:
    """One document of one passage for each name."""
    book.put(document(owner, source, text) for source, text in sources.items())


def make_store(kind: str, folder: Path) -> Store:
    return STORES[kind](folder, NO_LIMIT).store
