"""What was learnt: documents in passages, found again by words and by vectors; the contract.

A document belongs to exactly one owner and has a source, the name it is known by there; the text
of its passages, put together, is its text. The store is the truth: whatever else is made from
documents (an index in files of its own) is derived, is told what to throw away by `DerivedFiles`,
and can be made anew at any time.

**Numbers.** One counter of the store goes up with every document that comes or goes, and never
down, not even when everything is forgotten. A document's id is the counter when it was put; an
owner's version is the counter at that owner's last change. So ids never come twice, a document that
is put again has a new id, and what has come since a version are the documents with greater ids.

No `repr` and no message of this module shows text, or the name of a source.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from tecla.checks import number, whole
from tecla.errors import OptionError
from tecla.store.owners import Owner
from tecla.text.unicode import to_bytes

MOST_SOURCE_CHARS: Final = 4096
MOST_PASSAGE_CHARS: Final = 20_000
MOST_PASSAGES: Final = 200_000  # of one document
MOST_HITS: Final = 1000
MOST_DIMENSION: Final = 8192
OF_FEEDBACK: Final = "feedback"  # the kind of what was made of text that came with events
_KIND = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,31}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")
_MODEL = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A document to put.

    source: the name it is known by, one document for each owner and source (a path, a message's
    id). kind: the format it was read from, such as `markdown`. digest: of what was read. time_s:
    when that was last changed, seconds since the epoch. size_bytes: of what was read. title: a
    line about it, such as a subject. passages: its text in pieces; joined without anything between
    them they are the text, so each keeps the white space that follows it.
    """

    owner: Owner
    source: str = field(repr=False)
    kind: str
    digest: bytes
    time_s: float
    size_bytes: int
    passages: tuple[str, ...] = field(repr=False)
    language: str | None = None
    title: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Check every field; raises `OptionError` or `InvalidTextError`."""
        check_source(self.source)
        if not _KIND.fullmatch(self.kind):
            raise OptionError("kind must be a-z or 0-9, then at most 31 of a-z, 0-9, _ . + -")
        if self.language is not None and not _LANGUAGE.fullmatch(self.language):
            raise OptionError("language must be a language code such as 'en'")
        if not 1 <= len(bytes(self.digest)) <= 64:
            raise OptionError("digest must be 1 to 64 bytes")
        number("time_s", self.time_s)
        whole("size_bytes", self.size_bytes, 0)
        to_bytes(self.title, "title")
        if len(self.title) > MOST_SOURCE_CHARS:
            raise OptionError(
                f"title has {len(self.title)} characters; it must be at most {MOST_SOURCE_CHARS}"
            )
        if len(self.passages) > MOST_PASSAGES:
            raise OptionError(
                f"a document has {len(self.passages)} passages; it must be at most "
                f"{MOST_PASSAGES}: put its parts as documents of their own"
            )
        for text in self.passages:
            _check_passage(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document as it is kept, without its text.

    id: the store's counter when it was put. passages: how many. chars: of its text. learnt_s: when
    it was put, seconds since the epoch. The others as in `NewDocument`.
    """

    id: int
    owner: Owner
    source: str = field(repr=False)
    kind: str
    digest: bytes
    time_s: float
    size_bytes: int
    language: str | None
    title: str = field(repr=False)
    passages: int
    chars: int
    learnt_s: float


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document. id: never used twice. position: its place in the document, from 0."""

    id: int
    document: int
    owner: Owner
    source: str = field(repr=False)
    position: int
    text: str = field(repr=False)


class Hit(NamedTuple):
    """A passage that was found, and how well it fits: more is better, within one query."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class VectorModel:
    """What made the vectors: its name, with its version, and how many numbers each has."""

    name: str
    dimension: int

    def __post_init__(self) -> None:
        """Check both; raises `OptionError`."""
        if not _MODEL.fullmatch(self.name):
            raise OptionError(
                f"name has {len(self.name)} characters; it must be 1 to 200, no control character"
            )
        whole("dimension", self.dimension, 1)
        if self.dimension > MOST_DIMENSION:
            raise OptionError(
                f"dimension is {self.dimension!r}; it must be at most {MOST_DIMENSION}"
            )


