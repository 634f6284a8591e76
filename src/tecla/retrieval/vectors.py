"""Vectors of what was learnt, brought up to date: made for every passage that has none.

The store says which passages those are, so this can be stopped at any time and goes on where it
was; done twice it does nothing. Under another embedding the store drops every vector first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tecla.retrieval.base import Embedding
from tecla.store.documents import DocumentBook, VectorModel

AT_ONCE: Final = 256  # passages between two writes to the disk


def index_passages(
    book: DocumentBook,
    embedding: Embedding,
    *,
    at_once: int = AT_ONCE,
    told: Callable[[int], None] | None = None,
) -> int:
    """Make the vectors that are missing; how many were made. Blocks until none is.

    `told` is called with the number so far. Raises what the embedding and the store raise; what
    was made before that is kept.
    """
    model = model_of(embedding)
    book.use_vectors_of(model)
    made = 0
    while missing := book.without_vector(limit=at_once):
        vectors = embedding.embed([each.text for each in missing])  # [passages, dim]
        book.put_vectors(
            model, {each.id: vector for each, vector in zip(missing, vectors, strict=True)}
        )
        made += len(missing)
        if told is not None:
            told(made)
    return made


def model_of(embedding: Embedding) -> VectorModel:
    """What the store keeps vectors of this embedding under."""
    return VectorModel(embedding.name, embedding.dim)
