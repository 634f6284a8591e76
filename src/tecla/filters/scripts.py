"""Scripts: which one a text is written in, and which languages are written in it.

Some tell the language by themselves (kana, Hangul, Greek); Han, Cyrillic, Arabic and Latin do not.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

import regex

LATIN: Final = "Latin"
SCRIPTS: Final = (
    "Cyrillic", "Greek", "Han", "Hiragana", "Katakana", "Hangul", "Arabic", "Hebrew", "Thai",
    "Devanagari", "Bengali", "Tamil", "Georgian", "Armenian", LATIN,
)  # fmt: skip
LETTERS: Final = {name: regex.compile(rf"\p{{{name}}}") for name in SCRIPTS}
_OF_LANGUAGE: Final = {
    "ru": {"Cyrillic"}, "uk": {"Cyrillic"}, "bg": {"Cyrillic"}, "sr": {"Cyrillic", LATIN},
    "el": {"Greek"}, "zh": {"Han"}, "ja": {"Han", "Hiragana", "Katakana"}, "ko": {"Hangul", "Han"},
    "ar": {"Arabic"}, "fa": {"Arabic"}, "ur": {"Arabic"}, "he": {"Hebrew"}, "th": {"Thai"},
    "hi": {"Devanagari"}, "bn": {"Bengali"}, "ta": {"Tamil"}, "ka": {"Georgian"},
    "hy": {"Armenian"},
}  # fmt: skip
_LANGUAGE_OF: Final = {
    "Hiragana": "ja", "Katakana": "ja", "Hangul": "ko", "Greek": "el", "Hebrew": "he", "Thai": "th",
    "Georgian": "ka", "Armenian": "hy",
}  # fmt: skip
_BEYOND_LATIN = regex.compile(r"[^\P{L}\p{Latin}]")
_LEAST_LETTERS: Final = 2


def scripts_of(language: str | None) -> frozenset[str]:
    """The scripts that a language is written in; none where that is not known here."""
    return frozenset(_OF_LANGUAGE.get(language or "", ()))


def script_of(text: str) -> str:
    """The script of most letters of `text`; Latin where hardly anything else is there.

    Kana counts before Han, with which Japanese is written together.
    """
    if text.isascii() or len(_BEYOND_LATIN.findall(text)) < _LEAST_LETTERS:
        return LATIN
    counts = Counter({name: len(LETTERS[name].findall(text)) for name in SCRIPTS})
    kana = max(("Hiragana", "Katakana"), key=counts.__getitem__)
    if counts[kana]:
        counts[kana] += counts.pop("Han")
    return max(counts, key=counts.__getitem__)


def language_of_script(script: str) -> str | None:
    """The language of a script that tells it."""
    return _LANGUAGE_OF.get(script)


def is_written_in(language: str, script: str) -> bool:
    """Whether a language may be written in a script; Latin is that of all not known here."""
    return script in _OF_LANGUAGE.get(language, {LATIN})
