"""Words of the text before the caret: who wrote a word is likely to write it again.

A cache model beside the n-gram model, over the words alone, in which every word further back
counts a little less. Source: Kuhn & De Mori 1990 (A cache-based natural language model for
speech recognition); half-life and share were tuned on the dev splits of the reports.
"""

from __future__ import annotations

from tecla.ngram.lexer import is_word, lex

_HALF_LIFE_WORDS = 200.0
_MOST_SHARE = 0.1  # of the mixed probability, once there are many words
_HALF_SHARE_WORDS = 20.0  # with so many (decayed) words the share is half of that
_MOST_CHARS = 8_000  # further back a word counts nothing
_MOST_WEIGHT = 1e100  # newer words weigh more; all are scaled down when they weigh this


class Recency:
    """The words of one text, followed as it grows."""

    def __init__(self) -> None:
        """No text yet."""
        self._text = ""
        self._weights: dict[str, float] = {}
        self._step = 1.0

    @property
    def share(self) -> float:
        """What part of the probability the recent words have."""
        decayed = sum(self._weights.values()) / self._step
        return _MOST_SHARE * decayed / (decayed + _HALF_SHARE_WORDS)

    def follow(self, text: str) -> None:
        """Take `text`, which ends where a token does, as what stands before the caret.

        Costs what was added since the last call, or the last 8,000 characters if something else
        changed. The first, possibly cut word of those is left out.
        """
        if not self._text or not text.startswith(self._text):
            self._weights, self._step = {}, 1.0
            if len(text) > _MOST_CHARS:
                _, _, added = text[-_MOST_CHARS:].partition(" ")
            else:
                added = text
        else:
            added = text[len(self._text) :]
        self._text = text
        for token in lex(added.removeprefix(" ")):
            if is_word(token):
                self._step *= 2 ** (1 / _HALF_LIFE_WORDS)
                self._weights[token] = self._weights.get(token, 0.0) + self._step
        if self._step > _MOST_WEIGHT:
            self._weights = {word: weight / self._step for word, weight in self._weights.items()}
            self._step = 1.0

    def beginning(self, text: str) -> dict[str, float]:
        """Words that begin with `text`, with their probabilities among all recent words."""
        total = sum(self._weights.values())
        return {
            word: weight / total for word, weight in self._weights.items() if word.startswith(text)
        }
