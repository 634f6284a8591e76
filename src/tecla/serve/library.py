"""What is learnt for the keys of a service: learning, listing, searching, export, forgetting.

Every name is one of the key that asks (`naming.py`), so another key's users and collections cannot
even be named. Learning and forgetting are tasks of a process (`learning.py`); what is read comes
from the store on other threads than the loop's.

**Forgetting.** From its beginning nothing that is said of the user's or collection's suggestions is
recorded; then everything that was suggested in open texts and kept for others of the same user is
dropped; then the store and the files derived from it are purged; then what was suggested meanwhile
is dropped as well. The answer comes after that, so what is asked next is answered from the rest.

Used from the thread of the event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeVar

from tecla.controller.personal import Personal
from tecla.errors import OverloadedError, UnknownDocumentError
from tecla.learning.exporting import line, manifest_of, rows
from tecla.learning.given import Given
from tecla.retrieval.embedding import open_embedding
from tecla.retrieval.looking import Lookout
from tecla.retrieval.retriever import Found, Retriever
from tecla.serve.learning import Learning
from tecla.serve.naming import belongs, given_name
from tecla.serve.scribe import Forgotten, Learnt
from tecla.serve.tally import Quota, Tally, Used
from tecla.settings import Settings
from tecla.store.base import Store
from tecla.store.buffer import FeedbackBuffer
from tecla.store.documents import Document
from tecla.store.events import FeedbackEvent
from tecla.store.owners import Owner

_RETRY_MS: Final = 500.0
_NAMES: Final = ("user", "collection", "owner")  # fields of an export that hold names of the store
_PIECE_CHARS: Final = 1 << 16  # of an export, sent at once
Result = TypeVar("Result")


class Page(NamedTuple):
    """Some documents, whether there are more, and what the key has used."""

    documents: list[Document]
    more: bool
    used: Used


class Library:
    """One for each service."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        feedback: FeedbackBuffer,
        personal: Personal,
        drop: Callable[[Owner], None],
        learning: Learning | None = None,
    ) -> None:
        """The store stays the caller's. `drop` lets go of what was suggested for an owner.

        `personal` is what suggestions know of the store.
        Raises `OptionError` for an embedding that cannot be made.
        """
        self._store, self._feedback, self._drop = store, feedback, drop
        self._personal = personal
        self.learning = learning or Learning(settings)
        self.lookout = Lookout(
            Retriever(store.documents, open_embedding(settings.retrieval.embedding))
        )
        self._tally = Tally(store.documents)  # of the lookout's thread
        self._silent: Counter[Owner] = Counter()  # is being forgotten
        self.quota = _quota_of(settings)

    def adopt(self, settings: Settings) -> None:
        """What a key may have, and how is learnt, from now on; vectors stay as they are."""
        self.quota = _quota_of(settings)
        self.learning.adopt(settings)

    async def begin(self) -> None:
        """Finish what was begun in another life of the service, where there was anything."""
        if await asyncio.to_thread(self._has_work):
            self.learning.begin()

    def is_silent(self, owner: Owner) -> bool:
        """Whether an owner is just being forgotten."""
        return owner in self._silent

    def record(self, event: FeedbackEvent) -> bool:
        """Take an event, unless it is of somebody who is being forgotten."""
        if self._silent and any(
            owner.name == (event.user if owner.kind == "user" else event.collection)
            for owner in self._silent
        ):
            return False
        return self._feedback.add(event)

    async def learn(self, owner: Owner, key_id: str, given: Sequence[Given]) -> Learnt:
        """Learn texts for an owner of a key; raises as `Learning.learn`."""
        return await self.learning.learn(owner, key_id, given, self.quota)

    async def forget(self, owner: Owner, key_id: str, sources: Sequence[str] | None) -> Forgotten:
        """Forget documents, or with `None` everything, of an owner of a key.

        Raises `UnknownDocumentError` where there is nothing of it, and as `Learning.forget`.
        """
        with self._silenced(owner):
            self._drop(owner)
            await asyncio.to_thread(self._personal.passed)  # nothing is on its way into the store
            if sources is None:
                await asyncio.to_thread(self._feedback.flush)
            try:
                return await self.learning.forget(owner, key_id, sources)
            finally:
                self._drop(owner)

    async def listed(self, owner: Owner, key_id: str, *, after: int, limit: int) -> Page:
        """Documents of an owner of a key with ids above `after`, the oldest first."""

        def look(retriever: Retriever) -> Page:
            found: list[Document] = []
            for each in retriever.book.all([owner], since=after):
                if len(found) == limit:
                    return Page(found, True, self._used(key_id))
                if each.passages:
                    found.append(each)
            return Page(found, False, self._used(key_id))

        return await self._looked(look)

    async def search(self, owners: Sequence[Owner], query: str, k: int) -> list[Found]:
        """The best passages of some owners; see `Retriever.find`."""
        return await self._looked(lambda retriever: retriever.find(query, owners, k))

    async def export(self, owner: Owner, key_id: str) -> Iterator[str]:
        """All that is known of an owner of a key, as lines of JSON in pieces; blocks for the disk.

        Raises `UnknownDocumentError` where nothing is.
        """
        await asyncio.to_thread(self._feedback.flush)
        manifest = await asyncio.to_thread(manifest_of, self._store, owner, time.time())
        if not any(manifest[each] for each in ("documents", "feedback", "settings")):
            raise UnknownDocumentError(
                "nothing is known of this user or collection with this key; see GET /v1/learned"
            )
        return self._pieces(owner, key_id, manifest)

    async def close(self) -> None:
        """Let what is at work end; safe to call twice."""
        await self.learning.close()
        await asyncio.to_thread(self.lookout.close)

    def _has_work(self) -> bool:
        return bool(self._store.documents.owners() or self._store.derived.to_purge())

    def _used(self, key_id: str) -> Used:
        owners = self._store.documents.owners()
        return self._tally.of(owner for owner in owners if belongs(owner.name, key_id))

    async def _looked(self, look: Callable[[Retriever], Result]) -> Result:
        asked = self.lookout.begin(look)
        if asked is None:
            raise OverloadedError(
                f"too many look for what is learnt; try again in {_RETRY_MS:.0f} ms",
                retry_after_ms=_RETRY_MS,
            )
        return await asyncio.wrap_future(asked)

    @contextmanager
    def _silenced(self, owner: Owner) -> Iterator[None]:
        self._silent[owner] += 1
        try:
            yield
        finally:
            self._silent -= Counter([owner])

    def _pieces(self, owner: Owner, key_id: str, manifest: dict[str, object]) -> Iterator[str]:
        piece = ""
        for row in rows(self._store, owner, manifest):
            piece += line(_with_given_names(row, key_id))
            if len(piece) >= _PIECE_CHARS:
                yield piece
                piece = ""
        yield piece


def _quota_of(settings: Settings) -> Quota:
    return Quota(settings.serve.learn_documents, settings.serve.learn_chars)


def _with_given_names(row: dict[str, object], key_id: str) -> dict[str, object]:
    """A row of an export with names as the client gave them."""
    named = dict(row)
    for field in _NAMES:
        value = named.get(field)
        if isinstance(value, dict):
            named[field] = {**value, "name": given_name(key_id, str(value["name"]))}
        elif isinstance(value, str):
            named[field] = given_name(key_id, value)
    return named
