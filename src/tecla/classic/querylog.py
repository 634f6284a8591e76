"""Most popular completion: what others have asked that begins like this.

The queries of a log that begin with what is typed, most popular first (MPC: Bar-Yossef & Kraus
2011). Popularity fades: every asking weighs 2^(-age / half-life), because what is asked changes
(Whiting & Jose 2014). Where nobody has asked anything that begins as typed, the first words are
dropped until the rest begins the end of some query: the longest matching suffix (Mitra & Craswell
2015). For "zürich cheap fl" that offers what followed "cheap fl" or "fl".

    P(query | prefix) = w(query) / (W + D + 1)

W is the weight of everything that begins with the prefix and D how many different queries that are:
a query never asked gets (D + 1) / (W + D + 1), one for each time that something new turned up
(Witten & Bell 1991, method C). As the log ages W fades and D does not, so an old log is less sure.
A candidate is a whole query. Where `max_words` cuts it, equal cut texts are one, with the sum.

Ages are counted to the moment the log was opened, or to the newest query recorded since; so answers
do not change by themselves. One log is one thread's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from tecla.checks import number
from tecla.classic.entry_files import tidy
from tecla.classic.prefixes import Prefixes, Weighted
from tecla.classic.query_tables import QueryTables, cut
from tecla.classic.querylog_file import MOST_CHARS, Asked, QueryLogFile, key_of
from tecla.closing import Closing
from tecla.errors import OptionError
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context
from tecla.text.unicode import to_bytes
from tecla.text.words import WordEnd, line_break, words

HALF_LIFE_DAYS = 30.0
_MOST_SUFFIXES = 8  # words dropped at most, counted from the nearest that still leaves something
_MOST_ENDS = 48  # ends looked at when they must be cut
_MOST_HALVINGS = 500.0  # weights are scaled anew before they leave the range of a float


class QueryLog(Closing):
    """Candidates from a query log."""

    def __init__(
        self,
        file: QueryLogFile,
        name: str = "querylog",
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Read the whole log and take `file` over; `clock` gives seconds since the epoch."""
        self.file = file
        self._name = name
        self._clock = clock
        half_life_s = file.half_life_s
        self._halvings_a_second = 0.0 if half_life_s is None else 1 / half_life_s
        self._now = self._landmark = 0.0
        self._spelt: dict[str, str] = {}
        self._tables = QueryTables({})
        self._load(clock())

    @classmethod
    def open(cls, path: Path | str, *, clock: Callable[[], float] = time.time) -> QueryLog:
        """The log in a file; raises `ModelError` kinds."""
        path = Path(path)
        return cls(QueryLogFile.open(path), f"querylog:{path.stem}", clock=clock)

    @classmethod
    def create(
        cls,
        path: Path | str,
        *,
        half_life_days: float | None = HALF_LIFE_DAYS,
        clock: Callable[[], float] = time.time,
    ) -> QueryLog:
        """A new, empty log; `None` days: nothing fades.

        Raises `OptionError` for a half-life that is not above 0, `ModelError` if the file cannot
        be written or is there.
        """
        if half_life_days is not None and number("half_life_days", half_life_days) <= 0:
            raise OptionError(f"half_life_days is {half_life_days!r}; it must be above 0")
        path = Path(path)
        file = QueryLogFile.create(path, half_life_days)
        return cls(file, f"querylog:{path.stem}", clock=clock)

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._name

    def __len__(self) -> int:
        """How many different queries there are."""
        return len(self._tables.queries)

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """The most popular queries that begin as typed; see `Predictor`."""
        if context.after.strip():
            return []
        typed = _typed_query(context.before)
        if len(typed) > MOST_CHARS:
            return []
        prefix = key_of(typed)
        stretch = self._tables.queries.beginning(prefix)
        if stretch.stop > stretch.start:
            found = self._tables.top(prefix, budget.max_words, budget.n)
            total = self._total(self._tables.queries, prefix)
            return self._candidates(prefix, found, total, budget, self._tables.through)
        return self._from_ends(prefix, budget)

    def record(self, query: str, time: float | None = None) -> None:
        """Add one asking, now unless told when; it is on disk when this returns.

        Raises `InputError` for an empty query or one above 1,000 characters, `ModelError` if the
        file cannot be written; then nothing is learnt.
        """
        moment = self._clock() if time is None else number("time", time)
        to_bytes(query, "query")
        self.record_all([Asked(query, moment)])

    def record_all(self, asked: Iterable[Asked]) -> None:
        """Add many in one transaction: all of them or none."""
        for stored in self.file.record(asked):
            self._spelt[stored.key] = stored.text
            if stored.time > self._now:
                self._now = stored.time
            if (self._now - self._landmark) * self._halvings_a_second > _MOST_HALVINGS:
                self._load(self._now)
                return
            weight = stored.weight * self.file.faded(self._landmark - stored.time)
            self._tables.add(stored.key, weight - self._tables.queries.weight(stored.key))

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self.file.close()

    def _load(self, now: float) -> None:
        """Read the file; weights are kept as of the landmark, which then is the present."""
        stored = list(self.file.queries())
        self._now = self._landmark = max([now, *(each.time for each in stored)])
        self._spelt = {each.key: each.text for each in stored}
        weights = {
            each.key: each.weight * self.file.faded(self._landmark - each.time) for each in stored
        }
        self._tables = QueryTables(weights)

    def _total(self, table: Prefixes, prefix: str) -> float:
        """W + D + 1 as of the landmark; the new fade with everything else until then."""
        stretch = table.beginning(prefix)
        new = stretch.stop - stretch.start + 1
        return table.mass(stretch) + new / self.file.faded(self._now - self._landmark)

    def _from_ends(self, prefix: str, budget: Budget) -> list[Candidate]:
        """Continuations by the longest suffix of `prefix` that begins the end of a query."""
        tables = self._tables
        starts = [at + 1 for at, char in enumerate(prefix) if char == " "]
        for start in starts[-_MOST_SUFFIXES:]:
            suffix = prefix[start:]
            both = (tables.queries, tables.ends)
            if not suffix or not any(_length(table, suffix) for table in both):
                continue
            added: dict[str, float] = {}
            for table in both:
                for text, weight in islice(table.top(table.beginning(suffix)), _MOST_ENDS):
                    shown = cut(suffix, text, budget.max_words)
                    added[shown] = added.get(shown, 0.0) + weight
            total = sum(self._total(table, suffix) for table in both)
            added.pop(suffix, None)
            best = sorted(added.items(), key=lambda each: (-each[1], each[0]))[: budget.n]
            found = [Weighted(*each) for each in best]
            return self._candidates(suffix, found, total, budget, self._through_either)
        return []

    def _spelling(self, beginning: str) -> str:
        """How the most popular query that begins so is spelt, as far as that."""
        queries = self._tables.queries
        best = next(queries.top(queries.beginning(beginning)), None)
        return beginning if best is None else self._spelt[best.text][: len(beginning)]

    def _through_either(self, prefix: str, text: str) -> float:
        return self._tables.through(prefix, text) + self._tables.end_through(prefix + text)

    def _candidates(
        self,
        prefix: str,
        found: Iterable[Weighted],
        total: float,
        budget: Budget,
        through: Callable[[str, str], float],
    ) -> list[Candidate]:
        """Candidates for continuations of `prefix` with their weights, heaviest first."""
        added: dict[str, float] = {}
        for query, weight in found:
            text = cut(prefix, self._spelling(query), budget.max_words)[len(prefix) :]
            if text:
                added[text] = added.get(text, 0.0) + weight
        candidates = []
        for text, weight in sorted(added.items(), key=lambda each: (-each[1], each[0])):
            least, ends = weight, []
            spans = [span for span in words(prefix + text) if span.end > len(prefix)]
            for span in reversed(spans):
                offset = span.end - len(prefix)
                least = max(least, through(prefix, key_of(text[:offset])))
                ends.append(WordEnd(offset, min(1.0, least / total)))
            share = min(1.0, weight / total)
            candidates.append(Candidate(text, share, "querylog", tuple(reversed(ends))))
        return candidates


def _typed_query(before: str) -> str:
    """The query so far: the last line, one space between words, none before the first."""
    tail = before[-4 * MOST_CHARS :]
    while (at := line_break(tail)) is not None:
        tail = tail[at + 1 :]
    tidied = tidy(tail)
    return tidied + " " if tidied and tail[-1:].isspace() else tidied


def _length(table: Prefixes, prefix: str) -> int:
    stretch = table.beginning(prefix)
    return stretch.stop - stretch.start
