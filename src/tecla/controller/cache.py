"""Answers that other carets have had already: a cache under a byte budget and a time limit.

Two people who begin a letter alike ask the same question. A key holds all an answer depends on:
whose data it may show (the scope), the model, the settings, the language, the header, and the text
on both sides; texts as a digest, so that the cache quotes nobody. What differs in any of them is
another question. Asking it takes a lock for a dictionary look-up and nothing else.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Final, NamedTuple

from tecla.checks import number, whole
from tecla.controller.place import Place
from tecla.controller.tree import Alternative

_ENTRY_BYTES: Final = 400  # key, dictionary and tuple of one answer, measured
_ALTERNATIVE_BYTES: Final = 160
_END_BYTES: Final = 120


class Question(NamedTuple):
    """Everything an answer depends on."""

    scope: Hashable
    model: str
    settings: Hashable
    language: str
    texts: bytes

    @classmethod
    def of(
        cls,
        scope: Hashable,
        model: str,
        settings: Hashable,
        language: str,
        texts: Sequence[str],
    ) -> Question:
        """The question of a caret; `texts` are header, text before and text after."""
        digest = hashlib.blake2b(digest_size=32)
        for text in texts:
            data = text.encode()
            digest.update(len(data).to_bytes(8, "big"))
            digest.update(data)
        return cls(scope, model, settings, language, digest.digest())


class AnswerCache:
    """The most recently used answers; used from any thread."""

    def __init__(
        self,
        max_bytes: int = 16 << 20,
        max_age_s: float = 600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep at most so many bytes, and no answer for longer than `max_age_s` seconds."""
        whole("max_bytes", max_bytes, 0)
        self._max_bytes, self._max_age_s = max_bytes, number("max_age_s", max_age_s)
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[Question, tuple[float, int, tuple[Alternative, ...]]] = (
            OrderedDict()
        )
        self.bytes = self.hits = self.misses = 0

    def __len__(self) -> int:
        """Answers held."""
        return len(self._kept)

    def get(self, question: Question) -> tuple[Alternative, ...] | None:
        """The answer, if it is held and not too old."""
        with self._lock:
            kept = self._kept.get(question)
            if kept is not None and self._clock() - kept[0] > self._max_age_s:
                self._drop(question)
                kept = None
            if kept is None:
                self.misses += 1
                return None
            self.hits += 1
            self._kept.move_to_end(question)
            return kept[2]

    def put(self, question: Question, found: Sequence[Alternative]) -> None:
        """Keep an answer; old ones go, and one that alone is too large is not kept."""
        size = _size(found)
        with self._lock:
            if question in self._kept:
                self._drop(question)
            if size > self._max_bytes:
                return
            self._kept[question] = (self._clock(), size, tuple(found))
            self.bytes += size
            while self.bytes > self._max_bytes:
                self._drop(next(iter(self._kept)))

    def forget(self, is_meant: Callable[[Hashable], bool]) -> None:
        """Give up all answers of the scopes that are meant."""
        with self._lock:
            for question in [each for each in self._kept if is_meant(each.scope)]:
                self._drop(question)

    def _drop(self, question: Question) -> None:
        _, size, _ = self._kept.pop(question)
        self.bytes -= size


class ScopedAnswers:
    """The answers of one scope and one model."""

    def __init__(self, cache: AnswerCache, scope: Hashable, model: str) -> None:
        """`model` is a name or hash that no other model has."""
        self._cache, self._scope, self._model = cache, scope, model

    def get(self, place: Place, settings: Hashable) -> tuple[Alternative, ...] | None:
        """What was found at a place."""
        return self._cache.get(self._question(place, settings))

    def put(self, place: Place, settings: Hashable, found: Sequence[Alternative]) -> None:
        """Keep what was found at a place."""
        self._cache.put(self._question(place, settings), found)

    def _question(self, place: Place, settings: Hashable) -> Question:
        texts = (place.header, place.snapshot.before, place.snapshot.after)
        return Question.of(self._scope, self._model, settings, place.language, texts)


def _size(found: Sequence[Alternative]) -> int:
    """About how many bytes an answer takes."""
    return _ENTRY_BYTES + sum(
        _ALTERNATIVE_BYTES + 4 * len(each.text) + _END_BYTES * (len(each.words) + len(each.marks))
        for each in found
    )
