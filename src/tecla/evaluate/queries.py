"""The query typist: whole queries offered as a list, by how much of them is typed.

At every caret of a query the list is looked at for exactly the rest of it. *MRR* is the mean over
carets of 1 / rank, 0 where it is not in the list; *success@k* the share of carets where its rank
is at most k (Bar-Yossef & Kraus 2011; Mitra & Craswell 2015). A prefix is *seen* if some query of
the log the systems were trained on begins with it, case apart. The empty prefix is left out: what
is offered there does not depend on the query.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tecla.evaluate.answers import Record
from tecla.evaluate.metrics import Ratio

PREFIX_LENGTHS: Final = ((1, 2), (3, 5), (6, 10), (11, 20), (21, None))
SUCCESS_AT: Final = (1, 3, 10)


class Lengths(NamedTuple):
    """Prefix lengths in characters, both ends included; `most` is `None` where there is no end."""

    least: int
    most: int | None

    @property
    def label(self) -> str:
        """As a table calls it."""
        return f"{self.least}+" if self.most is None else f"{self.least}-{self.most}"


@dataclass(frozen=True, slots=True)
class QueryFigures:
    """Figures of one set of prefixes; every ratio is over their carets."""

    mrr: Ratio
    success: dict[int, Ratio]


class SeenPrefixes:
    """Which prefixes a log has seen."""

    def __init__(self, queries: Iterable[str]) -> None:
        """`queries` are those that the systems were trained on."""
        self._sorted = sorted({query.lower() for query in queries})

    def __contains__(self, prefix: str) -> bool:
        """Whether some query begins with it."""
        prefix = prefix.lower()
        at = bisect_left(self._sorted, prefix)
        return at < len(self._sorted) and self._sorted[at].startswith(prefix)


def rank(record: Record, at: int) -> int | None:
    """The place of the whole query in the list at a caret, from 1; `None` if it is not there."""
    text = record.passage.text
    for place, offer in enumerate(record.answers[at].offers, 1):
        if text[: at - offer.replaces] + offer.text.rstrip() == text:
            return place
    return None


def query_figures(
    records: Sequence[Record],
    lengths: Lengths,
    seen: SeenPrefixes | None = None,
    wanted_seen: bool = True,
) -> QueryFigures:
    """MRR and success@k over prefixes of these lengths.

    With `seen` only over the prefixes it has seen, or only over the others.
    """
    mrr = Ratio([], [])
    success = {k: Ratio([], []) for k in SUCCESS_AT}
    for record in records:
        text = record.passage.text
        ranks = [
            rank(record, at)
            for at in range(lengths.least, min(len(text), (lengths.most or len(text)) + 1))
            if seen is None or (text[:at] in seen) is wanted_seen
        ]
        mrr.parts.append(sum(1 / place for place in ranks if place))
        mrr.wholes.append(len(ranks))
        for k, ratio in success.items():
            ratio.parts.append(sum(place is not None and place <= k for place in ranks))
            ratio.wholes.append(len(ranks))
    return QueryFigures(mrr, success)
