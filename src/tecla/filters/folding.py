"""Spellings of a word that are meant to be read as another: accents, look-alikes, digits, stars.

Knows no list of words. `bare` is stable: the bare form of a longer word begins with that of its
beginning, which the open views of `tecla.filters.base` rely on.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import regex

# A word as far as disguises go: letters and digits with their marks and invisible characters.
PART = regex.compile(r"(?:[\p{L}\p{N}][\p{M}\u00ad\u200b-\u200d\u2060\ufeff]*+)++")
_UNSEEN = regex.compile(r"[\p{M}\u00ad\u200b-\u200d\u2060\ufeff]+")
_LONG_RUN = regex.compile(r"(.)\1{2,}")
_LATIN = regex.compile(r"[a-z]")
# Cyrillic and Greek letters that look like Latin ones.
_LOOKALIKES = str.maketrans("авеѕіјкмнорстухһԁɡӏԛԝαβεικνορτυχ", "abesijkmhopctyxhdglqwabeiknoptux")
_LEET = {"0": "o", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "9": "g"}
_LEET |= {"@": "a", "$": "s", "€": "e", "£": "l", "+": "t", "ı": "i"}
_READINGS = tuple(
    str.maketrans(_LEET | {"1": one, "!": mark, "|": one}) for one, mark in (("i", "i"), ("l", "i"))
)
_DISGUISES = frozenset("013457895@$€£+!|")


def bare(word: str) -> str:
    """`word` in lower case without accents and invisible characters; context-free."""
    if word.isascii():
        return word.lower()
    return _UNSEEN.sub("", unicodedata.normalize("NFKD", word.casefold())).casefold()


def spellings(word: str) -> Iterator[str]:
    """The bare word, and what it is when look-alikes, long runs and digits at its ends go."""
    plain = bare(word)
    yield plain
    if not plain.isascii() and _LATIN.search(plain):
        plain = plain.translate(_LOOKALIKES)
        yield plain
    if _LONG_RUN.search(plain):
        yield _LONG_RUN.sub(r"\1", plain)
        yield _LONG_RUN.sub(r"\1\1", plain)
    shorter = plain.strip("0123456789")
    if shorter != plain:
        yield shorter


def readings(chunk: str) -> Iterator[str]:
    """What a run of non-spaces says if digits and marks stand for letters; nothing if none may.

    Where digits are more than half of it, it is a number.
    """
    if _DISGUISES.isdisjoint(chunk):
        return
    digits = sum(char.isdigit() for char in chunk)
    if 2 * digits > len(chunk) or not any(char.isalpha() for char in chunk):
        return
    plain = bare(chunk)
    accented = unicodedata.normalize("NFC", chunk).casefold()
    for table in _READINGS:
        yield plain.translate(table)
        if accented != plain:
            yield accented.translate(table)
