"""What goes over the wire about what is learnt: requests and answers as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, Field, model_validator

from tecla.learning.base import REASONS
from tecla.learning.given import Given, GivenKind
from tecla.retrieval.retriever import Found
from tecla.serve.naming import given_name
from tecla.serve.scribe import Became
from tecla.serve.tally import Quota, Used
from tecla.serve.wire import Name, Strict, Text, printable
from tecla.store.documents import MOST_SOURCE_CHARS, Document

MOST_DOCUMENTS: Final = 100  # of one request
MOST_SOURCES: Final = 1000
MOST_GIVEN_CHARS: Final = 500  # of a source that is given here; files have longer names
MOST_LISTED: Final = 1000
USUAL_LISTED: Final = 100
MOST_COLLECTIONS: Final = 8
MOST_FOUND: Final = 50
MOST_QUERY_CHARS: Final = 10_000

Source: TypeAlias = Annotated[
    Text, Field(min_length=1, max_length=MOST_GIVEN_CHARS), AfterValidator(printable)
]


class OwnerFields(Strict):
    """Whose it is; neither: the key's own user."""

    user: Name = Field(default="", description="whose it is, among the users of one key")
    collection: Name = Field(
        default="", description="instead of a user: a body of texts that many users may name"
    )

    @model_validator(mode="after")
    def _is_of_one(self) -> Self:
        if self.user and self.collection:
            raise ValueError("user and collection are both there; a document belongs to one")
        return self


class GivenDocument(Strict):
    """One text to learn."""

    source: Source = Field(
        description="the name you know it by; what was learnt under it before is replaced"
    )
    text: Text
    kind: GivenKind = Field(default="text", description="how it is read; mail: as it was sent")
    title: Source | None = None
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None


class LearnRequest(OwnerFields):
    """Texts to learn, all of them or none."""

    documents: list[GivenDocument] = Field(min_length=1, max_length=MOST_DOCUMENTS)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if len({each.source for each in self.documents}) < len(self.documents):
            raise ValueError("documents has two of one source; each needs another")
        return self

    def given(self) -> list[Given]:
        """As they are learnt."""
        return [
            Given(each.source, each.text, each.kind, each.title or "", each.language)
            for each in self.documents
        ]


class ForgetRequest(OwnerFields):
    """What to forget: some sources, or everything of the user or collection."""

    sources: list[Annotated[Text, Field(min_length=1, max_length=MOST_SOURCE_CHARS)]] = Field(
        default_factory=list, max_length=MOST_SOURCES
    )
    everything: bool = Field(
        default=False,
        description="documents, and of a user feedback, consent and settings as well",
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.everything == bool(self.sources):
            raise ValueError("sources or everything must be there, and not both")
        return self


class SearchRequest(Strict):
    """A text, and whose passages are looked at."""

    text: Text = Field(
        max_length=MOST_QUERY_CHARS, description="what is looked for: some words, or a draft"
    )
    user: Name = Field(default="", description="without collections too: the key's own user")
    collections: list[Name] = Field(default_factory=list, max_length=MOST_COLLECTIONS)
    k: int = Field(default=5, ge=1, le=MOST_FOUND, description="most passages")


class Usage(BaseModel):
    """What a key has learnt, of all its users and collections, and what it may have."""

    documents: int
    chars: int
    most_documents: int
    most_chars: int


class LearntDocument(BaseModel):
    """What became of one text."""

    source: str
    state: Literal["learnt", "unchanged", "left_out"]
    reason: str | None = Field(default=None, description="why it was left out")
    chars: int = Field(description="that are kept")
    sentences_left_out: int = Field(description="since they hold a secret or lead to a person")


class LearnAnswer(BaseModel):
    """What became of each text, in their order."""

    documents: list[LearntDocument]
    used: Usage


class KnownDocument(BaseModel):
    """One document, without its text."""

    source: str
    kind: str
    title: str
    language: str | None
    chars: int
    passages: int
    learnt: str = Field(description="when, in UTC")


class LearnedAnswer(BaseModel):
    """A page of what is known of one user or collection."""

    documents: list[KnownDocument]
    after: int | None = Field(default=None, description="what to ask for next, if there is more")
    used: Usage


class ForgetAnswer(BaseModel):
    """How much was forgotten, when it is in no file and no answer any more."""

    documents: int
    chars: int
    used: Usage


class Passage(BaseModel):
    """One passage, and why it was found."""

    user: str | None = Field(default=None, description="whose it is, or ...")
    collection: str | None = None
    source: str
    position: int = Field(description="its place in the document, from 0")
    score: float
    words_rank: int | None = Field(default=None, description="among those that share words with it")
    words_score: float | None = Field(default=None, description="BM25")
    meaning_rank: int | None = Field(default=None, description="among those that are near")
    similarity: float | None = Field(default=None, description="cosine, -1 to 1")
    shared: list[str] = Field(description="words of the text that stand in it")
    text: str


class SearchAnswer(BaseModel):
    """Passages, best first."""

    found: list[Passage]


def usage(used: Used, quota: Quota) -> Usage:
    """Both together."""
    return Usage(
        documents=used.documents,
        chars=used.chars,
        most_documents=quota.documents,
        most_chars=quota.chars,
    )


def learnt_document(source: str, became: Became) -> LearntDocument:
    """What became of the text of a source."""
    return LearntDocument(
        source=source,
        state=became.state,
        reason=None if became.reason is None else REASONS[became.reason],
        chars=became.chars,
        sentences_left_out=became.redacted,
    )


def known_document(document: Document) -> KnownDocument:
    """A document as it is listed."""
    return KnownDocument(
        source=document.source,
        kind=document.kind,
        title=document.title,
        language=document.language,
        chars=document.chars,
        passages=document.passages,
        learnt=datetime.fromtimestamp(document.learnt_s, UTC).isoformat(timespec="seconds"),
    )


def passage(found: Found, key_id: str) -> Passage:
    """A passage as it is told to a key."""
    held = found.passage
    name = given_name(key_id, held.owner.name)
    return Passage(
        user=name if held.owner.kind == "user" else None,
        collection=name if held.owner.kind == "collection" else None,
        source=held.source,
        position=held.position,
        score=found.score,
        words_rank=found.words_rank,
        words_score=found.words_score,
        meaning_rank=found.meaning_rank,
        similarity=found.similarity,
        shared=list(found.shared),
        text=held.text,
    )
