"""How well a passage fits the words of a query: BM25, counted among its own owners' passages.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), with the
weight of a word that is never negative (as Lucene has it). FTS5 comes with a BM25 of its own, which
counts how rare a word is over the whole table: from its scores one user could tell which words
others have learnt. So the store counts among the passages of the owners that are asked, and ranks
here. Knows no table.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import regex

MOST_TERMS: Final = 24  # the rarest of a query; each costs a look at every passage that has it
_MOST_LOOKS: Final = 3000  # at passages, by all terms together, beyond the first few
_LEAST_TERMS: Final = 4
_COMMON: Final = 1 / 3  # of the passages: a word in more of them tells none apart
_K1: Final = 1.2
_B: Final = 0.75
_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{N}\p{M}]*")
_MOST_QUERY_CHARS: Final = 4000
_MOST_COUNTED: Final = 64


def folded(word: str) -> str:
    """The word without case and diacritics: what two words must share to be the same."""
    parts = unicodedata.normalize("NFD", word)
    bare = "".join(each for each in parts if unicodedata.category(each) != "Mn")
    return unicodedata.normalize("NFC", bare).lower()


def words_of(text: str) -> list[str]:
    """Every word of a text, as it is written."""
    return _WORD.findall(text)


def terms_of(query: str) -> dict[str, str]:
    """The distinct words of a query as they are written, by their folded form.

    Of a long query those at its end, which is nearest to the caret: `_MOST_COUNTED` of them.
    """
    terms: dict[str, str] = {}
    for word in reversed(words_of(query[-_MOST_QUERY_CHARS:])):
        terms.setdefault(folded(word), word)
        if len(terms) == _MOST_COUNTED:
            break
    return terms


def weights(found: Mapping[str, int], passages: int) -> dict[str, float]:
    """The terms to rank by and the weight of each, from how many of the passages have it.

    Terms that none has are left out, and those that many have, unless there are no others. Of the
    rest the rarest are taken, few enough that the passages that have them can be looked at.
    """
    known = {term: count for term, count in found.items() if count}
    telling = {term: count for term, count in known.items() if count <= _COMMON * passages}
    ordered = sorted((telling or known).items(), key=lambda each: (each[1], each[0]))
    taken, looks = dict[str, float](), 0
    for term, count in ordered[:MOST_TERMS]:
        looks += count
        if len(taken) >= _LEAST_TERMS and looks > _MOST_LOOKS:
            break
        taken[term] = math.log1p((passages - count + 0.5) / (count + 0.5))
    return taken


def score(counts: Iterable[int], weights: Sequence[float], length: int, average: float) -> float:
    """BM25 of a passage.

    counts: how often it has each term, beside the terms' weights. length: its words; average: of
    all passages of the owners.
    """
    pressed = _K1 * (1 - _B + _B * length / average) if average else _K1
    return sum(
        weight * count * (_K1 + 1) / (count + pressed)
        for count, weight in zip(counts, weights, strict=True)
        if count
    )
