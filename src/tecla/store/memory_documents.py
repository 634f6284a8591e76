"""Documents in memory, and the notes about what is derived from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

import numpy as np

from tecla.store.documents import (
    OF_FEEDBACK,
    Cipher,
    Document,
    Hit,
    NewDocument,
    Passage,
    Purge,
    VectorModel,
    check_limit,
    check_source,
    name_under,
)
from tecla.store.owners import Owner
from tecla.store.ranking import folded, score, terms_of, weights, words_of
from tecla.store.vectors import Vector, as_vector, check_model


@dataclass
class Learnt:
    """What `MemoryDocuments` and `MemoryDerived` hold; guarded by the store's lock."""

    identity: str
    counter: int = 0
    last_passage: int = 0
    documents: dict[int, Document] = field(default_factory=dict)  # by id, ids go up
    passages: dict[int, list[Passage]] = field(default_factory=dict)  # by document
    versions: dict[Owner, int] = field(default_factory=dict)
    model: VectorModel | None = None
    vectors: dict[int, Vector] = field(default_factory=dict)  # by passage
    purges: list[Purge] = field(default_factory=list)

    def next_number(self) -> int:
        """The counter, one further."""
        self.counter += 1
        return self.counter

    def drop(self, ids: Collection[int]) -> None:
        """Forget documents, their passages and vectors."""
        for document in ids:
            del self.documents[document]
            for passage in self.passages.pop(document):
                self.vectors.pop(passage.id, None)

    def changed(self, owner: Owner, number: int) -> None:
        """The owner's documents are others now."""
        self.versions.pop(owner, None)
        if any(each.owner == owner for each in self.documents.values()):
            self.versions[owner] = number

    def note_purge(self, owner: Owner | None) -> None:
        """Note what is to be thrown away; one note a name, and it covers the older ones."""
        name = None if owner is None else name_under(self.identity, owner)
        if name is None:
            self.purges.clear()
        self.purges = [each for each in self.purges if each.name != name]
        self.purges.append(Purge(name, self.next_number()))

    def forget(self, owner: Owner) -> None:
        """Everything of an owner."""
        self.drop([each.id for each in self.documents.values() if each.owner == owner])
        self.versions.pop(owner, None)
        self.note_purge(owner)

    def forget_feedback(self, owner: Owner) -> None:
        """What was made of text of an owner's events."""
        of_owner = [each for each in self.documents.values() if each.owner == owner]
        gone = [each.id for each in of_owner if each.kind == OF_FEEDBACK]
        self.drop(gone)
        self.note_purge(owner)
        if gone:
            self.changed(owner, self.counter)

    def forget_everything(self) -> None:
        """Everything but the counters."""
        self.documents.clear()
        self.passages.clear()
        self.versions.clear()
        self.vectors.clear()
        self.model = None
        self.note_purge(None)


Open = Callable[[], AbstractContextManager[Learnt]]


