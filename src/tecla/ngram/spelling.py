"""A character model of words: how probable any string is as a word, known or not.

An n-gram model over the characters of words, smoothed like that over words; below single
characters stand all code points alike, so every string has a probability and all strings
together have at most 1. It is the base distribution of the word model: what a word that was
never counted has, and how a half-typed unknown word goes on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tecla.ngram.backoff import Backoff, State
from tecla.ngram.counts import count_levels
from tecla.ngram.kneser_ney import smooth
from tecla.ngram.lexicon import IdRange, Lexicon
from tecla.ngram.remembered import Remembered

Array = npt.NDArray[Any]

ORDER = 6
_CODE_POINTS = 0x110000
_BEAM = 2
_MOST_CHARS = 12  # a guess is given up when it adds more
_REMEMBERED = 20_000  # beginnings of words that are not read again
_MOST_KEPT_CHARS = 40  # of each


class Spelling:
    """Probabilities of words by their characters."""

    def __init__(self, chars: Lexicon, arrays: Mapping[str, Array]) -> None:
        """`arrays` as `smooth` makes them, over the ids of `chars`."""
        self._chars = chars
        base = np.full(chars.ids, 1 / _CODE_POINTS)
        base[chars.start], base[chars.end] = 0, 0
        base[chars.unknown] = 1 - len(chars) / _CODE_POINTS
        self._model = Backoff(arrays, base)
        self._first = self._model.state([chars.start])
        self._lately: Remembered[str, tuple[State, float]] = Remembered(_REMEMBERED)
        self._ids = {chars.word(index): index for index in range(len(chars))}

    def probability(self, word: str) -> float:
        """That a word is `word`."""
        state, reached = self._read(word)
        return reached * self._model.probability(state, self._chars.end)

    def beginning(self, text: str) -> float:
        """That a word begins with `text`."""
        return self._read(text)[1]

    def of_all(self, words: Sequence[str]) -> Array:
        """Probabilities of many words at once, whose characters are all known  # [words]."""
        chars = self._chars
        row = _row(words, self._ids, chars)
        starts = row == chars.start
        shares = np.where(starts, 1.0, self._model.of_row(row, chars.start))
        return np.multiply.reduceat(shares, np.flatnonzero(starts))

    def completions(self, text: str, k: int) -> list[tuple[str, float]]:
        """Up to `k` words that begin with `text` and go on, with their probabilities.

        A narrow beam: the most probable by character, not always the most probable of all.
        """
        state, reached = self._read(text)
        beam, found = [(reached, text, state)], {}
        everything = IdRange(0, self._chars.ids)
        for _ in range(_MOST_CHARS):
            grown = []
            for reached, word, state in beam:
                for index, share in self._model.top(state, everything, _BEAM + 1):
                    if index == self._chars.end and len(word) > len(text):
                        found[word] = reached * share
                    elif index < len(self._chars):
                        char = self._chars.word(index)
                        grown.append((reached * share, word + char, index, state))
            grown.sort(key=lambda each: -each[0])
            least = sorted(found.values())[-k] if len(found) >= k else 0.0
            beam = [
                (reached, word, self._model.advance(state, index))
                for reached, word, index, state in grown[:_BEAM]
                if reached > least
            ]
            if not beam:
                break
        return sorted(found.items(), key=lambda each: -each[1])[:k]

    def _read(self, text: str) -> tuple[State, float]:
        """The state behind the beginning of a word, and how probable that is.

        What was read lately is known, also where one more character follows.
        """
        found = self._lately.get(text)
        if found is not None:
            return found
        known = self._lately.get(text[:-1])
        state, reached = known or (self._first, 1.0)
        for char in text[-1:] if known else text:
            state, reached = self._step(state, reached, char)
        if len(text) <= _MOST_KEPT_CHARS:
            self._lately.keep(text, (state, reached))
        return state, reached

    def _step(self, state: State, reached: float, char: str) -> tuple[State, float]:
        index = self._ids.get(char, self._chars.unknown)
        if index == self._chars.unknown:
            share = self._model.base_weight(state) / _CODE_POINTS
        else:
            share = self._model.probability(state, index)
        return self._model.advance(state, index), reached * share


def train_spelling(words: Sequence[str]) -> tuple[Lexicon, dict[str, Array]]:
    """The characters of `words` and the arrays of a `Spelling`; every word counts once."""
    chars = Lexicon.of(sorted({char for word in words for char in word}))
    ids = {chars.word(index): index for index in range(len(chars))}
    tokens = _row(words, ids, chars)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        levels = count_levels(tokens, chars.ids, ORDER, chars.start, folder, lambda _: None)
        arrays = smooth(levels, chars.start, [1] * ORDER, folder)
        return chars, {name: np.array(array) for name, array in arrays.items()}


def _row(words: Sequence[str], ids: Mapping[str, int], chars: Lexicon) -> Array:
    """The characters of all words in a row, each word between a start and an end."""
    return np.fromiter(
        (
            index
            for word in words
            for index in (chars.start, *(ids[char] for char in word), chars.end)
        ),
        np.uint32,
    )
