"""Upper and lower case at the caret, and spelling without case and accents.

A suggestion follows what is typed: "TH" asks for "THE", "Th" for "The", and so does the beginning
of a sentence. Turkish, Azerbaijani and Dutch have rules of their own; English writes "I".
"""

from __future__ import annotations

import string
import unicodedata
from functools import lru_cache

import regex

_DOTTED = frozenset({"tr", "az"})  # languages with i/İ and ı/I
_ACCENTS = regex.compile(r"[\u0300-\u036f\u05b0-\u05c7\u064b-\u0652]")
_STROKES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "ı": "i"})
_OPENING = "\"'“‘«([¿¡"
_CLOSING = "\"'”’»)]"
_TAIL_CHARS = 64


@lru_cache(maxsize=1 << 14)
def _fold_char(char: str) -> str:
    parts = unicodedata.normalize("NFD", char.lower().translate(_STROKES))
    bare = _ACCENTS.sub("", parts).replace("ß", "ss")
    return unicodedata.normalize("NFC", bare)


def fold(text: str) -> str:
    """`text` without case and accents: what both sides of a look-up are spelt in.

    Character by character, so the folded form of a beginning begins the folded form. Accents are
    those of Latin, Greek and Cyrillic letters and the points of Hebrew and Arabic; marks that
    spell vowels stay.
    """
    return text.lower() if text.isascii() else "".join(map(_fold_char, text))


def lower(text: str, language: str = "") -> str:
    """`text` in lower case, as `language` does it, character by character."""
    if text.isascii() and not (language in _DOTTED and "I" in text):
        return text.lower()
    if language in _DOTTED:
        text = text.replace("İ", "i").replace("I", "ı")
    return "".join(char.lower() if len(char.lower()) == 1 else char for char in text)


def upper(text: str, language: str = "") -> str:
    """`text` in capitals, as `language` does it."""
    if language in _DOTTED:
        text = text.replace("i", "İ")
    return text.upper()


def capitalised(text: str, language: str = "") -> str:
    """`text` with its first letter a capital."""
    size = 2 if language == "nl" and text.startswith("ij") else 1
    first = text[:size]
    if language in _DOTTED or size == 2:
        return upper(first, language) + text[size:]
    return first.title() + text[size:]


def follow(word: str, typed: str, language: str = "", *, at_sentence: bool = False) -> str:
    """`word` in the case that `typed`, its beginning, asks for.

    Two capitals and more ask for capitals, one for a capital. Where nothing is typed the
    beginning of a sentence does. Otherwise `word` is as it is listed.
    """
    letters = [char for char in typed if char.isalpha()]
    if not letters:
        return capitalised(word, language) if at_sentence and not typed else word
    if len(letters) > 1 and all(char.isupper() for char in letters):
        return upper(word, language)
    if letters[0].isupper():
        return capitalised(word, language)
    return word


def starts_sentence(before: str) -> bool:
    """Whether a word written behind `before` begins a sentence."""
    tail = before[-_TAIL_CHARS:]
    said = tail.rstrip(_OPENING + string.whitespace)
    gap = tail[len(said) :]
    if not said:
        return len(tail) == len(before)
    if "\n" in gap or "\r" in gap:
        return True
    last = said.rstrip(_CLOSING)[-1:]
    return last in {"。", "！", "？"} or (
        last in {".", "!", "?", "…"} and any(map(str.isspace, gap))
    )
