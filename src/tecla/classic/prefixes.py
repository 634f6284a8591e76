"""Weighted texts in memory, looked up by how they begin.

Texts stay in the order of their code points; a prefix is a stretch between two binary searches.
Taught at any time: a text that is there changes its weight, a new one is put in its place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from tecla.classic.ranking import Ranking, Stretch

_PAST_ALL = chr(0x10FFFF)  # no character: behind every text


class Weighted(NamedTuple):
    """A text and its weight."""

    text: str
    weight: float


class Prefixes:
    """Texts with weights, by prefix."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Sorts once; later changes are cheap."""
        self._texts = sorted(weights)
        found = np.fromiter((weights[text] for text in self._texts), np.float64, len(weights))
        self._ranking = Ranking(found)

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self._texts)

    def weight(self, text: str) -> float:
        """The weight of `text`; 0 if it is not here."""
        at = bisect_left(self._texts, text)
        return self._ranking[at] if self._holds(at, text) else 0.0

    def beginning(self, prefix: str) -> Stretch:
        """The texts that begin with `prefix`, itself included."""
        start = bisect_left(self._texts, prefix)
        return Stretch(start, bisect_left(self._texts, prefix + _PAST_ALL, start))

    def place(self, text: str, within: Stretch) -> int:
        """Where `text` is, or would be, inside a stretch."""
        return bisect_left(self._texts, text, *within)

    def mass(self, stretch: Stretch) -> float:
        """The sum of the weights of a stretch."""
        return self._ranking.mass(stretch)

    def top(self, stretch: Stretch) -> Iterator[Weighted]:
        """The texts of a stretch, heaviest first; lazy."""
        for index, weight in self._ranking.top(stretch):
            yield Weighted(self._texts[index], weight)

    def add(self, text: str, weight: float) -> None:
        """Add to the weight of `text`, new or not."""
        at = bisect_left(self._texts, text)
        if self._holds(at, text):
            self._ranking.change(at, self._ranking[at] + weight)
        else:
            self._texts.insert(at, text)
            self._ranking.insert(at, weight)

    def _holds(self, at: int, text: str) -> bool:
        return at < len(self._texts) and self._texts[at] == text
