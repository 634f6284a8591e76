"""Three smoothings of the same counts, for page 1: tecla's own and two older ones."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tecla.ngram.backoff import Backoff
from tecla.ngram.counts import Level, count_levels
from tecla.ngram.kneser_ney import smooth
from tecla.ngram.lexer import lex
from tecla.ngram.lexicon import Lexicon
from tecla.ngram.spelling import Spelling, train_spelling

Array = npt.NDArray[Any]


class Counted:
    """The n-grams of training documents, and what a text costs under a smoothing of them."""

    def __init__(self, documents: Sequence[str], order: int, folder: Path) -> None:
        """Count; arrays go to `folder`."""
        rows = [lex(document) for document in documents]
        words = sorted({token for row in rows for token in row})
        self.lexicon = Lexicon.of(words)
        chars, arrays = train_spelling(words)
        self.spelling = Spelling(chars, arrays)
        self.folder = folder
        self._ids = {word: index for index, word in enumerate(words)}
        spelt = self.spelling.of_all(words)
        self._unspelt = 1 - spelt.sum()
        self.base = np.append(spelt, (self._unspelt, 0.0, 0.0))
        self.tokens = self.row(rows)
        start = self.lexicon.start
        ids = self.lexicon.ids
        self.levels = count_levels(self.tokens, ids, order, start, folder, lambda _: None)

    def row(self, rows: Sequence[Sequence[str]]) -> Array:
        """The ids of tokenised documents, each behind a start and before an end."""
        known = self.lexicon
        return np.array(
            [
                index
                for row in rows
                for index in (
                    known.start,
                    *(self._ids.get(token, known.unknown) for token in row),
                    known.end,
                )
            ],
            np.uint32,
        )

    def perplexity(self, model: Backoff, rows: Sequence[Sequence[str]]) -> float:
        """Per character, of documents; the unknown words are spelt, ends are not counted."""
        row = self.row(rows)
        counts = (row != self.lexicon.start) & (row != self.lexicon.end)
        nats = -np.log(model.of_row(row, self.lexicon.start)[counts]).sum()
        unknown = [token for each in rows for token in each if token not in self._ids]
        nats -= sum(math.log(self.spelling.probability(each) / self._unspelt) for each in unknown)
        # Every line begins with a space that is no character of the text.
        chars = sum(map(len, (token for each in rows for token in each)))
        chars -= sum(1 + each.count("\n") for each in rows)
        return math.exp(float(nats) / chars)

    def kneser_ney(self, order: int) -> Backoff:
        """The smoothing that tecla uses."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        arrays = smooth(self.levels[:order], self.lexicon.start, [1] * order, folder)
        return Backoff(arrays, self.base)

    def absolute(self, order: int) -> Backoff:
        """One discount an order off plain counts; what it leaves goes to the shorter history."""
        counts = np.array(self.levels[0].counts, np.int64)
        counts[self.lexicon.start] = 0
        share = np.maximum(counts - _discount(counts), 0) / counts.sum()
        arrays = {"share1": share, "rest0": np.array([1 - share.sum()])}
        for level, below in zip(self.levels[1:order], self.levels, strict=False):
            context, total = _contexts(level, len(below))
            share = (level.counts - _discount(level.counts)) / total[context]
            arrays |= _level(level, context, share, len(below))
        return Backoff(arrays, self.base)

    def add_one(self, order: int) -> Backoff:
        """Every word is counted once more behind every history of the full length."""
        start, words = self.lexicon.start, self.lexicon.ids - 1  # a start never follows
        counts = np.array(self.levels[0].counts, np.int64)
        counts[start] = 0
        even = np.full(self.lexicon.ids, 1 / words)
        even[start] = 0
        total = counts.sum() + words if order == 1 else 1
        share = counts / total if order == 1 else counts * 0.0
        arrays = {"share1": share, "rest0": np.array([1 - share.sum()])}
        begins = np.arange(self.lexicon.ids) == start  # entries whose history is all there is
        for level, below in zip(self.levels[1:order], self.levels, strict=False):
            context, seen = _contexts(level, len(below))
            full = begins[context] if level.order < order else np.ones(len(level), bool)
            share = full * level.counts / (seen[context] + words)
            arrays |= _level(level, context, share, len(below))
            begins = begins[context]
        return Backoff(arrays, even)

    def seen(self, rows: Sequence[Sequence[str]]) -> list[float]:
        """The share of the n-grams of documents that were counted, by order."""
        row = self.row(rows).astype(np.int64)
        ends, found = row, []
        inside = row != self.lexicon.start
        whole = np.ones(len(row), bool)  # an n-gram of this order ends here
        known = row < self.lexicon.unknown
        for level in self.levels:
            if level.order > 1:
                whole = np.append(False, whole[:-1]) & inside
                keys = np.append(0, ends[:-1]) * level.words + row
                at = np.minimum(np.searchsorted(level.keys, keys.astype(np.uint64)), len(level) - 1)
                known = np.append(False, known[:-1]) & whole & (level.keys[at] == keys)
                ends = np.where(known, at, 0)
                counted = whole & (row != self.lexicon.end)
                found.append(float(known[counted].mean()))
            else:
                words = inside & (row != self.lexicon.end)
                found.append(float(known[words].mean()))
                known = known | (row >= self.lexicon.start)
        return found


def _discount(counts: Array) -> float:
    """Ney, Essen & Kneser's estimate."""
    once, twice = (int(np.count_nonzero(counts == k)) for k in (1, 2))
    return once / (once + 2 * twice)


def _contexts(level: Level, n_below: int) -> tuple[Array, Array]:
    """The context of every entry, and how often each context was seen with a word behind it."""
    context = level.context(slice(None)).astype(np.int64)
    return context, np.bincount(context, level.counts, n_below)


def _level(level: Level, context: Array, share: Array, n_below: int) -> dict[str, Array]:
    """The arrays of one level, as `Backoff` wants them."""
    n = level.order
    children = np.bincount(context, minlength=n_below)
    return {
        f"word{n}": level.word(slice(None)),
        f"share{n}": share,
        f"rest{n - 1}": 1 - np.bincount(context, share, n_below),
        f"child{n - 1}": np.append(0, np.cumsum(children)),
    }
