"""Passages for a query: found by words and by meaning, one list, each with the reason.

Owners are named with every query, and the store answers from their passages alone, scores
included. A passage that says the same as a better one is left out. What has no vector yet is found
by words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from tecla.checks import whole
from tecla.retrieval.base import MOST_CHARS, Embedding
from tecla.retrieval.fusion import fused
from tecla.retrieval.vectors import index_passages, model_of
from tecla.store.documents import MOST_HITS, DocumentBook, Hit, Passage
from tecla.store.owners import Owner
from tecla.store.ranking import folded, terms_of, words_of
from tecla.text.unicode import to_bytes

MOST_FOUND: Final = 100
_DEPTH: Final = 50  # of each list, at least; fused ranks beyond it change nothing near the top
_ALIKE: Final = 0.9  # of the words of two passages together that are in both: they say the same


@dataclass(frozen=True, slots=True)
class Found:
    """A passage, and why it was found.

    score: of both lists together, see `fusion.py`. words_rank, meaning_rank: from 1; `None` where
    that list does not have it. words_score: BM25. similarity: cosine of query and passage, -1 to 1.
    shared: words of the query that stand in it, as the query has them.
    """

    passage: Passage
    score: float
    words_rank: int | None = None
    words_score: float | None = None
    meaning_rank: int | None = None
    similarity: float | None = None
    shared: tuple[str, ...] = field(default=(), repr=False)


class Retriever:
    """Finds passages in the documents of a store. Any thread may use it."""

    def __init__(self, book: DocumentBook, embedding: Embedding | None) -> None:
        """Search `book`; without an embedding by words alone."""
        self.book, self.embedding = book, embedding

    def index(self) -> int:
        """Make the vectors that are missing; how many were made."""
        return 0 if self.embedding is None else index_passages(self.book, self.embedding)

    def find(
        self,
        query: str,
        owners: Sequence[Owner],
        k: int = 5,
        *,
        without: Iterable[int] = (),
    ) -> list[Found]:
        """The `k` best passages of the owners for any text, best first.

        `without` are ids of documents to leave out. Empty for a query that has no word, and where
        nothing was learnt. Raises `OptionError` for a `k` out of range, `InvalidTextError`, and
        what the embedding and the store raise.
        """
        whole("k", k, 1)
        to_bytes(query, "query")
        if not owners or not query.strip():
            return []
        left_out = frozenset(without)
        most = min(k, MOST_FOUND)
        depth = min(MOST_HITS, max(_DEPTH, 4 * most) + len(left_out))
        by_words = _ranks(self.book.by_words(query, owners, limit=depth), left_out)
        by_meaning = _ranks(self._near(query, owners, depth), left_out)
        asked = terms_of(query)
        found: list[Found] = []
        kept: list[frozenset[str]] = []
        for each, score in fused([list(by_words), list(by_meaning)]):
            words, meaning = by_words.get(each, _NOWHERE), by_meaning.get(each, _NOWHERE)
            passage = words.passage or meaning.passage
            assert passage is not None
            said = frozenset(map(folded, words_of(passage.text)))
            if any(_alike(said, other) for other in kept):
                continue
            kept.append(said)
            shared = tuple(word for term, word in asked.items() if term in said)
            found.append(
                Found(passage, score, words.rank, words.score, meaning.rank, meaning.score, shared)
            )
            if len(found) == most:
                break
        return found

    def _near(self, query: str, owners: Sequence[Owner], depth: int) -> list[Hit]:
        """The nearest by meaning, as far as they have anything to do with the query.

        None while the store keeps vectors of another embedding.
        """
        if self.embedding is None or self.book.vector_model() != model_of(self.embedding):
            return []
        vector = self.embedding.embed([query[-MOST_CHARS:]])[0]
        hits = self.book.by_vector(vector, owners, limit=depth) if vector.any() else []
        return [hit for hit in hits if hit.score > 0]


class _Ranked(NamedTuple):
    passage: Passage | None
    rank: int | None
    score: float | None


_NOWHERE: Final = _Ranked(None, None, None)


def _ranks(hits: Sequence[Hit], left_out: frozenset[int]) -> dict[int, _Ranked]:
    """Hits by the id of their passage, best first."""
    kept = [hit for hit in hits if hit.passage.document not in left_out]
    return {
        hit.passage.id: _Ranked(hit.passage, rank, hit.score) for rank, hit in enumerate(kept, 1)
    }


def _alike(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two sets of words are nearly the same."""
    return len(one & other) >= _ALIKE * len(one | other)
