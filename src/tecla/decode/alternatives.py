"""Alternatives that spell the same text are one: their probabilities add up."""

from __future__ import annotations

from dataclasses import replace

from tecla.decode.branch import Branch
from tecla.decode.request import Continuation
from tecla.text.caret import Path
from tecla.text.words import WordEnd


def joined_by_text(pool: list[Branch]) -> tuple[list[Branch], list[Branch]]:
    """Branches by probability, one for each text, and those that joined another."""
    by_text: dict[str | bytes, Branch] = {}
    spelt: dict[str | bytes, set[Path]] = {}
    losers = []
    for branch in sorted(pool, key=lambda branch: -branch.logprob):
        text, path = branch.identity()
        known = spelt.setdefault(text, set())
        if text not in by_text:
            by_text[text] = branch
        else:
            losers.append(branch)
            if path not in known and by_text[text].stop is None:
                by_text[text].join(branch.logprob)
        known.add(path)
    return sorted(by_text.values(), key=lambda branch: -branch.logprob), losers


def without_nested(found: dict[str, Continuation]) -> dict[str, Continuation]:
    """Texts of which none begins with another: disjoint events; the earlier one stays."""
    kept: dict[str, Continuation] = {}
    for text, continuation in found.items():
        if not any(text.startswith(other) or other.startswith(text) for other in kept):
            kept[text] = continuation
    return kept


def joined(first: Continuation, second: Continuation) -> Continuation:
    """Two alternatives of equal text and different spelling as one."""
    return replace(
        first,
        probability=min(1.0, first.probability + second.probability),
        words=tuple(map(_joined_end, first.words, second.words)),
    )


def _joined_end(one: WordEnd, other: WordEnd) -> WordEnd:
    spaced = None
    if one.spaced is not None and other.spaced is not None:
        spaced = min(1.0, one.spaced + other.spaced)
    return WordEnd(one.char_offset, min(1.0, one.probability + other.probability), spaced)
