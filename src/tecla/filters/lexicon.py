"""The list of offensive words, as one language at one level sees it.

Owns `data/offensive.tsv.gz`, which `scripts/offensive_words.py` writes: compressed, so that the
repository prints no slur, and not hashed, so that it can be reviewed and prefixes be asked for.
Read on first use (some 10 ms).
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

import regex

from tecla.filters.folding import bare

Level = Literal["off", "standard", "strict"]

# Words that are also names: no offence when written like one.
NAMES = frozenset({
    "cock", "cocks", "coon", "coons", "dick", "dicks", "dyke", "dykes", "gook", "hooker", "jap",
    "negro", "negros", "nazi", "polla", "prick", "tit", "troia", "verga", "zorra", "perv", "kock",
})  # fmt: skip
INNOCENT_PHRASES = frozenset({
    "blue tit", "blue tits", "booby prize", "booby trap", "booby traps", "cock a doodle",
    "cock and bull", "coal tit", "coal tits", "cum laude", "great tit", "great tits", "marsh tit",
    "nazi germany", "tit for", "willow tit", "rio negro", "monte negro", "naked eye",
    "sex education", "sex offender", "stupid question", "rape seed", "rape oil", "piss artist",
})  # fmt: skip
_UNKNOWN_LANGUAGE = frozenset({"en", "es"})


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Which words, beginnings and phrases are offences.

    words: as written, or bare. accented: ordinary words that would be offences without their
    accents. prefixes, by length, and infix: roots. innocent: beginnings of words that hold one
    and are no offence. joined: words that may stand in two or three pieces. phrases: by first
    word. inside: for scripts without spaces. masked: by first letter and length.
    """

    words: frozenset[str]
    accented: frozenset[str]
    prefixes: frozenset[str]
    prefix_lengths: tuple[int, ...]
    infix: re.Pattern[str]
    innocent: tuple[str, ...]
    joined: frozenset[str]
    phrases: dict[str, tuple[tuple[str, ...], ...]]
    inside: regex.Pattern[str] | None
    masked: dict[tuple[str, int], tuple[str, ...]]

    def has(self, word: str) -> bool:
        """Whether a bare word is an offence."""
        return word in self.words or self.has_root(word)

    def has_root(self, word: str) -> bool:
        """Whether a bare word holds or begins with a root, and is not innocent."""
        begins = any(word[:length] in self.prefixes for length in self.prefix_lengths)
        if not begins and self.infix.search(word) is None:
            return False
        return not word.startswith(self.innocent)

    def may_turn_innocent(self, word: str) -> bool:
        """Whether a longer word that begins like this is innocent."""
        return any(root.startswith(word) for root in self.innocent)


@lru_cache(maxsize=1)
def _rows() -> tuple[tuple[str, frozenset[str], str, str], ...]:
    file = resources.files("tecla.filters") / "data" / "offensive.tsv.gz"
    lines = gzip.decompress(file.read_bytes()).decode("utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return tuple((row[0], frozenset(row[1].split(",")), row[2], row[3]) for row in rows)


@lru_cache(maxsize=32)
def lexicon(level: Level, language: str | None) -> Lexicon:
    """The list at `level` for a writer in `language`."""
    writers = _UNKNOWN_LANGUAGE if language is None else {language}
    kinds: dict[str, set[str]] = {}
    for row_level, where, kind, text in _rows():
        if (level == "strict" or row_level == "standard") and ("*" in where or where & writers):
            kinds.setdefault(kind, set()).add(text)
    prefixes, words = kinds["prefix"], kinds["word"]
    phrases: dict[str, set[tuple[str, ...]]] = {}
    for phrase in kinds["phrase"]:
        parts = tuple(map(bare, phrase.split()))
        phrases.setdefault(parts[0], set()).add(parts)
    masked: dict[tuple[str, int], set[str]] = {}
    for word in {*words, *kinds["infix"], *prefixes}:
        if word.isascii() and len(word) >= 4:
            masked.setdefault((word[0], len(word)), set()).add(word)
    inside = sorted(kinds.get("inside", ()), key=len, reverse=True)
    return Lexicon(
        words=frozenset(word.casefold() for word in words),
        accented=frozenset(kinds["accented"]),
        prefixes=frozenset(prefixes),
        prefix_lengths=tuple(sorted({len(prefix) for prefix in prefixes})),
        infix=re.compile("|".join(map(re.escape, sorted(kinds["infix"])))),
        innocent=tuple(sorted(kinds["innocent"])),
        joined=frozenset(kinds["joined"]),
        phrases={first: tuple(found) for first, found in phrases.items()},
        inside=regex.compile("|".join(map(regex.escape, inside))) if inside else None,
        masked={key: tuple(found) for key, found in masked.items()},
    )
