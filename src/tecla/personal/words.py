"""A person's words in the n-gram model: texts that were learnt, as a matcher over whole words.

The words of the texts are numbered in their order where they are read, and nothing of it is ever on
the disk: a megabyte of text is read in about two seconds. The same matcher and gates as over a
model's tokens (`mixed.py`), fitted for words beside an n-gram model. Below the shortest match
stands the frequency of each word, an end of no words: so a half-typed word is known wherever it is
typed.

It does not change: what is learnt later is in another one, made anew.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from tecla.ngram.lexer import lex
from tecla.personal.base import BOUNDARY, Matched
from tecla.personal.mixed import Mixed, mixed
from tecla.personal.segment import Row, Segment
from tecla.personal.vocabulary import Vocabulary
from tecla.personal.weights import Floats64, Source, Weights, shipped

_LOOKED_BACK: Final = 32  # tokens that are asked about
_LAST: Final = "\U0010ffff"  # behind all that begins alike


def frequencies(rows: Iterable[Sequence[int]], size: int) -> Matched:
    """What follows an end of no tokens: every id of the rows, as often as it is there."""
    counts = np.bincount(
        np.concatenate([np.asarray(row, dtype=np.int64) for row in rows]), minlength=size
    )
    ids = np.flatnonzero(counts)
    return Matched(0, int(counts.sum()), ids.astype(np.int32), counts[ids])


class LearntWords:
    """Texts of one owner, in memory. For any thread."""

    def __init__(
        self, texts: Iterable[str], source: Source = "user", weights: Weights | None = None
    ) -> None:
        """Read the texts, each a document. `weights`: those that come with tecla for words."""
        self._source = source
        self._weights = weights or shipped("words")
        documents = [tokens for tokens in map(lex, texts) if tokens]
        self.words = sorted({token for tokens in documents for token in tokens})
        self._numbers = {word: number for number, word in enumerate(self.words)}
        self.frequency: Floats64 = np.zeros(len(self.words))  # [words], shares
        self._frequency_gate = 0.0
        rows = [[self._numbers[token] for token in tokens] for tokens in documents]
        self._segment = Segment.of(
            [Row(number, row) for number, row in enumerate(rows)], Vocabulary(len(self.words) + 1)
        )
        if rows:
            level = frequencies(rows, len(self.words))
            gate = self._weights.gate(source, [level])
            self._frequency_gate = 0.0 if gate is None else float(gate[0])
            self.frequency[level.ids] = level.counts / level.count
        self.frequency_sums = np.concatenate(([0.0], np.cumsum(self.frequency)))  # [words + 1]

    def after(self, tokens: Sequence[str]) -> LearntNext | None:
        """What follows `tokens`; see `OwnWords`."""
        if not self.words:
            return None
        unseen = len(self.words)
        asked = [self._numbers.get(token, unseen) for token in tokens[-_LOOKED_BACK:]]
        if len(asked) == len(tokens):
            asked = [BOUNDARY, *asked]
        found = mixed(self._weights, [(self._source, self._segment.matches(asked))])
        return LearntNext(self, found, self._frequency_gate)

    def number(self, token: str) -> int | None:
        """The number of a word, if somebody wrote it."""
        return self._numbers.get(token)

    def beginning(self, text: str) -> tuple[int, int]:
        """The words that begin with `text`, as a range of their numbers."""
        return bisect_left(self.words, text), bisect_left(self.words, text + _LAST)


class LearntNext:
    """What follows one place; see `Own`."""

    def __init__(self, learnt: LearntWords, found: Mixed | None, gate: float) -> None:
        """`found` is put upon the frequencies, which have the weight `gate`."""
        self._learnt, self._found = learnt, found
        above = 1.0 if found is None else found.kept
        self._plain = above * gate
        self.kept = above * (1 - gate)

    @property
    def follows(self) -> bool:
        """Whether what stands before the caret was seen before."""
        return self._found is not None

    def share(self, token: str) -> float:
        """The share of a token."""
        number = self._learnt.number(token)
        if number is None:
            return 0.0
        share = self._plain * float(self._learnt.frequency[number])
        if self._found is not None:
            at = int(np.searchsorted(self._found.ids, number))
            if at < len(self._found.ids) and self._found.ids[at] == number:
                share += float(self._found.own[at])
        return share

    def mass(self, beginning: str) -> float:
        """The shares of all tokens that begin so."""
        low, high = self._learnt.beginning(beginning)
        sums = self._learnt.frequency_sums
        total = self._plain * float(sums[high] - sums[low])
        if self._found is not None:
            first, last = np.searchsorted(self._found.ids, [low, high]).tolist()
            total += float(self._found.own[first:last].sum())
        return total

    def best(self, beginning: str, n: int) -> list[str]:
        """Up to `n` tokens that begin so, the largest share first."""
        low, high = self._learnt.beginning(beginning)
        shares = self._plain * self._learnt.frequency[low:high]
        if self._found is not None:
            first, last = np.searchsorted(self._found.ids, [low, high]).tolist()
            shares[self._found.ids[first:last] - low] += self._found.own[first:last]
        count = min(n, len(shares))
        chosen = np.argpartition(-shares, count - 1)[:count] if count else np.empty(0, np.int64)
        ranked = sorted(chosen.tolist(), key=lambda at: -float(shares[at]))
        return [self._learnt.words[low + at] for at in ranked if shares[at] > 0]
