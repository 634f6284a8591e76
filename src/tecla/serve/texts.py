"""The texts that are open: one writer each, kept between two requests and over a lost connection.

A text belongs to a key, a user and a collection, and is found again only by the three of them and
its session's name; what passes between writers passes within those three alone. Texts that nobody
writes at are forgotten, the oldest first where there are too many.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Container
from functools import partial
from typing import Final, NamedTuple, get_args
from weakref import WeakSet

from tecla.controller.controller import Controller
from tecla.controller.feedback import Record
from tecla.controller.writer import Writer
from tecla.errors import OverloadedError, StoreError, TeclaError, UnknownSessionError
from tecla.serve.naming import store_name
from tecla.settings import FilterLevel
from tecla.store.owners import Owner as StoreOwner

_PAUSES: Final = 2
_log = logging.getLogger(__name__)


class Owner(NamedTuple):
    """Whose text it is; the scope of everything that is remembered of it."""

    key_id: str
    user: str = ""
    collection: str = ""

    @property
    def store_user(self) -> str:
        """The user's name in the store: users of two keys are never the same."""
        return store_name(self.key_id, self.user)

    @property
    def store_collection(self) -> str | None:
        """The collection's name in the store."""
        return store_name(self.key_id, self.collection) if self.collection else None

    @property
    def of_store(self) -> tuple[StoreOwner, ...]:
        """Those in the store of whom what was learnt may be suggested here."""
        user, collection = StoreOwner("user", self.store_user), self.store_collection
        return (user,) if collection is None else (user, StoreOwner("collection", collection))


class OpenText:
    """A text, its writer, and the revision as the client counts it."""

    def __init__(
        self,
        owner: Owner,
        controller: Controller,
        writer: Writer,
        record: Record | None = None,
        level: FilterLevel | None = None,
    ) -> None:
        """Nothing is written yet."""
        self.owner, self.controller, self.writer = owner, controller, writer
        self.record, self.level = record, level
        self.revision = -1
        self.is_connected = False
        self.used_s = 0.0
        self.pauses = 0  # that were told to the writer since it was used


