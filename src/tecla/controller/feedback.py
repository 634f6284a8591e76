"""What became of suggestions, as events for a store: counts and probabilities, no text.

A suggestion is *shown* once, however often the ghost text is redrawn while it is typed through.
It is *accepted* or *part accepted* by a key, *rejected* when what is typed leaves it, when another
takes its place at the next key or when it is sent away, and *deleted again* when the person takes
back what they had accepted. It is *unsettled* when another was asked for in its place, or when the
writer closed, before any of that happened.

What was left, taken back or accepted may carry a mark, by which `rejected.py` knows it again; what
was accepted carries its text where the person has consented to that.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias, cast

from tecla.controller.place import Place
from tecla.controller.rejected import AWAY, PAST
from tecla.controller.showing import Ghost
from tecla.predict.base import Source
from tecla.store.events import FeedbackEvent, Kind, Mark, SuggestedText
from tecla.store.events import Place as EventPlace
from tecla.store.owners import LOCAL
from tecla.text.snapshot import Snapshot
from tecla.text.words import words

Record: TypeAlias = Callable[[FeedbackEvent], object]
Digest: TypeAlias = Callable[[str, str], str | None]  # of the text before and a suggestion
KEPT_CHARS: Final = 200  # of the text before what is accepted


@dataclass(frozen=True, slots=True)
class _Open:
    """The suggestion that was shown last, where it was at first, and where what is left of it is.

    It may have vanished since, and what was typed may still go its way.
    """

    id: str
    ghost: Ghost
    place: Place
    now: Place
    is_part_taken: bool = False

    def typed(self, now: Snapshot) -> str | None:
        """What was typed since; `None` if something else was changed."""
        was = self.now.snapshot
        if now.after != was.after or not now.before.startswith(was.before):
            return None
        return now.before[len(was.before) :]

    def goes_on_as(self, ghost: Ghost, now: Snapshot) -> bool:
        """Whether a ghost text is what is left of this one, with or without more."""
        typed = self.typed(now)
        if typed is None or not self.ghost.text.startswith(typed):
            return False
        left = self.ghost.text[len(typed) :].rstrip()
        return bool(left) and ghost.text.startswith(left)


class Feedback:
    """Watches one writer; every event goes to `record` at once, which must not block."""

    def __init__(
        self,
        record: Record,
        user: str = LOCAL,
        collection: str | None = None,
        clock: Callable[[], float] = time.time,
        *,
        digest: Digest | None = None,
        keeps_text: bool = False,
    ) -> None:
        """`user` and `collection` are opaque names, as the store takes them.

        Marks are made by `digest`. `keeps_text`: the person has consented to it.
        """
        self._record, self._user, self._collection, self._clock = record, user, collection, clock
        self._digest, self._keeps_text = digest, keeps_text
        self._open: _Open | None = None
        self._taken: _Open | None = None  # what was accepted last, while the caret stands behind it
        self._taken_chars = 0
        self._deleted_chars = 0

    def showed(self, ghost: Ghost | None, place: Place) -> None:
        """`ghost` is on the screen now."""
        if ghost is None:
            return
        if self._open is not None:
            if self._open.goes_on_as(ghost, place.snapshot):
                self._open = replace(self._open, ghost=ghost, now=place)
                return
            self._give_way(place)
        self._open = _Open(secrets.token_urlsafe(9), ghost, place, place)
        self._emit("shown", self._open)

    def accepted(self, chars: int) -> None:
        """The first characters of what is shown were put in by one key."""
        open_ = self._open
        if open_ is None:
            return
        whole, before = chars == len(open_.ghost.text), open_.now.snapshot.before
        taken = open_.ghost.text[:chars]
        text = SuggestedText(_end_of(before), taken) if self._keeps_text else None
        kind: Kind = "accepted" if whole else "part_accepted"
        mark = self._mark(before, taken, 0.0)
        self._emit(kind, open_, chars, saved=chars - 1, mark=mark, text=text)
        self._settle_deleted()
        self._taken, self._taken_chars = open_, chars
        left = open_.ghost.behind(chars)
        now = replace(open_.now, snapshot=open_.now.snapshot.typed(taken))
        is_left = bool(left.text.strip())
        self._open = _Open(open_.id, left, open_.place, now, True) if is_left else None

    def by_hand(self, was: Snapshot, now: Snapshot, shown: Ghost | None, *, goes_on: bool) -> None:
        """The text was changed by hand while `shown` was shown; whether something of it is left."""
        gone = len(was.before) - len(now.before)
        if now.after == was.after and gone > 0 and was.before.startswith(now.before):
            self.deleted(gone)
        else:
            self.typed()
        open_ = self._open
        if open_ is None or goes_on:
            return
        typed, text = open_.typed(now), open_.ghost.text
        if typed is None:
            self.left(None)
        elif typed.startswith(text) or typed == text.rstrip():
            self.typed_through()
        elif not text.startswith(typed):
            self.left(None if shown is None else PAST)  # what had vanished is not held against it

    def left(self, weight: float | None = AWAY) -> None:
        """The text does not go on as shown, or the suggestion was sent away.

        `weight` is how much that speaks against it; `None`: nothing is to be concluded.
        """
        open_, self._open = self._open, None
        if open_ is not None:
            before = open_.now.snapshot.before
            mark = None if weight is None else self._mark(before, open_.ghost.text, weight)
            self._emit("rejected", open_, mark=mark)

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
        self._unsettled()

    def _give_way(self, place: Place) -> None:
        """Another suggestion is shown at `place` in the place of the open one."""
        open_ = self._open
        if open_ is None or open_.is_part_taken:
            self._open = None
        elif open_.now.snapshot == place.snapshot:
            self._unsettled()
        else:
            self.left(None)

    def _unsettled(self) -> None:
        open_, self._open = self._open, None
        if open_ is not None:
            self._emit("unsettled", open_)

    def _settle_deleted(self) -> None:
        taken = self._taken
        if taken is not None and self._deleted_chars:
            chars = self._deleted_chars
            left = taken.ghost.text[: self._taken_chars - chars]
            gone = taken.ghost.text[len(left) : self._taken_chars]
            mark = self._mark(taken.now.snapshot.before + left, gone, AWAY)
            self._emit("deleted_again", taken, chars, saved=-chars, mark=mark)
        self._taken, self._taken_chars, self._deleted_chars = None, 0, 0

    def _mark(self, before: str, text: str, weight: float) -> Mark | None:
        digest = None if self._digest is None else self._digest(before, text)
        return None if digest is None else Mark(digest, weight)

    def _emit(
        self,
        kind: Kind,
        of: _Open,
        chars: int = 0,
        saved: int = 0,
        *,
        mark: Mark | None = None,
        text: SuggestedText | None = None,
    ) -> None:
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
                mark=mark,
                text=text,
            )
        )


def _end_of(before: str) -> str:
    """As much of a text as is kept, from a whole word on."""
    if len(before) <= KEPT_CHARS:
        return before
    end = before[-KEPT_CHARS:]
    return end.partition(" ")[2] or end
