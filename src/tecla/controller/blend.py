"""One ranking over all sources: what each says of the person's text, mixed by weight.

A text has the probability `(1 - weight) * model + weight * other`, word by word. What a source says
nothing about counts as 0 there, with two exceptions. The model can say how probable a word of
another is without searching for it, if that is one token (`Completed.weighed`). And where a source
ends, how the text goes on is left to the one that says so.

Of the two ways in which the sources go on behind the same word the likelier one is taken, the
model's if there is nothing to choose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from tecla.controller.tree import Alternative
from tecla.text.words import WordEnd

ENDS: Final = 0.9  # of all words that are one token, the share that ends with it


def blended(
    model: Sequence[Alternative],
    other: Sequence[Alternative],
    weight: float,
    weighed: Mapping[str, float] | None = None,
) -> list[Alternative]:
    """The alternatives of both, one for each first word, most probable first.

    weighed: what the model says of first words of the others that it did not search for.
    """
    if not other or not model:
        found = [*model, *other]
        return sorted(found, key=lambda each: -each.probability)
    ours = {first_word(each): each for each in reversed(model)}
    theirs = {first_word(each): each for each in reversed(other)}
    mixed = []
    for word in {**ours, **theirs}:
        one, two = ours.get(word), theirs.get(word)
        if one is not None and two is not None:
            mixed.append(_mixed(one, two, weight))
        elif one is not None:
            mixed.append(_scaled(one, 1 - weight))
        elif two is not None:
            known = ENDS * (weighed or {}).get(word, 0.0)
            share = (1 - weight) * known + weight * two.probability
            mixed.append(_scaled(two, share / two.probability if two.probability else 0.0))
    return sorted(mixed, key=lambda each: -each.probability)


def first_word(alternative: Alternative) -> str:
    """An alternative up to the end of its first word."""
    return alternative.text[: alternative.words[0].char_offset]


def _mixed(model: Alternative, other: Alternative, weight: float) -> Alternative:
    """Two alternatives that begin with the same word as one."""
    ways = []
    for path, share, side, rest in (
        (model, 1 - weight, other, weight),
        (other, weight, model, 1 - weight),
    ):
        words: list[WordEnd] = []
        agrees = True
        factor = 1.0
        for count, word in enumerate(path.words):
            probability = share * word.probability
            there = side.words[count] if count < len(side.words) else None
            if there is not None and agrees:
                same = side.text[: there.char_offset] == path.text[: word.char_offset]
                agrees = same
                probability += rest * there.probability if same else 0.0
            elif agrees and words:  # the other says no more
                before = path.words[count - 1].probability
                given = word.probability / before if before else 0.0
                probability = words[-1].probability * given
            factor = probability / word.probability if word.probability else 0.0
            words.append(_times(word, factor))
        ways.append(replace(path, words=tuple(words), marks=_marks(path, words)))
    return max(ways, key=lambda way: way.words[1].probability if len(way.words) > 1 else 0.0)


def _marks(path: Alternative, words: Sequence[WordEnd]) -> tuple[WordEnd, ...]:
    """The marks of a path, each with the factor of the word before it."""
    found = []
    for mark in path.marks:
        before = [
            (old, new)
            for old, new in zip(path.words, words, strict=True)
            if old.char_offset <= mark.char_offset
        ]
        old, new = before[-1] if before else (path.words[0], words[0])
        found.append(_times(mark, new.probability / old.probability if old.probability else 0.0))
    return tuple(found)


def _scaled(alternative: Alternative, factor: float) -> Alternative:
    """With all probabilities times a factor."""
    return replace(
        alternative,
        words=tuple(_times(end, factor) for end in alternative.words),
        marks=tuple(_times(end, factor) for end in alternative.marks),
    )


def _times(end: WordEnd, factor: float) -> WordEnd:
    spaced = None if end.spaced is None else min(1.0, end.spaced * factor)
    return WordEnd(end.char_offset, min(1.0, end.probability * factor), spaced)