class DocumentBook(Protocol):
    """Documents of every owner.

    A query names its owners, and nothing of others is in its answer, not even in the scores.
    """

    def put(self, documents: Iterable[NewDocument]) -> list[Document]:
        """Keep all of them or, if it raises, none; each replaces what its owner and source had.

        What is replaced is overwritten in the store; it is erased to the last byte, and from what
        is derived, only by `remove` or by forgetting. Costs one write to the disk.
        """
        ...

    def touch(self, owner: Owner, source: str, time_s: float) -> bool:
        """Say that it was changed at another time, and is the same; False where it is not there.

        Changes neither id nor version.
        """
        ...

    def remove(self, owner: Owner, sources: Iterable[str]) -> int:
        """Erase documents, to the last byte; how many there were.

        Notes that the owner's derived files are to be purged. Where none is found nothing happens.
        """
        ...

    def get(self, owner: Owner, source: str) -> Document | None:
        """The document of a source."""
        ...

    def with_digest(self, owner: Owner, digest: bytes) -> list[Document]:
        """The documents that were made of the same content, by id."""
        ...

    def all(self, owners: Sequence[Owner] | None = None, *, since: int = 0) -> Iterator[Document]:
        """Those of the owners (`None`: of everybody) with ids above `since`, by id.

        Those that were there when it began; what is forgotten meanwhile may be missing. Holds
        nothing open between two of them, and so does every iterator of this book.
        """
        ...

    def ids(self, owner: Owner) -> list[int]:
        """The ids of an owner's documents, in order: what is not among them is gone."""
        ...

    def owners(self) -> list[Owner]:
        """Everybody who has a document, in order."""
        ...

    def version(self, owner: Owner) -> int:
        """Changes whenever this owner's documents do; 0 where there is none."""
        ...

    def passages(self, owner: Owner, *, since: int = 0) -> Iterator[Passage]:
        """The passages of documents with ids above `since`: by document, then by position."""
        ...

    def passages_of(self, document: int) -> list[Passage]:
        """The passages of one document; empty where it is gone."""
        ...

    def by_words(self, text: str, owners: Sequence[Owner], *, limit: int = 10) -> list[Hit]:
        """The passages that share words with `text`, best first, by BM25.

        Any text is a query: nothing in it is syntax. Case and diacritics make no difference. How
        rare a word is, is counted among the passages of these owners alone (`ranking.py`).
        """
        ...

    def by_vector(
        self, vector: Sequence[float], owners: Sequence[Owner], *, limit: int = 10
    ) -> list[Hit]:
        """The passages whose vectors are nearest, by cosine (the score, -1 to 1), best first.

        Raises `OptionError` where the vector has another dimension than those that are kept.
        """
        ...

    def vector_model(self) -> VectorModel | None:
        """What made the vectors that are kept; `None` before `use_vectors_of`."""
        ...

    def use_vectors_of(self, model: VectorModel) -> None:
        """Say what makes vectors from now on. Drops all vectors if it is another model."""
        ...

    def without_vector(self, *, limit: int = 1000) -> list[Passage]:
        """Passages that have no vector yet, the oldest first."""
        ...

    def put_vectors(self, model: VectorModel, vectors: Mapping[int, Sequence[float]]) -> int:
        """Keep vectors by the id of their passage; how many passages were still there.

        A sequence of numbers, or an array [dimension] of float32; kept as float32. Raises
        `OptionError` where `model` is not the one in use, or a vector has another dimension or
        holds what is no finite number.
        """
        ...


class Purge(NamedTuple):
    """Derived files that are to be thrown away.

    name: that of the owner (`DerivedFiles.name_of`); `None`: those of everybody. number: which
    note this is.
    """

    name: str | None
    number: int


class Cipher(Protocol):
    """Seals derived files when the store itself is encrypted. Any thread may call it."""

    def seal(self, plain: bytes | memoryview, about: str) -> bytes:
        """Encrypted and signed, together with `about`: what it is, so that none is swapped."""
        ...

    def unseal(self, sealed: bytes | memoryview, about: str) -> bytes:
        """The plain bytes; raises `StoreKeyError` where key, `about` or a byte is another."""
        ...


class DerivedFiles(Protocol):
    """What the makers of derived files must know. The store itself touches none of them.

    The order that keeps a promise to forget: the store deletes, and notes the purge in the same
    transaction; then whoever owns derived files sees the note (when it opens, and after each
    forgetting), throws away the files of that name, and says `purged`. What is asked for meanwhile
    is answered from the store's documents of now, so files may be made anew at once.
    """

    @property
    def identity(self) -> str:
        """Of this store alone, for ever: 32 hexadecimal digits. Versions belong to it."""
        ...

    def name_of(self, owner: Owner) -> str:
        """What an owner's derived files are called: 32 hexadecimal digits, telling nobody."""
        ...

    def to_purge(self) -> list[Purge]:
        """What is to be thrown away, the oldest note first."""
        ...

    def purged(self, purge: Purge) -> None:
        """It is done, nothing of it is left on the disk; takes the note away."""
        ...

    @property
    def cipher(self) -> Cipher | None:
        """What seals derived files; `None` where the store is not encrypted."""
        ...


def name_under(identity: str, owner: Owner) -> str:
    """`DerivedFiles.name_of`: a digest of the owner, keyed with the store's identity."""
    text = f"{owner.kind}\0{owner.name}".encode()
    return hashlib.blake2b(text, key=bytes.fromhex(identity), digest_size=16).hexdigest()


def check_source(source: object) -> None:
    """Raise `OptionError` or `InvalidTextError` unless it can name a document."""
    if not isinstance(source, str):
        raise OptionError(f"source is of type {type(source).__name__}; it must be a string")
    if not 1 <= len(source) <= MOST_SOURCE_CHARS or "\0" in source:
        raise OptionError(
            f"source has {len(source)} characters; it must be 1 to {MOST_SOURCE_CHARS}, none of "
            "them NUL"
        )
    to_bytes(source, "source")


def check_limit(limit: int) -> None:
    """Raise `OptionError` unless so many can be asked for."""
    whole("limit", limit, 1)
    if limit > MOST_HITS:
        raise OptionError(f"limit is {limit!r}; it must be at most {MOST_HITS}")


def _check_passage(text: object) -> None:
    if not isinstance(text, str):
        raise OptionError(f"a passage is of type {type(text).__name__}; it must be a string")
    if not 1 <= len(text) <= MOST_PASSAGE_CHARS:
        raise OptionError(
            f"a passage has {len(text)} characters; it must have 1 to {MOST_PASSAGE_CHARS}"
        )
    to_bytes(text, "passage")
