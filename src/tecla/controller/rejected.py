"""Suggestions that somebody left, sent away or took back: not shown there again for a while.

A place is the word that a suggestion completes and the three words before it. It is known again by
a keyed digest (`Mark`), so nothing here and nothing in the store holds a text. How much speaks
against a suggestion is halved with every half-life, and forgotten where it is accepted:

    typed past once     it must be likelier than before to be shown
    typed past twice    it is not shown
    sent away, or taken back after it was accepted    it is not shown for a half-life

Knows no writer and no store; events go in as they happen, and those of earlier days all at once. No
event counts twice, though one that has just happened may be among those that were kept already.
"""

from __future__ import annotations

import hashlib
import threading
import time
import unicodedata
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final

from tecla.checks import number
from tecla.controller.blend import scaled
from tecla.controller.tree import Alternative
from tecla.errors import OptionError
from tecla.store.events import FeedbackEvent
from tecla.text.words import words

PAST: Final = 0.6  # weight of typing something else
AWAY: Final = 2.0  # of sending away, and of taking back
_HIDDEN: Final = 1.0  # from so much weight on a suggestion is not shown
_LEAST: Final = 0.01  # less is forgotten
_WORDS: Final = 3  # before the one that is completed
_TAIL_CHARS: Final = 160
_MOST: Final = 20_000  # marks of one person


class Rejected:
    """What speaks against suggestions to one person. For any thread."""

    def __init__(
        self, key: bytes, half_life_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        """`key` is the person's own, at most 64 bytes; `clock` counts as events do."""
        if number("half_life_s", half_life_s) <= 0:
            raise OptionError(f"half_life_s is {half_life_s!r}; it must be more than 0")
        self._key, self._half_life_s, self._clock = key, half_life_s, clock
        self._lock = threading.Lock()
        self._weights: OrderedDict[str, tuple[float, float]] = OrderedDict()  # with their time
        self._unread: deque[FeedbackEvent] | None = deque(maxlen=_MOST)  # heard, none read yet
        self._times_forgotten = 0

    def __len__(self) -> int:
        """Marks that are held."""
        return len(self._weights)

    def digest(self, before: str, text: str) -> str | None:
        """Of a place and the word that `text` ends first there; `None` where it ends none."""
        tail = before[-_TAIL_CHARS:]
        spans = words(whole := tail + text)
        at = next((at for at, span in enumerate(spans) if span.end > len(tail)), None)
        if at is None:
            return None
        named = [whole[span.start : span.end] for span in spans[max(0, at - _WORDS) : at + 1]]
        plain = "\0".join(unicodedata.normalize("NFC", word.casefold()) for word in named)
        return hashlib.blake2b(plain.encode(), key=self._key, digest_size=16).hexdigest()

    def heard(self, event: FeedbackEvent) -> None:
        """Something happened to a suggestion."""
        if event.mark is None:
            return
        with self._lock:
            if self._unread is not None:
                self._unread.append(event)
            self._add(event)

    def share(self, before: str, text: str) -> float:
        """What is left of a suggestion's probability here: 1 as ever, 0 if it is not shown."""
        if not self._weights:
            return 1.0
        digest = self.digest(before, text)
        with self._lock:
            held = None if digest is None else self._weights.get(digest)
            if held is None or digest is None:
                return 1.0
            weight = self._faded(*held, self._clock())
            if weight < _LEAST:
                del self._weights[digest]
                return 1.0
        return 0.0 if weight >= _HIDDEN else 1 / (1 + weight)

    def weighed(self, found: Sequence[Alternative], before: str) -> Sequence[Alternative]:
        """Those that may be shown, the probability of each by what speaks against it."""
        if not self._weights:
            return found
        shares = [self.share(before, each.text) for each in found]
        if all(share == 1 for share in shares):
            return found
        return [
            each if share == 1 else scaled(each, share * each.probability)
            for each, share in zip(found, shares, strict=True)
            if share
        ]

    @property
    def times_forgotten(self) -> int:
        """How often all was forgotten: what was read before the last time is not to be used."""
        return self._times_forgotten

    def read(self, events: Sequence[FeedbackEvent], times_forgotten: int) -> None:
        """These were kept: hold what they say, and what else was heard since all was forgotten.

        Nothing happens if it was forgotten more than `times_forgotten` times by now.
        """
        with self._lock:
            if times_forgotten != self._times_forgotten:
                return
            kept = {_name_of(event) for event in events}
            unread = [each for each in self._unread or () if _name_of(each) not in kept]
            self._weights.clear()
            for event in (*events, *unread):
                self._add(event)
            self._unread = None

    def forget(self) -> None:
        """Hold nothing, until the events that are kept are read again."""
        with self._lock:
            self._weights.clear()
            self._unread = deque(maxlen=_MOST)
            self._times_forgotten += 1

    def _add(self, event: FeedbackEvent) -> None:
        mark = event.mark
        if mark is None:
            return
        held = self._weights.pop(mark.digest, None)
        if mark.weight == 0:
            return
        so_far = 0.0 if held is None else self._faded(*held, event.time_s)
        self._weights[mark.digest] = so_far + mark.weight, event.time_s
        while len(self._weights) > _MOST:
            self._weights.popitem(last=False)

    def _faded(self, weight: float, since_s: float, now_s: float) -> float:
        return float(weight * 0.5 ** (max(0.0, now_s - since_s) / self._half_life_s))


def _name_of(event: FeedbackEvent) -> tuple[str, str, float]:
    """By what an event is the same in memory and in a store, which may have dropped its text."""
    return event.suggestion, event.kind, event.time_s
