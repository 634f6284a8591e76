"""The words of a model in sorted order: words to ids, and beginnings to ranges of ids."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tecla.ngram.remembered import Remembered

Array = npt.NDArray[Any]

_REMEMBERED = 20_000  # words whose ids are at hand
_PAST_ALL = b"\xff"  # behind every UTF-8 text


class IdRange(NamedTuple):
    """Ids of words side by side, half-open."""

    start: int
    stop: int


class Lexicon:
    """Words numbered in the order of their UTF-8, so that a beginning is a range of ids.

    Kept as one row of bytes and the places where words end; nothing is unpacked when a file is
    opened. Behind the words come three ids of events that are no words.
    """

    def __init__(self, data: Array, ends: Array) -> None:
        """`data`: UTF-8 of all words  # [bytes] uint8; `ends`: # [words + 1] uint32."""
        self._data = data
        self._ends = ends
        self._found: Remembered[str, int] = Remembered(_REMEMBERED)
        self._begun: Remembered[bytes, IdRange] = Remembered(_REMEMBERED)

    @classmethod
    def of(cls, words: Sequence[str]) -> Lexicon:
        """The lexicon of sorted words."""
        spelt = [word.encode() for word in words]
        ends = np.concatenate(([0], np.cumsum([len(each) for each in spelt], dtype=np.int64)))
        return cls(np.frombuffer(b"".join(spelt), np.uint8), ends.astype(np.uint32))

    @property
    def arrays(self) -> tuple[Array, Array]:
        """What `Lexicon` is made from."""
        return self._data, self._ends

    def __len__(self) -> int:
        """How many words there are; the ids of words are below it."""
        return len(self._ends) - 1

    @property
    def unknown(self) -> int:
        """The id of any word that is not in here."""
        return len(self)

    @property
    def start(self) -> int:
        """The id of the beginning of a text."""
        return len(self) + 1

    @property
    def end(self) -> int:
        """The id of the end of a text."""
        return len(self) + 2

    @property
    def ids(self) -> int:
        """How many ids there are in all."""
        return len(self) + 3

    def __getitem__(self, index: int) -> bytes:
        """UTF-8 of a word."""
        return self._data[self._ends[index] : self._ends[index + 1]].tobytes()

    def word(self, index: int) -> str:
        """The word of an id below `len(self)`."""
        return self[index].decode()

    def find(self, word: str) -> int:
        """The id of `word`; `unknown` if it is not in here."""
        index = self._found.get(word)
        if index is None:
            spelt = word.encode()
            at = bisect_left(self, spelt, 0, len(self))
            known = at < len(self) and self[at] == spelt
            index = self._found.keep(word, at if known else self.unknown)
        return index

    def beginning(self, text: str) -> IdRange:
        """The words that begin with `text`, itself included."""
        spelt = text.encode()
        found = self._begun.get(spelt)
        if found is None:
            low, high = self._begun.get(spelt[:-1], (0, len(self)))
            low = bisect_left(self, spelt, low, high)
            high = bisect_left(self, spelt + _PAST_ALL, low, high)
            found = self._begun.keep(spelt, IdRange(low, high))
        return found
