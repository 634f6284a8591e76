"""What grows while somebody writes: the text in front of them, and what came today.

**The structure.** The documents lie backwards at the end of a buffer, newest token first, so a new
token goes in front and every context that was there stays as it is, at the same distance from the
end. One context is added to the sorted ones (`contexts.py`): a binary search and one insertion into
an array. Taking the last token back is the same in reverse. What a segment answers is answered
by the same code on the same order; there is nothing to keep in step.

**Rejected: a suffix automaton** (Blumer et al., 1985), the usual structure for this. It finds the
longest match in constant time a token and takes one in eight times as fast, but it cannot give a
token back, so every correction by the writer builds it anew; counts of occurrences have to be
carried up its links; and its states, as objects of Python, take forty times the memory. The figures
are in docs/decisions/0020-unbounded-n-gram.md.

**The cost.** Ten bytes a token. A token costs 20 to 30 µs, in which half of the array is moved, 4
bytes a token; many at once are sorted together with what is there.
"""

from __future__ import annotations

import secrets
import threading
from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np

from tecla.checks import whole
from tecla.personal.base import LEVELS, Matched
from tecla.personal.contexts import Contexts
from tecla.personal.counting import matched
from tecla.personal.sorting import sorted_contexts
from tecla.personal.vocabulary import Vocabulary

LIMIT_TOKENS: Final = 1 << 17  # 1.3 MB
_LEAST_LIMIT: Final = 16
_ONE_BY_ONE: Final = 32  # changes that are always made one by one
_SHARE: Final = 16  # all is sorted anew where more than one token in so many comes or goes
_FIRST_TOKENS: Final = 64  # of a context that are looked at first


