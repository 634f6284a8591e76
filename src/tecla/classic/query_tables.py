"""Weighted queries in memory: whole, cut behind their first words, and by how they end.

A query is cut where a word ends. For every number of words there is a table of beginnings of that
many words, in which equal ones are one with the sum of their weights, and a table of the whole
queries that have just so many: together they answer "the best continuations of at most m words"
without looking at every query. A last table holds every end of a query that begins with a word:
what to go back to when nobody has asked anything that begins as typed (Mitra & Craswell 2015).
Some four beginnings and four ends a query: about 1 kB of memory each.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from itertools import islice

from tecla.classic.prefixes import Prefixes, Weighted
from tecla.classic.ranking import Stretch
from tecla.text.words import words

_AFTER_MARKS = "0"  # blanks and the marks that queries hold come before it, letters after


class QueryTables:
    """Queries by prefix; weights as of one fixed moment."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        """Lays out all tables."""
        whole: dict[int, dict[str, float]] = {}
        beginnings: dict[int, dict[str, float]] = {}
        ends: dict[str, float] = {}
        for query, weight in weights.items():
            spans = words(query)
            whole.setdefault(len(spans), {})[query] = weight
            for count, beginning in _beginnings(query):
                table = beginnings.setdefault(count, {})
                table[beginning] = table.get(beginning, 0.0) + weight
            for end in _ends(query):
                ends[end] = ends.get(end, 0.0) + weight
        self.queries = Prefixes(weights)
        self.ends = Prefixes(ends)
        self._whole = {count: Prefixes(table) for count, table in whole.items()}
        self._beginnings = {count: Prefixes(table) for count, table in beginnings.items()}

    def add(self, query: str, weight: float) -> None:
        """Add to the weight of a query, new or not."""
        self.queries.add(query, weight)
        self._whole.setdefault(len(words(query)), Prefixes({})).add(query, weight)
        for count, beginning in _beginnings(query):
            self._beginnings.setdefault(count, Prefixes({})).add(beginning, weight)
        for end in _ends(query):
            self.ends.add(end, weight)

    def top(self, prefix: str, max_words: int, n: int) -> list[Weighted]:
        """The `n` heaviest continuations of `prefix`, at most `max_words` words each."""
        spans = words(prefix)
        touching = bool(spans) and spans[-1].end == len(prefix)
        done = len(spans) - touching  # words before the one at the caret
        if not touching:
            return _heaviest(self._best(prefix, "", done, done + max_words, n), n)
        # The word at the caret may be whole, then the words behind it count, or go on.
        best = self._best(prefix, prefix + _AFTER_MARKS, done, done + 1 + max_words, n, low=True)
        best += self._best(prefix, prefix + _AFTER_MARKS, done, done + max_words, n)
        return _heaviest(best, n)

    def through(self, prefix: str, text: str) -> float:
        """The weight of the queries that go on from `prefix` with `text`, which ends a word."""
        return self._ending_word(self.queries, prefix + text)

    def end_through(self, end: str) -> float:
        """The weight of the ends of queries that begin with `end`, which ends a word."""
        return self._ending_word(self.ends, end)

    def _ending_word(self, table: Prefixes, text: str) -> float:
        stretch = table.beginning(text)
        return table.mass(Stretch(stretch.start, table.place(text + _AFTER_MARKS, stretch)))

    def _best(
        self, prefix: str, middle: str, done: int, most: int, n: int, *, low: bool = False
    ) -> list[Weighted]:
        """The heaviest beginnings of `most` words and whole queries of fewer.

        With a `middle`, of those before it in order (`low`) or from there on.
        """
        tables = [self._beginnings.get(most)]
        tables += [self._whole.get(count) for count in range(done, most)]
        found: list[Weighted] = []
        for table in tables:
            if table is None:
                continue
            stretch = table.beginning(prefix)
            if middle:
                at = table.place(middle, stretch)
                stretch = Stretch(stretch.start, at) if low else Stretch(at, stretch.stop)
            found += islice(table.top(stretch), n + 1)  # the prefix itself may be among them
        return [each for each in found if len(each.text) > len(prefix)]


def cut(prefix: str, query: str, max_words: int) -> str:
    """`query` without the words beyond the first `max_words` behind `prefix`, its beginning."""
    spans = words(query)
    done = sum(span.end <= len(prefix) for span in spans)
    most = done + max_words
    return query if len(spans) <= most else query[: spans[most - 1].end]


def _beginnings(query: str) -> Iterator[tuple[int, str]]:
    """The beginnings of one word and more, with their numbers of words; the last is whole."""
    spans = words(query)
    for count, span in enumerate(spans, 1):
        yield count, query if count == len(spans) else query[: span.end]


def _ends(query: str) -> Iterator[str]:
    """The ends that begin with a word, the whole not among them."""
    for at, char in enumerate(query):
        if char == " ":
            yield query[at + 1 :]


def _heaviest(found: list[Weighted], n: int) -> list[Weighted]:
    added: dict[str, float] = {}
    for text, weight in found:
        added[text] = added.get(text, 0.0) + weight
    return heapq.nsmallest(n, map(Weighted._make, added.items()), key=lambda each: (-each[1], each))
