"""Finding ends of a text among all contexts: the order that everything here is built on.

**The idea.** A token stands behind a context: all that came before it in its document. Write every
context backwards, nearest token first, and sort them. Then the contexts that end like a given text
are neighbours, whatever the length of the end; those of a longer end lie inside those of a shorter
one, and the tokens behind them lie side by side. One search finds the place where the text itself
would stand. The longest end that occurs is what it shares with a neighbour of that place, and every
shorter end is found by walking outwards.

This is a suffix array of the text backwards, with the row of the next tokens beside it (which is
the Burrows-Wheeler transform of it). infini-gram (Liu et al., arXiv 2401.17377) sorts the text
forwards: there each length is a search of its own, and the next tokens have to be looked for one
by one. PPM* (Cleary and Teahan, 1997) keeps contexts in this order in memory.

**The cost.** Rows of ids are bytes that sort like them (`vocabulary.py`), so a step of a search is
one slice and one comparison of bytes, 0.3 µs in Python, and there are about log2(n) of them, plus
two for every doubling of the number of occurrences. It reads few pages of a mapped file.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tecla.personal.vocabulary import Vocabulary

_Row = bytes | bytearray
_WINDOW_TOKENS = 16  # compared at first; four times as many whenever they do not decide
_TAIL_TOKENS = 64  # of a text that are looked for at first


class Level(NamedTuple):
    """The contexts that end like the text: a range of the order."""

    length: int  # tokens
    low: int
    high: int


class Contexts(NamedTuple):
    """All contexts of some documents in order.

    `data` holds the documents backwards from byte `base`, every one with a separator behind it.
    `order[i]` is the token at which the i-th context begins, counted from `base`, or below zero
    from the end of `data`.
    """

    data: bytes | bytearray | mmap.mmap
    base: int
    order: Sequence[int]
    vocabulary: Vocabulary

    def cutting(self, n_bytes: int) -> Callable[[int], _Row]:
        """What cuts the first bytes of a context out, given where it begins."""
        data, base, width = self.data, self.base, self.vocabulary.width

        def cut(start: int) -> _Row:
            place = base + start * width
            return data[place : place + n_bytes]

        return cut

    def find(self, key: _Row) -> tuple[int, int]:
        """The range of contexts that begin with all of `key`; empty, at its place, if none does."""
        low, high = 0, len(self.order)
        n_bytes = _WINDOW_TOKENS * self.vocabulary.width
        while True:
            part = key[:n_bytes]
            cut = self.cutting(len(part))
            low = bisect_left(self.order, part, low, high, key=cut)
            high = bisect_right(self.order, part, low, high, key=cut)
            if low == high or n_bytes >= len(key):
                return low, high
            n_bytes *= 4

    def levels(self, tokens: Sequence[int], most: int) -> list[Level]:
        """Ends of `tokens` that occur, longest first, each with more occurrences than the last."""
        n_tail = _TAIL_TOKENS
        while True:
            key = self.vocabulary.reversed_bytes(tokens[-n_tail:])
            levels = self._levels(key, most)
            whole_tail = bool(levels) and levels[0].length == n_tail
            if not whole_tail or n_tail >= len(tokens):
                return levels
            n_tail *= 4

    def _levels(self, key: bytes, most: int) -> list[Level]:
        if not key or not len(self.order):
            return []
        width, levels = self.vocabulary.width, list[Level]()
        low, high = self.find(key)
        length = len(key) // width
        if low < high:
            levels.append(Level(length, low, high))
            length -= 1
        while length > 0 and len(levels) < most:
            before = self._shared(low - 1, key, length)
            behind = self._shared(high, key, length)
            length = max(before, behind)
            if length == 0:
                break
            part, cut = key[: length * width], self.cutting(length * width)
            if before == length:
                low = self._first(part, cut, low - 1)
            if behind == length:
                high = self._last(part, cut, high) + 1
            levels.append(Level(length, low, high))
            length -= 1
        return levels

    def _shared(self, place: int, key: bytes, most: int) -> int:
        """Tokens, at most `most`, in which the context at `place` begins like `key`."""
        if not 0 <= place < len(self.order):
            return 0
        width = self.vocabulary.width
        found = self.cutting(most * width)(self.order[place])
        n_bytes = min(len(found), most * width)
        differing = int.from_bytes(found[:n_bytes]) ^ int.from_bytes(key[:n_bytes])
        return (n_bytes - (differing.bit_length() + 7) // 8) // width

    def _first(self, part: _Row, cut: Callable[[int], _Row], place: int) -> int:
        """The first context that begins with `part`; that at `place` does."""
        step = 1
        while place - step >= 0 and cut(self.order[place - step]) == part:
            place -= step
            step *= 2
        return bisect_left(self.order, part, max(0, place - step), place, key=cut)

    def _last(self, part: _Row, cut: Callable[[int], _Row], place: int) -> int:
        """The last context that begins with `part`; that at `place` does."""
        step, n_contexts = 1, len(self.order)
        while place + step < n_contexts and cut(self.order[place + step]) == part:
            place += step
            step *= 2
        return bisect_right(self.order, part, place, min(n_contexts, place + step), key=cut) - 1
