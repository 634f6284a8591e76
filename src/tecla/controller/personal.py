"""What was learnt of people and collections, for all writers of a program: one store and its files.

For whoever is named it gives an `Own`, the part of one writer. What takes time is done on one
thread and nobody waits for it: throwing away what is to be purged, learning what was accepted,
bringing indexes up to date, reading somebody's events and words. Until it is done a writer goes on
with what is there.

It must not know what is written.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, TypeAlias

from tecla.closing import Closing
from tecla.controller.calibration import Curve
from tecla.controller.lived import LEAST_EVENTS, fitted, lived
from tecla.controller.own import Own
from tecla.controller.rejected import Rejected
from tecla.errors import TeclaError
from tecla.learning.accepted import learn_accepted
from tecla.personal.following import (
    bring_up_to_date,
    finish_purges,
    folder_beside,
    is_up_to_date,
)
from tecla.personal.shelf import Learnt
from tecla.retrieval.looking import Lookout
from tecla.retrieval.retriever import Retriever
from tecla.settings import LearningSettings, Settings, load
from tecla.store.base import Store
from tecla.store.documents import name_under
from tecla.store.events import EventFilter
from tecla.store.owners import Owner
from tecla.text.base import Tokenizer

if TYPE_CHECKING:
    from tecla.personal.words import LearntWords
    from tecla.retrieval.base import Embedding
    from tecla.store.events import FeedbackEvent

TokenizerOf: TypeAlias = Callable[[], Tokenizer]
DAY_S: Final = 86_400.0
_LIVED_S: Final = 30 * DAY_S  # of events that are read when somebody comes
_MOST_WORDS_CHARS: Final = 300_000  # of an owner's newest texts beside an n-gram: 0.6 s of one core
_MOST_WORDS: Final = 64  # owners whose words are held
_WORDS_IDLE_S: Final = 60.0  # after which they make room for another's
_MOST_PEOPLE: Final = 4096
_log = logging.getLogger(__name__)


class Person:
    """What is known of one user beside documents."""

    def __init__(self, rejected: Rejected) -> None:
        """Nothing yet."""
        self.rejected = rejected
        self.curves: dict[str, Curve] = {}
        self.reading: Future[None] | None = None  # the last of their events that was begun


@dataclass(slots=True)
class _Words:
    """The words of one owner, and when they were asked for last."""

    used_s: float
    words: LearntWords | None = None


class Personal(Closing):
    """What was learnt, for any number of writers. For any thread."""

    def __init__(
        self,
        store: Store,
        root: Path,
        *,
        key_file: Path | None = None,
        embedding: Embedding | None = None,
        headers: bool = False,
        half_life_s: float = DAY_S * LearningSettings().rejected_days,
        owns_store: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Over a store, and the folder of the indexes made from it.

        key_file: of an encrypted store. headers: whether passages stand above texts; they are found
        by words, and by meaning with an embedding. half_life_s: of what speaks against suggestions.
        """
        self.store, self.root, self.key_file = store, root, key_file
        self._half_life_s, self._owns_store, self.clock = half_life_s, owns_store, clock
        self._lookout = Lookout(Retriever(store.documents, embedding)) if headers else None
        self._people: OrderedDict[str, Person] = OrderedDict()
        self._words: OrderedDict[Owner, _Words] = OrderedDict()  # of those that were asked for
        self._lock = threading.RLock()
        self._pool: ThreadPoolExecutor | None = None
        self._pending: set[Future[None]] = set()
        self._stop = threading.Event()
        self._is_clean = True

    @classmethod
    def over(cls, settings: Settings, store: Store, *, owns_store: bool = False) -> Self:
        """As the settings say, over the store that they name.

        Raises `OptionError` for an embedding that there is not.
        """
        from tecla.retrieval.embedding import open_embedding

        return cls(
            store,
            folder_beside(settings.paths.store_file),
            key_file=settings.paths.store_key_file,
            embedding=open_embedding(settings.retrieval.embedding),
            headers=settings.retrieval.headers == "on",
            half_life_s=DAY_S * settings.learning.rejected_days,
            owns_store=owns_store,
        )

    @classmethod
    def of_settings(cls) -> Self | None:
        """That of the store that the settings name; `None` where there is none yet.

        Raises as `over` and `SqliteStore.open`.
        """
        from tecla.store.sqlite import SqliteStore

        settings = load().settings
        if not settings.paths.store_file.is_file():
            return None
        store = SqliteStore.open()
        try:
            return cls.over(settings, store, owns_store=True)
        except BaseException:
            store.close()
            raise

    def own(
        self,
        user: str | None = None,
        collection: str | None = None,
        *,
        tokenizer: TokenizerOf | None = None,
        record: Callable[[FeedbackEvent], object] | None = None,
    ) -> Own:
        """The part of one writer: of a user, of a collection, or of both.

        With a tokenizer their indexes for it are brought up to date in passing; without one it is
        up to somebody else. Events go to `record`. Raises `OptionError` for what is no name,
        `StoreError` kinds.
        """
        owners = _owners(user, collection)
        self._purge_what_is_due()
        person = None if user is None else self._person(user)
        headers = None
        if self._lookout is not None and any(map(self.store.documents.version, owners)):
            from tecla.retrieval.header import Headers

            headers = Headers(self._lookout, owners)
        keeps_text = user is not None and self.store.consent.since_s(user) is not None
        own = Own(
            self,
            tuple((owner, self.learnt(owner)) for owner in owners),
            person=person,
            headers=headers,
            record=record,
            keeps_text=keeps_text,
            tokenizer=tokenizer,
        )
        self.follow(owners, tokenizer, accepted=user if keeps_text else None)
        return own

    def learnt(self, owner: Owner) -> Learnt:
        """An owner's indexes, by value."""
        return Learnt.of(self.root, self.store, [owner], self.key_file)

    @property
    def is_clean(self) -> bool:
        """Whether nothing that is to be purged may still be in an index."""
        return self._is_clean

    def words(self, owner: Owner) -> LearntWords | None:
        """An owner's words; `None` before they are read, which the first question begins.

        Also where those of too many others are in use.
        """
        now_s = time.monotonic()
        with self._lock:
            held = self._words.get(owner)
            if held is None:
                if len(self._words) >= _MOST_WORDS:
                    oldest = next(iter(self._words))
                    if now_s - self._words[oldest].used_s < _WORDS_IDLE_S:
                        return None
                    del self._words[oldest]
                held = self._words[owner] = _Words(now_s)
                self._begin(lambda: self._read_words(owner))
            held.used_s = now_s
            self._words.move_to_end(owner)
            return held.words

    def follow(
        self,
        owners: Iterable[Owner],
        tokenizer: TokenizerOf | None,
        *,
        accepted: str | None = None,
    ) -> None:
        """Bring up to date in passing what is derived from the owners' documents.

        First learn what the user `accepted` has accepted.
        """
        if accepted is not None:
            self._begin(lambda: self._learn_accepted(accepted))
        for owner in owners:
            if accepted or self.store.documents.version(owner) or self.learnt(owner).seen():
                self._begin(lambda owner=owner: self._follow(owner, tokenizer))  # type: ignore[misc]

    def refresh(self, owners: Iterable[Owner], person: str | None) -> None:
        """What was learnt has changed: nothing that was read before is used any more."""
        with self._lock:
            for owner in owners:
                self._words.pop(owner, None)
        if person is not None and (held := self._people.get(person)) is not None:
            held.rejected.forget()
            held.curves = {}
            self._read_soon(person, held)

    def rest(self) -> None:
        """Give up what waits and return when nothing is at work; more may be begun afterwards."""
        pending = self._at_work()
        self._stop.set()
        for each in pending:
            each.cancel()
        wait(pending)
        self._stop.clear()

    def passed(self) -> None:
        """Return when all that was begun so far is done, whatever is begun meanwhile."""
        with self._lock:
            pending = set(self._pending)
        wait(pending)

    def settle(self) -> None:
        """Return when nothing is left to be done."""
        while pending := self._at_work():
            wait(pending)

    def close(self) -> None:
        """End what is at work; safe to call twice. A store of its own is closed with it."""
        self._stop.set()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)
        if self._lookout is not None:
            self._lookout.close()
        if self._owns_store:
            self.store.close()

    def _person(self, user: str) -> Person:
        with self._lock:
            person = self._people.get(user)
            if person is None:
                key = name_under(self.store.derived.identity, Owner("user", user))
                rejected = Rejected(bytes.fromhex(key), self._half_life_s, self.clock)
                person = self._people[user] = Person(rejected)
                self._read_soon(user, person)
                while len(self._people) > _MOST_PEOPLE:
                    self._people.popitem(last=False)
            self._people.move_to_end(user)
            return person

    def _purge_what_is_due(self) -> None:
        if self.store.derived.to_purge():
            self._is_clean = False
            self._begin(self._purge)

    def _purge(self) -> None:
        finish_purges(self.root, self.store)
        self._is_clean = not self.store.derived.to_purge()

    def _begin(self, work: Callable[[], None]) -> Future[None] | None:
        with self._lock:
            if self._pool is None:
                if self._stop.is_set():
                    return None
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="tecla-personal")
            begun = self._pool.submit(_without_raising, work)
            self._pending.add(begun)
        begun.add_done_callback(self._done)
        return begun

    def _done(self, begun: Future[None]) -> None:
        with self._lock:
            self._pending.discard(begun)

    def _at_work(self) -> set[Future[None]]:
        with self._lock:
            return set(self._pending)

    def _learn_accepted(self, user: str) -> None:
        learn_accepted(self.store, user)

    def _follow(self, owner: Owner, tokenizer: TokenizerOf | None) -> None:
        if tokenizer is not None and not is_up_to_date(
            self.root, self.store, owner, ids := tokenizer()
        ):
            bring_up_to_date(self.root, self.store, owner, ids, stop=self._stop)
        if self._lookout is not None and not self._stop.is_set():
            self._lookout.retriever.index()

    def _read_words(self, owner: Owner) -> None:
        from tecla.personal.words import LearntWords

        book, room = self.store.documents, _MOST_WORDS_CHARS
        version, since = book.version(owner), 0
        for document in reversed(list(book.all([owner]))):
            room -= document.chars
            if room <= 0:
                since = document.id - 1
                break
        pieces = groupby(book.passages(owner, since=since), lambda each: each.document)
        texts = ["".join(each.text for each in of)[-_MOST_WORDS_CHARS:] for _, of in pieces]
        words = LearntWords(texts, owner.kind)
        with self._lock:
            held = self._words.get(owner)
            if held is not None and book.version(owner) == version:
                held.words = words

    def _read_soon(self, user: str, person: Person) -> None:
        """Have somebody's events read, unless a reading is waiting already."""
        with self._lock:
            last = person.reading
            if last is None or last.running() or last.done():
                person.reading = self._begin(lambda: self._read_person(user, person))

    def _read_person(self, user: str, person: Person) -> None:
        times_forgotten, now_s = person.rejected.times_forgotten, self.clock()
        which = EventFilter(user=user, since_s=now_s - _LIVED_S, until_s=now_s)
        events = []
        for event in self.store.feedback.events(which):
            events.append(event)
            if self._stop.is_set():
                return
        person.rejected.read(events, times_forgotten)
        settled = list(lived(events))
        person.curves = fitted(settled) if len(settled) >= LEAST_EVENTS else {}


def _owners(user: str | None, collection: str | None) -> tuple[Owner, ...]:
    named = (("user", user), ("collection", collection))
    return tuple(Owner(kind, name) for kind, name in named if name is not None)  # type: ignore[arg-type]


def _without_raising(work: Callable[[], None]) -> None:
    try:
        work()
    except TeclaError as error:  # what is derived stays as it was, and is tried again next time
        _log.warning("what was learnt is not brought up to date: %s", error.code)
