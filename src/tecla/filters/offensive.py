"""Profanity, slurs and sexual content, in the disguises that keep them readable.

Every run of non-spaces is read as it stands, word by word; with digits and marks as letters; with
stars as any letter. Rows of single letters are put together, and so are two or three neighbours
where ordinary words would not leave those pieces. Words are whole words: what stands before and
behind the caret belongs to them ("as" + "sess" is judged as "assess").

In an open view a word counts once it is closed, or where a root is in it that no innocent word
shares; a phrase when its last word is closed; a row of letters when the row has ended.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import regex

from tecla.filters.base import Finding, View
from tecla.filters.folding import PART, bare, readings, spellings
from tecla.filters.lexicon import INNOCENT_PHRASES, NAMES, Level, Lexicon, lexicon
from tecla.filters.place import Place

_LOOK_BACK_CHARS = 32  # of the text before the caret: what a phrase or a row may begin in
_CHUNK = regex.compile(r"\S+")
_GAP = regex.compile(r"[\s\-–_.,'’·*~]{1,3}")
_JOINT = regex.compile(r"[\s\-_.'’·*~]")
_MASKED = regex.compile(r"[a-z]+\*[a-z*]*")
_SENTENCE_START = regex.compile(r"(?:^|(?<!\b\p{Lu})\.|[!?¿¡\n:;\"“«(*-])[\s\"“«(*]*$")
_UNSPACED = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Hangul}]")
_HARMLESS: dict[str, list[tuple[tuple[str, ...], int]]] = {}  # by word: phrase, its place there
for _phrase in sorted(INNOCENT_PHRASES):
    for _at, _word in enumerate(_phrase.split()):
        _HARMLESS.setdefault(_word, []).append((tuple(_phrase.split()), _at))
_ROW_LETTERS = 3  # so many single letters are a row
_JOINED_CHARS = 14
_PHRASE_WORDS = 6


class Part(NamedTuple):
    """One word: its chars `start` to `end` of the whole text, and its bare form."""

    start: int
    end: int
    word: str


class Offensive:
    """The check at one level."""

    def __init__(self, level: Level) -> None:
        """`level` is not "off"."""
        self._level = level

    def __call__(self, view: View) -> Iterator[Finding]:
        """Everything offensive that the suggestion would write or complete."""
        words = lexicon(self._level, view.place.language)
        known = view.place.fact(_before)
        start = known[-1].end if known else view.since(_LOOK_BACK_CHARS)
        parts = [*known, *_parts(view.whole, start)]
        spans = [
            *_words(view, words, parts),
            *_phrases(view, words, parts),
            *_rows_of_letters(view, words, parts),
            *_in_pieces(view, words, parts),
            *_disguised(view, words),
            *_inside(view, words),
        ]
        for begin, end in sorted(spans):
            if view.touches(begin, end):
                yield Finding(begin, end, "offensive")


def _parts(text: str, start: int) -> Iterator[Part]:
    for match in PART.finditer(text, start):
        yield Part(match.start(), match.end(), bare(match.group()))


def _before(place: Place) -> tuple[Part, ...]:
    """The last words before the caret, without the very last, which may go on."""
    return tuple(_parts(place.tail, place.since(_LOOK_BACK_CHARS)))[:-1]


def _words(view: View, words: Lexicon, parts: list[Part]) -> Iterator[tuple[int, int]]:
    """Single words."""
    for index, part in enumerate(parts):
        if part.end <= view.begin or part.start >= view.end:
            continue
        closed = view.is_settled(part.end)
        if not closed:
            if words.has_root(part.word) and not words.may_turn_innocent(part.word):
                yield part.start, part.end
            continue
        raw = view.whole[part.start : part.end]
        if _is_offence(words, raw) and not _is_innocent(view, parts, index):
            yield part.start, part.end


def _is_offence(words: Lexicon, raw: str) -> bool:
    exact = unicodedata.normalize("NFC", raw).casefold()
    if exact in words.words:
        return True
    known_accents = not exact.isascii() and exact in words.accented
    return any(
        words.has_root(word) or (word in words.words and not known_accents)
        for word in spellings(raw)
    )


def _is_innocent(view: View, parts: list[Part], index: int) -> bool:
    """Whether a word is a name or part of a harmless phrase; while that is open, it is."""
    part = parts[index]
    raw = view.whole[part.start : part.end]
    if any(
        _may_be(view, parts[index - at : index - at + len(phrase)], phrase)
        for phrase, at in _HARMLESS.get(part.word, ())
        if at <= index
    ):
        return True
    if part.word == "cum" and view.whole[part.start - 1 : part.start] == "-":
        return True
    if part.word not in NAMES or not raw.istitle():
        return False
    if not _SENTENCE_START.search(view.whole[max(0, part.start - 8) : part.start]):
        return True
    if index + 1 < len(parts):
        return view.whole[parts[index + 1].start].isupper()
    return view.is_open


def _may_be(view: View, run: list[Part], phrase: tuple[str, ...]) -> bool:
    """Whether `run` is a phrase, or, in an open view, could still become it."""
    if len(run) < len(phrase) and not (view.is_open and run[-1].end + 3 >= len(view.whole)):
        return False
    *whole, last = (part.word for part in run)
    if tuple(whole) != phrase[: len(whole)]:
        return False
    expected = phrase[len(whole)]
    return last == expected or (not view.is_settled(run[-1].end) and expected.startswith(last))


def _phrases(view: View, words: Lexicon, parts: list[Part]) -> Iterator[tuple[int, int]]:
    """Several words in a row."""
    for index, part in enumerate(parts):
        for phrase in words.phrases.get(part.word, ()):
            run = parts[index : index + len(phrase)]
            if tuple(each.word for each in run) != phrase or not view.is_settled(run[-1].end):
                continue
            if all(_GAP.fullmatch(view.whole, a.end, b.start) for a, b in pairwise(run)):
                yield part.start, run[-1].end


def _rows_of_letters(view: View, words: Lexicon, parts: list[Part]) -> Iterator[tuple[int, int]]:
    """Letters one by one."""
    row: list[Part] = []
    for part in [*parts, None]:
        goes_on = part is not None and len(part.word) == 1
        if part is not None and goes_on and _follows(view, row, part):
            row.append(part)
            continue
        ended = part is not None or not view.is_open
        if len(row) >= _ROW_LETTERS and ended:
            yield from _spelt(words, row)
        row = [part] if goes_on and part is not None else []


def _follows(view: View, row: list[Part], part: Part) -> bool:
    return not row or _GAP.fullmatch(view.whole, row[-1].end, part.start) is not None


def _spelt(words: Lexicon, row: list[Part]) -> Iterator[tuple[int, int]]:
    letters = "".join(part.word for part in row)
    for reading in {letters, *readings(letters)}:
        root = words.infix.search(reading)
        if root is not None and len(reading) == len(row):
            yield row[root.start()].start, row[root.end() - 1].end
        elif words.has(reading) or (reading[0] in "aiyo" and words.has(reading[1:])):
            yield row[0].start, row[-1].end


def _in_pieces(view: View, words: Lexicon, parts: list[Part]) -> Iterator[tuple[int, int]]:
    """Words in two or three pieces."""
    for index, part in enumerate(parts):
        joined, last = part.word, part
        if index + 2 < len(parts) and parts[index + 2].end <= view.begin:
            continue
        for piece in parts[index + 1 : index + 3]:
            if not _JOINT.fullmatch(view.whole, last.end, piece.start):
                break
            joined, last = joined + piece.word, piece
            if len(joined) > _JOINED_CHARS:
                break
            if joined in words.joined and view.is_settled(last.end):
                yield part.start, last.end


def _disguised(view: View, words: Lexicon) -> Iterator[tuple[int, int]]:
    """Digits and marks as letters, and stars in place of them."""
    for chunk in _CHUNK.finditer(view.whole, view.since(0)):
        if chunk.end() <= view.begin or not view.is_settled(chunk.end()):
            continue
        raw = chunk.group()
        for reading in readings(raw.rstrip(".,;:!?)\"'”’")):
            for match in PART.finditer(reading):
                if words.has(match.group()):
                    yield chunk.span()
        if "*" in raw and _is_masked(words, raw):
            yield chunk.span()


def _is_masked(words: Lexicon, raw: str) -> bool:
    plain = bare(raw.strip(".,;:!?()\"'”’"))
    if not _MASKED.fullmatch(plain):
        return False
    return any(
        all(given in ("*", letter) for given, letter in zip(plain, word, strict=True))
        for word in words.masked.get((plain[0], len(plain)), ())
    )


def _inside(view: View, words: Lexicon) -> Iterator[tuple[int, int]]:
    """Words of scripts that are written without spaces."""
    if words.inside is not None and _UNSPACED.search(view.text):
        for match in words.inside.finditer(view.whole):
            yield match.span()