class MemoryDocuments:
    """`DocumentBook` in memory."""

    def __init__(self, opened: Open, clock: Callable[[], float]) -> None:
        self._open, self._clock = opened, clock

    def put(self, documents: Iterable[NewDocument]) -> list[Document]:
        """Keep all of them."""
        given = list(documents)
        with self._open() as held:
            return [self._put(held, each) for each in given]

    def _put(self, held: Learnt, new: NewDocument) -> Document:
        held.drop([
            each.id
            for each in held.documents.values()
            if (each.owner, each.source) == (new.owner, new.source)
        ])  # fmt: skip
        number = held.next_number()
        document = Document(
            id=number, owner=new.owner, source=new.source, kind=new.kind, digest=new.digest,
            time_s=float(new.time_s), size_bytes=new.size_bytes, language=new.language,
            title=new.title, passages=len(new.passages), chars=sum(map(len, new.passages)),
            learnt_s=self._clock(),
        )  # fmt: skip
        held.documents[number] = document
        held.passages[number] = []
        for position, text in enumerate(new.passages):
            held.last_passage += 1
            passage = Passage(held.last_passage, number, new.owner, new.source, position, text)
            held.passages[number].append(passage)
        held.changed(new.owner, number)
        return document

    def touch(self, owner: Owner, source: str, time_s: float) -> bool:
        """It was looked at, and has not changed."""
        found = self.get(owner, source)
        if found is None:
            return False
        with self._open() as held:
            held.documents[found.id] = replace(found, time_s=float(time_s))
        return True

    def remove(self, owner: Owner, sources: Iterable[str]) -> int:
        """Erase documents."""
        wanted = set(sources)
        for source in wanted:
            check_source(source)
        with self._open() as held:
            gone = [
                each.id
                for each in held.documents.values()
                if each.owner == owner and each.source in wanted
            ]
            if gone:
                held.drop(gone)
                held.note_purge(owner)
                held.changed(owner, held.counter)
            return len(gone)

    def get(self, owner: Owner, source: str) -> Document | None:
        """The document of a source."""
        check_source(source)
        found = [each for each in self._of(owner) if each.source == source]
        return found[0] if found else None

    def with_digest(self, owner: Owner, digest: bytes) -> list[Document]:
        """Those made of the same content."""
        return [each for each in self._of(owner) if each.digest == digest]

    def all(self, owners: Sequence[Owner] | None = None, *, since: int = 0) -> Iterator[Document]:
        """Those above `since`."""
        with self._open() as held:
            found = [
                each
                for each in held.documents.values()
                if each.id > since and (owners is None or each.owner in owners)
            ]
        return iter(found)

    def ids(self, owner: Owner) -> list[int]:
        """The ids of an owner's documents."""
        return [each.id for each in self._of(owner)]

    def owners(self) -> list[Owner]:
        """Everybody who has a document."""
        with self._open() as held:
            return sorted(held.versions)

    def version(self, owner: Owner) -> int:
        """The counter at the last change."""
        with self._open() as held:
            return held.versions.get(owner, 0)

    def passages(self, owner: Owner, *, since: int = 0) -> Iterator[Passage]:
        """By document, then by position."""
        with self._open() as held:
            found = [
                passage
                for document, passages in held.passages.items()
                if document > since and held.documents[document].owner == owner
                for passage in passages
            ]
        return iter(found)

    def passages_of(self, document: int) -> list[Passage]:
        """The passages of one document."""
        with self._open() as held:
            return list(held.passages.get(document, ()))

    def by_words(self, text: str, owners: Sequence[Owner], *, limit: int = 10) -> list[Hit]:
        """By BM25."""
        check_limit(limit)
        asked = Counter[str]
        counted = {
            each: asked(folded(word) for word in words_of(each.text))
            for each in self._passages(owners)
        }
        found = {term: sum(term in words for words in counted.values()) for term in terms_of(text)}
        weighed = weights(found, len(counted))
        average = sum(words.total() for words in counted.values()) / max(1, len(counted))
        hits = [
            Hit(
                each,
                score(
                    [words[term] for term in weighed],
                    list(weighed.values()),
                    words.total(),
                    average,
                ),
            )
            for each, words in counted.items()
            if any(term in words for term in weighed)
        ]
        return _best(hits, limit)

    def by_vector(
        self, vector: Sequence[float], owners: Sequence[Owner], *, limit: int = 10
    ) -> list[Hit]:
        """By cosine."""
        check_limit(limit)
        with self._open() as held:
            model, vectors = held.model, dict(held.vectors)
        if model is None:
            return []
        asked = as_vector(vector, model.dimension)
        hits = []
        for each in self._passages(owners):
            if each.id in vectors:
                kept = vectors[each.id]
                lengths = float(np.linalg.norm(asked)) * float(np.linalg.norm(kept))
                if lengths:
                    hits.append(Hit(each, float(asked @ kept) / lengths))
        return _best(hits, limit)

    def vector_model(self) -> VectorModel | None:
        """What made the vectors."""
        with self._open() as held:
            return held.model

    def use_vectors_of(self, model: VectorModel) -> None:
        """Drops all vectors if it is another."""
        with self._open() as held:
            if held.model != model:
                held.model = model
                held.vectors.clear()

    def without_vector(self, *, limit: int = 1000) -> list[Passage]:
        """The oldest first."""
        check_limit(limit)
        with self._open() as held:
            missing = [
                each
                for passages in held.passages.values()
                for each in passages
                if each.id not in held.vectors
            ]
        return missing[:limit]

    def put_vectors(self, model: VectorModel, vectors: Mapping[int, Sequence[float]]) -> int:
        """Keep vectors."""
        given = {each: as_vector(vector, model.dimension) for each, vector in vectors.items()}
        with self._open() as held:
            check_model(model, held.model)
            known = {each.id for passages in held.passages.values() for each in passages}
            kept = {each: vector for each, vector in given.items() if each in known}
            held.vectors.update(kept)
            return len(kept)

    def _of(self, owner: Owner) -> list[Document]:
        with self._open() as held:
            return [each for each in held.documents.values() if each.owner == owner]

    def _passages(self, owners: Sequence[Owner]) -> list[Passage]:
        return [passage for owner in set(owners) for passage in self.passages(owner)]


class MemoryDerived:
    """`DerivedFiles` of a store in memory. Its files, if anybody makes some, outlive it."""

    cipher: Cipher | None = None

    def __init__(self, opened: Open) -> None:
        self._open = opened
        with opened() as held:
            self.identity = held.identity

    def name_of(self, owner: Owner) -> str:
        """The name of an owner's derived files."""
        return name_under(self.identity, owner)

    def to_purge(self) -> list[Purge]:
        """The oldest first."""
        with self._open() as held:
            return list(held.purges)

    def purged(self, purge: Purge) -> None:
        """It is done."""
        with self._open() as held:
            held.purges = [each for each in held.purges if each != purge]


def _best(hits: list[Hit], limit: int) -> list[Hit]:
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage.id))[:limit]
