"""What learns for the service: documents into the store, and all that is derived from them.

Learning a text takes from milliseconds to seconds of one core, so it is done in a process of its
own (`learning.py`), one task after the other, in the order they were asked for: what was forgotten
after it was learnt stays forgotten. Here is the work; who may have it done is known elsewhere.

A task ends when everything is done that it stands for: what was learnt can be suggested and found,
what was forgotten is in no file. A process that ends in between leaves a store that holds whole
documents, and notes of what is still to be thrown away, which `begin` sees to.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple, TypeAlias

from tecla.engines.factory import tokenizer_of
from tecla.errors import EmbeddingError, QuotaError, StoreError, UnknownDocumentError
from tecla.learning.base import Reason
from tecla.learning.given import Given, prepared
from tecla.personal.following import bring_up_to_date, finish_purges, folder_beside
from tecla.personal.manifest import read_manifest
from tecla.retrieval.base import Embedding
from tecla.retrieval.embedding import open_embedding
from tecla.retrieval.vectors import index_passages
from tecla.serve.naming import belongs
from tecla.serve.tally import Quota, Tally, Used
from tecla.settings import Settings
from tecla.store.base import Store
from tecla.store.documents import NewDocument
from tecla.store.events import EventFilter
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore
from tecla.text.base import Tokenizer

State: TypeAlias = Literal["learnt", "unchanged", "left_out"]
_NOTHING: Final = (
    "nothing of this was learnt for this user or collection with this key; see GET /v1/learned"
)


@dataclass(frozen=True, slots=True)
class Became:
    """What became of one text that was handed over."""

    state: State
    reason: Reason | None = None
    chars: int = 0
    redacted: int = 0


class Learnt(NamedTuple):
    """What became of each text, what the key has now, and the tokens of the owner's index."""

    became: tuple[Became, ...]
    used: Used
    tokens: int


class Forgotten(NamedTuple):
    """How much went, what the key has now, and the tokens that are left in the owner's index."""

    documents: int
    chars: int
    used: Used
    tokens: int


