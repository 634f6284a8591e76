"""One ranking over all sources: what each says of a next word, mixed by weight.

A word has the probability `(1 - weight) * model + weight * other`, 0 where a source did not name
it. How it goes on is taken from the source that was asked for phrases with the whole text in view,
the model's if it has one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tecla.controller.tree import Alternative
from tecla.text.words import WordEnd


def blended(
    model: Sequence[Alternative], other: Sequence[Alternative], weight: float
) -> list[Alternative]:
    """The alternatives of both, one for each first word, most probable first."""
    if not other or not model:
        found = [*model, *other]
        return sorted(found, key=lambda each: -each.probability)
    shares: dict[str, float] = {}
    paths: dict[str, Alternative] = {}
    for source, factor in ((model, 1 - weight), (other, weight)):
        for each in source:
            word = first_word(each)
            shares[word] = shares.get(word, 0.0) + factor * each.probability
            paths.setdefault(word, each)
    mixed = [scaled(paths[word], share) for word, share in shares.items()]
    return sorted(mixed, key=lambda each: -each.probability)


def first_word(alternative: Alternative) -> str:
    """An alternative up to the end of its first word."""
    return alternative.text[: alternative.words[0].char_offset]


def scaled(alternative: Alternative, probability: float) -> Alternative:
    """With another probability of the first word; what follows it keeps its share."""
    factor = probability / alternative.probability if alternative.probability else 0.0

    def ends(found: Sequence[WordEnd]) -> tuple[WordEnd, ...]:
        return tuple(
            WordEnd(
                end.char_offset,
                min(1.0, end.probability * factor),
                None if end.spaced is None else min(1.0, end.spaced * factor),
            )
            for end in found
        )

    return replace(alternative, words=ends(alternative.words), marks=ends(alternative.marks))
