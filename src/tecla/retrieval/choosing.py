"""What of the passages that were found is worth standing above a text, and what is asked for.

Pure: texts in, texts out. Knows no store, no thread and no session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import regex

from tecla.checks import number, whole
from tecla.errors import OptionError
from tecla.retrieval.retriever import Found
from tecla.store.ranking import folded, words_of
from tecla.text.words import UNSPACED

QUERY_CHARS: Final = 400
_RUN_WORDS = 4  # words in a row that stand in the text as well: that much is said already
_ECHO = 0.3  # of the runs of a passage: more, and the text says what it says
_IN_WORD = regex.compile(rf"[\p{{L}}\p{{N}}\p{{M}}'’_-]\Z(?<![{UNSPACED}])")
_UNITS = regex.compile(r"\S+|\s+")


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """When passages stand above a text, and how much of them.

    passages, chars: at most so many, all together. similarity: the least cosine of passage and
    query. shared: words of the query, at least, that stand in the passage. apart_chars: so much
    must be written since the last look for another one. again_chars: the longest text that a pause
    may bring another header for, because all of it is read again then.

    Fitted on mail and bank queries, see `docs/decisions/0022-retrieval.md`.
    """

    passages: int = 4
    chars: int = 500
    similarity: float = 0.2
    shared: int = 1
    apart_chars: int = 200
    again_chars: int = 2000

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        whole("passages", self.passages, 1)
        whole("chars", self.chars, 40)
        whole("shared", self.shared, 0)
        whole("apart_chars", self.apart_chars, 1)
        whole("again_chars", self.again_chars, 0)
        if not -1 <= number("similarity", self.similarity) <= 1:
            raise OptionError(f"similarity is {self.similarity!r}; it must be from -1 to 1")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Passages to stand above a text, and how they read there."""

    found: tuple[Found, ...] = ()
    text: str = field(default="", repr=False)


def is_in_word(before: str) -> bool:
    """Whether a caret behind `before` may stand inside a word that is being written."""
    return _IN_WORD.search(before[-8:]) is not None


def query_of(before: str, title: str = "") -> str:
    """What is asked for a text: the words at its end, and its title while there are few of them.

    The title goes first, so that what is nearest to the caret is at the end.
    """
    end = before[-QUERY_CHARS:]
    if len(before) > QUERY_CHARS:
        end = end.partition(" ")[2] or end  # begins with a whole word
        return end.strip()
    return "\n".join(filter(None, (title.strip(), end.strip())))


def chosen(found: Sequence[Found], text: str, rule: HeaderRule) -> Chosen:
    """Those that the rule lets stand above `text`, best first, within its budget."""
    said = _runs(text)
    taken: list[Found] = []
    shown: list[str] = []
    room = rule.chars
    for each in found:
        if len(taken) == rule.passages:
            break
        if not _is_worth(each, rule) or _is_said(each.passage.text, said):
            continue
        passage = cut(each.passage.text.strip(), room)
        if not passage:
            break
        taken.append(each)
        shown.append(passage)
        room -= len(passage) + 2
    return Chosen(tuple(taken), "\n\n".join(shown))


def cut(text: str, most_chars: int) -> str:
    """The beginning of `text` in whole words; empty where not one of them fits."""
    if len(text) <= most_chars:
        return text
    end = 0
    for match in _UNITS.finditer(text):
        if match.end() > most_chars:
            break
        end = match.end()
    return text[:end].rstrip()


def _is_worth(found: Found, rule: HeaderRule) -> bool:
    near = found.similarity is not None and found.similarity >= rule.similarity
    return near and len(found.shared) >= rule.shared


def _is_said(passage: str, said: frozenset[tuple[str, ...]]) -> bool:
    """Whether much of a passage stands in the text already, which needs no second telling."""
    runs = _runs(passage)
    return bool(runs) and len(runs & said) > _ECHO * len(runs)


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    words = [folded(word) for word in words_of(text)]
    return frozenset(
        tuple(words[at : at + _RUN_WORDS]) for at in range(len(words) - _RUN_WORDS + 1)
    )
