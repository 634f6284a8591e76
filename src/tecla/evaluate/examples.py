"""Carets where systems disagree, quoted: only from corpora whose licence lets a report do so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from tecla.evaluate.answers import Record
from tecla.evaluate.positions import typed_chars
from tecla.evaluate.typists import right_cuts, shown

MOST: Final = 8
_BEFORE_CHARS: Final = 48
_BEHIND_CHARS: Final = 24
_THRESHOLD: Final = 0.2  # what nobody would show is no disagreement worth reading


def disagreements(
    records: Mapping[str, Sequence[Record]], most: int = MOST
) -> list[dict[str, Any]]:
    """Of each passage the caret where systems differ most in right characters; the widest first.

    `records` are those of each system, by its name; passages that not all of them recorded are
    left out. Carets stand before a word or in one.
    """
    by_id = {name: {each.passage.id: each for each in own} for name, own in records.items()}
    shared = set.intersection(*(set(own) for own in by_id.values())) if by_id else set()
    found: list[tuple[int, dict[str, Any]]] = []
    for key in sorted(shared):
        own = {name: each[key] for name, each in by_id.items()}
        text = next(iter(own.values())).passage.text
        spreads = [
            (_spread(own, at), -at)
            for at, place in enumerate(typed_chars(text))
            if place is not None
        ]
        spread, behind = max(spreads, default=(0, 0))
        if spread:
            found.append((spread, _example(own, text, -behind)))
    found.sort(key=lambda each: -each[0])
    return [example for _, example in found[:most]]


def _spread(own: Mapping[str, Record], at: int) -> int:
    """The most right characters less the fewest; 0 if every system is silent or right."""
    counts = []
    for record in own.values():
        offer = shown(record.answers[at], _THRESHOLD)
        cuts = [] if offer is None else right_cuts(record.passage.text, at, offer)
        counts.append(cuts[-1] if cuts else 0)
    return max(counts) - min(counts)


def _example(own: Mapping[str, Record], text: str, at: int) -> dict[str, Any]:
    offers = {name: shown(record.answers[at], _THRESHOLD) for name, record in own.items()}
    return {
        "before": text[max(0, at - _BEFORE_CHARS) : at],
        "true": text[at : at + _BEHIND_CHARS],
        "shown": {name: offer.text for name, offer in offers.items() if offer is not None},
    }