class Online:
    """Documents that grow at the end of the newest. For any thread."""

    def __init__(self, vocabulary: Vocabulary, *, limit_tokens: int = LIMIT_TOKENS) -> None:
        """Holds at most `limit_tokens`; beyond, the oldest half goes."""
        whole("limit_tokens", limit_tokens, _LEAST_LIMIT)
        self.vocabulary, self._limit = vocabulary, limit_tokens
        self._width = vocabulary.width
        self._separator = vocabulary.separator.to_bytes(self._width)
        self._buffer = bytearray(self._separator)
        self._start = 0  # of the text in the buffer, in bytes
        self._document = 1  # tokens of the buffer, from its end, before the newest document's own
        self._order = array("i")  # [tokens], where contexts begin, in tokens before the end, < 0
        self._follow = array("H" if self._width == 2 else "I")  # [tokens], what is behind each
        self._name, self._changes = secrets.token_hex(8), 0
        self._lock = threading.RLock()

    def __len__(self) -> int:
        """Tokens of all documents."""
        return len(self._order)

    @property
    def generation(self) -> str:
        """Differs after every change."""
        return f"{self._name}-{self._changes}"

    @property
    def n_newest(self) -> int:
        """Tokens of the newest document."""
        return self._held() - self._document

    def matches(self, tokens: Sequence[int], most: int = LEVELS) -> list[Matched]:
        """As the contract says (`base.py`)."""
        with self._lock:
            levels = self._contexts().levels(tokens, most)
            rows = [self._follow[level.low : level.high] for level in levels]
        return [
            matched(level.length, np.frombuffer(row, self.vocabulary.native))
            for level, row in zip(levels, rows, strict=True)
        ]

    def begin(self) -> None:
        """Begin a new document, unless the newest is empty still."""
        with self._lock:
            if self.n_newest:
                self._put(self._separator)
                self._document = self._held()
                self._changes += 1
                if self._held() > self._limit:
                    self._drop_oldest()

    def extend(self, tokens: Sequence[int]) -> None:
        """Add to the end of the newest document; raises `OptionError` for what is no id."""
        added = self.vocabulary.checked(tokens)[-self._limit :]
        if not len(added):
            return
        with self._lock:
            self._changes += 1
            if self._many(len(added)):
                self._put(added[::-1].astype(self.vocabulary.sortable).tobytes())
                self._sort()
            else:
                for token in added.tolist():
                    self._insert(token)
            if self._held() > self._limit:
                self._drop_oldest()

    def trim(self, n_tokens: int) -> None:
        """Take tokens back until the newest document has at most `n_tokens`."""
        whole("n_tokens", n_tokens, 0)
        with self._lock:
            surplus = self.n_newest - n_tokens
            if surplus <= 0:
                return
            self._changes += 1
            if self._many(surplus):
                self._start += surplus * self._width
                self._sort()
            else:
                for _ in range(surplus):
                    self._take_back()

    def follow(self, tokens: Sequence[int]) -> None:
        """Make the newest document read `tokens`, at the cost of what differs.

        Of more than half the limit only the end is held, and all of it is sorted anew.
        """
        with self._lock:
            wanted = self.vocabulary.checked(tokens)[-(self._limit // 2) :]
            place = len(self._buffer) - self._document * self._width
            held = np.frombuffer(bytes(self._buffer[self._start : place]), self.vocabulary.sortable)
            n_both = min(len(held), len(wanted))
            differing = (held[::-1][:n_both] != wanted[:n_both]).nonzero()[0]
            n_same = int(differing[0]) if len(differing) else n_both
            self.trim(n_same)
            self.extend(wanted[n_same:].tolist())

    def check_integrity(self) -> None:
        """Compare with sorting everything anew; raises `AssertionError`. For tests."""
        order, row = self._order, self._follow
        self._sort()
        assert (order, row) == (self._order, self._follow), "contexts are out of order"
        assert self._held() <= max(self._limit, 1), "more is held than may be"

    def _held(self) -> int:
        """Tokens in the buffer, separators included."""
        return (len(self._buffer) - self._start) // self._width

    def _contexts(self) -> Contexts:
        return Contexts(self._buffer, len(self._buffer), self._order, self.vocabulary)

    def _put(self, data: bytes) -> None:
        """Put bytes before the text, making room as needed."""
        if self._start < len(data):
            room = len(data) + len(self._buffer)
            self._buffer = bytearray(room) + self._buffer
            self._start += room
        self._buffer[self._start - len(data) : self._start] = data
        self._start -= len(data)

    def _many(self, changes: int) -> bool:
        return changes > _ONE_BY_ONE and changes * _SHARE > len(self)

    def _insert(self, token: int) -> None:
        contexts = self._contexts()
        key = self._buffer[self._start : self._start + _FIRST_TOKENS * self._width]
        place, behind = contexts.find(key)
        if place < behind:
            place, _ = contexts.find(self._buffer[self._start :])
        self._order.insert(place, -self._held())
        self._follow.insert(place, token)
        self._put(token.to_bytes(self._width))

    def _take_back(self) -> None:
        self._start += self._width
        contexts = self._contexts()
        key = self._buffer[self._start : self._start + _FIRST_TOKENS * self._width]
        place, behind = contexts.find(key)
        if place + 1 < behind:
            place, _ = contexts.find(self._buffer[self._start :])
        del self._order[place], self._follow[place]

    def _drop_oldest(self) -> None:
        """Keep half of what may be held, or as few tokens less as make the oldest a whole document.

        Where that would be a quarter or less, the oldest is cut, and begins where it is cut.
        """
        kept = bytes(self._buffer[self._start :][: self._limit // 2 * self._width])
        row = np.frombuffer(kept, self.vocabulary.sortable)
        ends = (row == self.vocabulary.separator).nonzero()[0]
        n_newest = self.n_newest
        if len(ends) and 2 * int(ends[-1]) >= len(row):
            kept = kept[: (int(ends[-1]) + 1) * self._width]
        else:
            kept = kept[: -self._width] + self._separator
        self._buffer, self._start = bytearray(kept), 0
        self._document = max(1, self._held() - n_newest)
        self._sort()

    def _sort(self) -> None:
        """Sort everything anew."""
        text = np.frombuffer(bytes(self._buffer[self._start :]), self.vocabulary.sortable)
        order, row = sorted_contexts(text.astype(self.vocabulary.native), self.vocabulary)
        self._order = array("i", (order.astype(np.int64) - len(text)).astype(np.int32).tobytes())
        self._follow = array(self._follow.typecode, row.tobytes())
