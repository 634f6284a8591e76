"""One slip of the finger: what could have been meant by what is typed, and how probable each is.

The noisy-channel model of Kernighan, Church & Gale (1990): P(word | typed) is proportional to
P(word) P(typed | word). The four slips are Damerau's (1964); at most one is looked for, as he found
most misspellings to have one. Per letter typed:

    a wrong key     0.006   four fifths of it spread over the keys beside the right one
    a letter left out 0.004
    a key too many  0.003   nearly all of it the same key twice or one beside a neighbour
    two swapped     0.002

These rates are assumptions of this program, not measured on its users; they only matter against
one another and against the frequencies of words. A wrong key that is not beside the right one is
left out (0.0012 a letter), and so are two slips in one word.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

Keyboard = Literal["qwerty", "qwertz", "azerty"]

WRONG_KEY, LEFT_OUT, TOO_MANY, SWAPPED = 0.006, 0.004, 0.003, 0.002
SLIP = WRONG_KEY + LEFT_OUT + TOO_MANY + SWAPPED
_BESIDE = 0.8  # of wrong keys, those beside the right one
_FAR_KEYS = 30  # keys a stray one is spread over
_NEAR_STRAY = 0.9  # of keys too many, those beside their neighbours or the same
FEWEST_CHARS, MOST_CHARS = 3, 24  # of a typed word in which a slip is looked for

_ROWS: dict[Keyboard, tuple[str, str, str]] = {
    "qwerty": ("qwertyuiop", "asdfghjklñ", "zxcvbnm"),
    "qwertz": ("qwertzuiop", "asdfghjkl", "yxcvbnm"),
    "azerty": ("azertyuiop", "qsdfghjklm", "wxcvbn"),
}
_SHIFTS = (0.0, 0.25, 0.75)  # how far right a row stands, in keys
_REACH_SQUARED = 1.6


class Meant(NamedTuple):
    """What may have been meant, and the probability of typing it as it is typed."""

    text: str
    probability: float


def right(typed: str) -> float:
    """The probability that `typed` is typed where it is meant."""
    return float((1 - SLIP) ** len(typed))


def meant_by(typed: str, alphabet: str, keyboard: Keyboard = "qwerty") -> Iterator[Meant]:
    """Every beginning of a word that one slip turns into `typed`.

    `typed` and `alphabet`, the letters that may have been left out, are folded. What begins with
    `typed` itself is no slip and does not come; the same text may come twice, by two slips.
    """
    beside = _neighbours(keyboard)
    kept = right(typed)  # all letters but one
    for at, char in enumerate(typed):
        head, tail = typed[:at], typed[at + 1 :]
        for meant in beside.get(char, ""):
            yield Meant(head + meant + tail, kept * WRONG_KEY * _BESIDE / len(beside[meant]))
        for meant in alphabet:
            if meant != char:  # otherwise the same as behind it
                yield Meant(head + meant + char + tail, kept * LEFT_OUT)
        around = (head[-1:], tail[:1])
        if around[0] != char:  # of two equal keys either is the one too many
            near = any(each and (each == char or char in beside.get(each, "")) for each in around)
            share = _NEAR_STRAY / 12 if near else (1 - _NEAR_STRAY) / _FAR_KEYS
            yield Meant(head + tail, kept * TOO_MANY * share)
        if tail and tail[0] != char:
            yield Meant(head + tail[0] + char + tail[1:], kept * SWAPPED)


@lru_cache
def _neighbours(keyboard: Keyboard) -> dict[str, str]:
    places = {
        char: (column + shift, row)
        for row, (chars, shift) in enumerate(zip(_ROWS[keyboard], _SHIFTS, strict=True))
        for column, char in enumerate(chars)
    }
    return {
        char: "".join(
            other
            for other, (x, y) in places.items()
            if other != char
            and (x - places[char][0]) ** 2 + (y - places[char][1]) ** 2 <= _REACH_SQUARED
        )
        for char in places
    }