class Scribe:
    """Does the tasks of one store; for one thread."""

    def __init__(
        self,
        store: Store,
        root: Path,
        tokenizer: Callable[[], Tokenizer],
        embedding: Callable[[], Embedding | None],
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Indexes lie under `root`. Tokenizer and embedding are asked for when first needed."""
        self._store, self._root, self._clock = store, root, clock
        self._make_tokenizer, self._make_embedding = tokenizer, embedding
        self._tokenizer: Tokenizer | None = None
        self._embedding: Embedding | None = None
        self._tally = Tally(store.documents)

    def begin(self) -> list[Owner]:
        """Finish what was begun in another life; everybody who has a document."""
        finish_purges(self._root, self._store)
        return self._store.documents.owners()

    def follow(self, owner: Owner) -> int:
        """Bring an owner's index and vectors up to date; the tokens of the index."""
        if self._tokenizer is None:
            self._tokenizer = self._make_tokenizer()
        bring_up_to_date(self._root, self._store, owner, self._tokenizer)
        self._embed()
        return self._tokens(owner)

    def learn(self, owner: Owner, key_id: str, given: Sequence[Given], quota: Quota) -> Learnt:
        """Keep texts, all of them or none; each takes the place of what its source had.

        The sources differ. All owners of a key count as one. Raises `QuotaError` before any text is
        read, `StoreError` kinds.
        """
        held = self._tally.sources(owner)
        self._check(quota, self.used(key_id), held, given)
        now_s = self._clock()
        became: list[Became] = []
        new: list[NewDocument] = []
        gone: list[str] = []
        for each in given:
            document, reason, redacted = prepared(owner, each, now_s)
            removed = sum(redacted.values())
            if document is None:
                became.append(Became("left_out", reason, 0, removed))
                if each.source in held:
                    gone.append(each.source)
                continue
            chars = sum(map(len, document.passages))
            known = self._store.documents.get(owner, each.source)
            is_new = known is None or bytes(known.digest) != document.digest
            became.append(Became("learnt" if is_new else "unchanged", None, chars, removed))
            if is_new:
                new.append(document)
        if new:
            self._store.documents.put(new)
        if gone:
            self._store.documents.remove(owner, gone)
            finish_purges(self._root, self._store)
        tokens = self.follow(owner)
        return Learnt(tuple(became), self.used(key_id), tokens)

    def forget(self, owner: Owner, key_id: str, sources: Sequence[str] | None) -> Forgotten:
        """Erase documents of an owner, or with `None` all there is of it, to the last byte.

        Raises `UnknownDocumentError` where there is none of those; `StoreError` kinds.
        """
        held = self._tally.sources(owner)
        going = held if sources is None else {each: held[each] for each in sources if each in held}
        if not (going or (sources is None and self._is_known(owner))):
            raise UnknownDocumentError(_NOTHING)
        if sources is None:
            if owner.kind == "user":
                self._store.forget_user(owner.name)
            else:
                self._store.forget_collection(owner.name)
        else:
            self._store.documents.remove(owner, sorted(going))
        finish_purges(self._root, self._store)
        return Forgotten(len(going), sum(going.values()), self.used(key_id), self._tokens(owner))

    def used(self, key_id: str) -> Used:
        """How much of its quota a key has used."""
        owners = self._store.documents.owners()
        return self._tally.of(owner for owner in owners if belongs(owner.name, key_id))

    def _is_known(self, owner: Owner) -> bool:
        """Whether anything at all is kept of an owner."""
        store, is_user = self._store, owner.kind == "user"
        events = EventFilter(user=owner.name) if is_user else EventFilter(collection=owner.name)
        return bool(
            store.documents.ids(owner)
            or store.settings.of(owner)
            or (is_user and store.consent.since_s(owner.name) is not None)
            or next(iter(store.feedback.events(events)), None)
        )

    def _check(
        self, quota: Quota, used: Used, held: Mapping[str, int], given: Sequence[Given]
    ) -> None:
        """Raise `QuotaError` where more would be kept than may be."""
        sizes = {each.source: len(each.text) for each in given}
        replaced = [held[source] for source in sizes if source in held]
        documents = used.documents + len(sizes) - len(replaced)
        chars = used.chars + sum(sizes.values()) - sum(replaced)
        for now, before, most, what in (
            (documents, used.documents, quota.documents, "documents"),
            (chars, used.chars, quota.chars, "characters"),
        ):
            if now > max(most, before):  # what makes it less is taken
                raise QuotaError(
                    f"this key would have {now} {what} learnt, and may have {most} (it has "
                    f"{before}); forget some with /v1/forget, or have the limit raised"
                )

    def _embed(self) -> None:
        """Make the vectors that are missing; words are found without them."""
        if self._embedding is None:
            self._embedding = self._make_embedding()
        if self._embedding is not None:
            try:
                index_passages(self._store.documents, self._embedding)
            except EmbeddingError:
                self._embedding = None  # a server that is away; the next task tries again

    def _tokens(self, owner: Owner) -> int:
        """The tokens of an owner's indexes, of all tokenizers."""
        folder = self._root / self._store.derived.name_of(owner)
        count = 0
        for each in folder.iterdir() if folder.is_dir() else ():
            with suppress(StoreError):
                manifest = read_manifest(each)
                count += sum(entry.tokens for entry in manifest.entries) if manifest else 0
        return count


def scribe_of(settings: Settings) -> Scribe:
    """One of the store that settings name, which stays open with it; raises `StoreError` kinds."""
    paths, held = settings.paths, ExitStack()
    store = held.enter_context(SqliteStore.open(paths.store_file, key_file=paths.store_key_file))
    return Scribe(
        store,
        folder_beside(paths.store_file),
        lambda: held.enter_context(tokenizer_of(settings)),
        lambda: open_embedding(settings.retrieval.embedding),
    )
