"""What became of suggestions, as events for a store: counts and probabilities, no text.

A suggestion is *shown* once, however often the ghost text is redrawn while it is typed through.
It is *accepted* or *part accepted* by a key, *rejected* when what is typed leaves it or it is sent
away, and *deleted again* when the person takes back what they had accepted.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, cast

from tecla.controller.place import Place
from tecla.controller.showing import Ghost
from tecla.predict.base import Source
from tecla.store.events import FeedbackEvent, Kind
from tecla.store.events import Place as EventPlace
from tecla.text.words import words

Record: TypeAlias = Callable[[FeedbackEvent], object]


@dataclass(frozen=True, slots=True)
class _Open:
    """The suggestion that is shown now."""

    id: str
    ghost: Ghost
    place: Place


class Feedback:
    """Watches one writer; every event goes to `record` at once, which must not block."""

    def __init__(
        self,
        record: Record,
        user: str = "local",
        collection: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`user` and `collection` are opaque names, as the store takes them."""
        self._record, self._user, self._collection, self._clock = record, user, collection, clock
        self._open: _Open | None = None
        self._taken: _Open | None = None  # what was accepted last, while the caret stands behind it
        self._taken_chars = 0
        self._deleted_chars = 0

    def showed(self, ghost: Ghost | None, place: Place) -> None:
        """`ghost` is on the screen now."""
        if ghost is None:
            return
        if self._open is not None:
            self._open = _Open(self._open.id, ghost, self._open.place)
            return
        self._open = _Open(secrets.token_urlsafe(9), ghost, place)
        self._emit("shown", self._open)

    def accepted(self, chars: int) -> None:
        """The first characters of what is shown were put in by one key."""
        open_ = self._open
        if open_ is None:
            return
        whole = chars == len(open_.ghost.text)
        self._emit("accepted" if whole else "part_accepted", open_, chars, saved=chars - 1)
        self._settle_deleted()
        self._taken, self._taken_chars = open_, chars
        self._open = None if whole else _Open(open_.id, open_.ghost.behind(chars), open_.place)

    def left(self) -> None:
        """The text does not go on as shown, or the suggestion was sent away."""
        if self._open is not None:
            self._emit("rejected", self._open)
            self._open = None

    def typed_through(self) -> None:
        """All of what was shown was typed by hand."""
        self._open = None

    def typed(self) -> None:
        """Something was typed or moved by hand: what was accepted stays."""
        self._settle_deleted()
        self._taken = None

    def deleted(self, chars: int) -> None:
        """So many characters before the caret were deleted."""
        if self._taken is not None:
            self._deleted_chars = min(self._taken_chars, self._deleted_chars + chars)

    def close(self) -> None:
        """Tell what is still to tell."""
        self._settle_deleted()

    def _settle_deleted(self) -> None:
        if self._taken is not None and self._deleted_chars:
            chars = self._deleted_chars
            self._emit("deleted_again", self._taken, chars, saved=-chars)
        self._taken, self._taken_chars, self._deleted_chars = None, 0, 0

    def _emit(self, kind: Kind, of: _Open, chars: int = 0, saved: int = 0) -> None:
        ghost, place = of.ghost, of.place
        self._record(
            FeedbackEvent(
                kind=kind,
                suggestion=of.id,
                time_s=self._clock(),
                user=self._user,
                collection=self._collection,
                source=cast(Source, ghost.source),
                language=place.language or None,
                place=EventPlace(typed_chars=place.typed_chars),
                raw_probability=ghost.raw,
                calibrated_probability=ghost.probability,
                shown_chars=len(ghost.text),
                shown_words=len(ghost.words),
                accepted_chars=chars,
                accepted_words=min(len(ghost.words), len(words(ghost.text[:chars]))),
                saved_keys=saved,
            )
        )