class Texts:
    """All open texts; used from the thread of the event loop."""

    def __init__(
        self,
        controller: Controller,
        record: Record | None,
        *,
        most: int,
        idle_s: float,
        clock: Callable[[], float] = time.monotonic,
        is_forgotten: Callable[[StoreOwner], bool] = lambda owner: False,
    ) -> None:
        """Writers are made by `controller` and tell `record` what becomes of suggestions.

        Those of an owner who is just being forgotten (`is_forgotten`) know of nothing learnt.
        """
        self._is_forgotten = is_forgotten
        self._controller, self._record = controller, record
        self.most, self.idle_s, self._clock = most, idle_s, clock
        self.levels: Container[FilterLevel] = get_args(FilterLevel)
        self._open: OrderedDict[tuple[Owner, str], OpenText] = OrderedDict()
        self._alive: WeakSet[OpenText] = WeakSet()  # those of one question too

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def get(self, owner: Owner, name: str) -> OpenText:
        """The text of that name, made if it is new.

        Raises `OverloadedError` where all that may be open are being written at.
        """
        text = self._open.get((owner, name))
        if text is None:
            self._make_room()
            text = self._open[owner, name] = self._made(owner, self._record)
        elif text.controller is not self._controller:
            text = self._open[owner, name] = self._moved(text)
        self._open.move_to_end((owner, name))
        text.used_s = self._clock()
        return text

    def find(self, owner: Owner, name: str) -> OpenText:
        """An open text; raises `UnknownSessionError` where there is none of that name."""
        text = self._open.get((owner, name))
        if text is None:
            raise UnknownSessionError(
                f"no text of this session is open; it is forgotten {self.idle_s} s after it was "
                "last written at: ask for a suggestion first"
            )
        return text

    def current(self, text: OpenText, name: str) -> OpenText:
        """The text as it is served now: with another writer once the model was changed."""
        if text.controller is self._controller:
            text.used_s = self._clock()
            return text
        return self.get(text.owner, name)

    def alone(self, owner: Owner) -> OpenText:
        """A text for one question; whoever asks closes it. What becomes of it nobody can tell."""
        return self._made(owner, None)

    def filter(self, text: OpenText, level: FilterLevel | None) -> None:
        """Filter a text at a level (`None`: as the service does) from its next revision on.

        It gets another writer, so that nothing that was found at the old level can be shown.
        """
        if level != text.level:
            old = text.writer
            text.writer, text.level = self._writer(text.owner, text.record, level), level
            text.writer.manner = old.manner
            old.close()

    def pause(self, rest_s: float) -> None:
        """Tell the writers of texts that rest for so long, so that passages may stand above them.

        Twice: what the first begins to look for is there at the second.
        """
        now_s = self._clock()
        for text in self._open.values():
            if now_s - text.used_s < rest_s:
                text.pauses = 0
            elif text.pauses < _PAUSES and text.writer.pauses:
                text.pauses += 1
                try:
                    text.writer.paused()
                except TeclaError as error:  # the others are told all the same
                    _log.warning("a text that rests stays as it was: %s", error.code)

    def renew(self, owner: StoreOwner) -> None:
        """What was suggested in texts of a user or collection is not known any more.

        Each gets another writer, so that nothing that was found, or is being found now, can be
        shown.
        """
        for text in [*self._alive]:
            if owner in text.owner.of_store:
                old = text.writer
                text.writer = self._writer(text.owner, text.record, text.level)
                text.writer.manner = old.manner
                old.close()

    def close(self, owner: Owner, name: str) -> None:
        """Forget a text."""
        text = self._open.pop((owner, name), None)
        if text is not None:
            text.writer.close()

    def forget_idle(self) -> int:
        """Forget those that nobody writes at; how many they were."""
        limit = self._clock() - self.idle_s
        idle = [
            key
            for key, text in self._open.items()
            if not text.is_connected and text.used_s <= limit
        ]
        for key in idle:
            self.close(*key)
        return len(idle)

    def serve_by(self, controller: Controller) -> None:
        """Every text is served by another controller from its next revision on."""
        self._controller = controller

    def close_all(self) -> None:
        """Forget them all."""
        for key in list(self._open):
            self.close(*key)

    def _make_room(self) -> None:
        if len(self._open) < self.most:
            return
        for key, text in self._open.items():
            if not text.is_connected:
                self.close(*key)
                return
        raise OverloadedError(
            f"{len(self._open)} texts are being written at, the most there may be; try again later",
            retry_after_ms=1000.0,
        )

    def _writer(self, owner: Owner, record: Record | None, level: FilterLevel | None) -> Writer:
        """One that uses what was learnt or, where the store cannot be read, does without."""
        make = partial(self._controller.writer, scope=tuple(owner), level=level)
        if any(map(self._is_forgotten, owner.of_store)):
            return make()
        user, collection = owner.store_user, owner.store_collection
        try:
            return make(record=record, user=user, collection=collection)
        except StoreError as error:
            _log.warning("a text is served without what was learnt: %s", error.code)
            return make()

    def _made(
        self, owner: Owner, record: Record | None, level: FilterLevel | None = None
    ) -> OpenText:
        writer = self._writer(owner, record, level)
        text = OpenText(owner, self._controller, writer, record, level)
        self._alive.add(text)
        return text

    def _moved(self, old: OpenText) -> OpenText:
        """The text with a writer of the controller that serves now."""
        level = old.level if old.level in self.levels else None
        text = self._made(old.owner, self._record, level)
        text.writer.manner = old.writer.manner
        text.revision, text.is_connected = old.revision, old.is_connected
        text.writer.update(old.writer.snapshot)
        old.writer.close()
        return text
