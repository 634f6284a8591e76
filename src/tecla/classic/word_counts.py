"""How often one person wrote each word: what re-ranks a general word list.

Fed by whoever sees the person's text; kept in memory and nowhere else. Words count in lower case.
"""

from __future__ import annotations

import regex

from tecla.checks import whole
from tecla.classic.casing import lower
from tecla.classic.prefixes import Prefixes
from tecla.classic.ranking import Stretch

_WORD = regex.compile(r"[\p{L}\p{M}]+(?:['’-][\p{L}\p{M}]+)*")


class WordCounts:
    """Counts of words, by prefix."""

    def __init__(self, language: str = "") -> None:
        """`language` says how lower case is made."""
        self._language = language
        self._words = Prefixes({})
        self._total = 0

    @property
    def total(self) -> int:
        """How many words were counted, repeats included."""
        return self._total

    def count(self, word: str, times: int = 1) -> None:
        """Count `word` so many `times`; raises `OptionError` for fewer than one."""
        whole("times", times, 1)
        self._words.add(lower(word, self._language), float(times))
        self._total += times

    def count_text(self, text: str) -> None:
        """Count every word of `text`."""
        for match in _WORD.finditer(text):
            self.count(match.group().replace("’", "'"))

    def of(self, word: str) -> float:
        """How often `word`, in lower case, was counted."""
        return self._words.weight(word)

    @property
    def words(self) -> Prefixes:
        """The words by prefix; for reading only."""
        return self._words

    def beginning(self, prefix: str) -> Stretch:
        """The counted words that begin with `prefix`."""
        return self._words.beginning(prefix)
