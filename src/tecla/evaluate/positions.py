"""Where suggestions are right: by how much of the word is typed, and by its place in the sentence.

The figure is that of the next word: the share of all carets of a place where the first word of
the best candidate is right. Silence counts as not right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tecla.evaluate.answers import Record
from tecla.evaluate.metrics import Ratio
from tecla.evaluate.typists import right_cuts
from tecla.text.words import sentence_end, words

MOST_TYPED: Final = 5
MOST_WORDS: Final = 10
Places = Callable[[str], list[int | None]]


def typed_chars(text: str) -> list[int | None]:
    """For every caret, how many characters of a word are typed before it.

    0 stands before a word, behind white space; a caret behind a whole word has `None`, as a
    space or a mark is what comes next.
    """
    found: list[int | None] = [None] * len(text)
    for start, end in words(text):
        for at in range(start, end):
            found[at] = min(at - start, MOST_TYPED)
    return found


def words_before(text: str) -> list[int | None]:
    """For every caret before or in a word, how many words of the sentence stand before it."""
    found: list[int | None] = [None] * len(text)
    count, behind = 0, 0
    for start, end in words(text):
        if sentence_end("", text[behind:start]) is not None or "\n" in text[behind:start]:
            count = 0
        found[start:end] = [min(count, MOST_WORDS)] * (end - start)
        count, behind = count + 1, end
    return found


def right_by_place(records: Sequence[Record], places: Places, most: int) -> dict[int, Ratio]:
    """The share of carets whose next word is right, by place."""
    found = {place: Ratio([], []) for place in range(most + 1)}
    for record in records:
        text = record.passage.text
        right, carets = [0] * (most + 1), [0] * (most + 1)
        for at, (place, answer) in enumerate(zip(places(text), record.answers, strict=True)):
            if place is not None:
                carets[place] += 1
                right[place] += bool(answer.offers) and bool(right_cuts(text, at, answer.offers[0]))
        for place, ratio in found.items():
            ratio.parts.append(right[place])
            ratio.wholes.append(carets[place])
    return found
