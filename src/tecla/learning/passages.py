"""A text in passages of about 100 to 200 words, cut where a reader would pause.

Paragraphs are put together until a passage is long enough; one that is too long is cut between
sentences, a sentence that is too long between words, and what has no words at a grapheme. Passages
joined without anything between them are the text. The same text always gives the same passages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import regex

from tecla.text.unicode import cut_graphemes
from tecla.text.words import Span, sentence_end

LEAST_WORDS: Final = 100
MOST_WORDS: Final = 200
MOST_CHARS: Final = 1600  # 200 words of 7 letters; what is written without spaces counts by it
_PARAGRAPH: Final = regex.compile(r"\n[^\S\n]*\n\s*")
_LINE: Final = regex.compile(r"\n\s*")
_WORD: Final = regex.compile(r"\S+\s*")
_STRETCH_CHARS: Final = 4 * MOST_CHARS  # a sentence is looked for in so much


def passages(text: str) -> list[str]:
    """The passages of `text`, in order; none of them empty."""
    out: list[str] = []
    held, words = "", 0
    for piece in _pieces(text):
        more = _words(piece)
        full = words + more > MOST_WORDS or len(held) + len(piece) > MOST_CHARS
        if held and (words >= LEAST_WORDS or full):
            out.append(held)
            held, words = "", 0
        held += piece
        words += more
    if held:
        if out and words < LEAST_WORDS // 4 and len(out[-1]) + len(held) <= MOST_CHARS:
            out[-1] += held  # a last line alone says little
        else:
            out.append(held)
    return out


def sentences(text: str) -> Iterator[Span]:
    """The sentences of `text`, each with the white space behind it; lines end them as well."""
    start = 0
    for line in _split(_LINE, text):
        end = start + len(line)
        while start < end:
            stretch = text[start : min(end, start + _STRETCH_CHARS)]
            found = sentence_end(text[max(0, start - 32) : start], stretch)
            stop = start + (len(stretch) if found is None else found)
            while stop < end and text[stop].isspace():
                stop += 1
            yield Span(start, stop)
            start = stop


def _words(text: str) -> int:
    return len(text.split())


def _pieces(text: str) -> Iterator[str]:
    """Pieces that fit into a passage, as large as can be."""
    for paragraph in _split(_PARAGRAPH, text):
        if _fits(paragraph):
            yield paragraph
            continue
        for start, end in sentences(paragraph):
            sentence = paragraph[start:end]
            if _fits(sentence):
                yield sentence
            else:
                yield from _cut(sentence)


def _fits(piece: str) -> bool:
    return len(piece) <= MOST_CHARS and _words(piece) <= MOST_WORDS


def _cut(sentence: str) -> Iterator[str]:
    """A long sentence between words, and a long word between graphemes."""
    at = 0
    while at < len(sentence):
        end, words = at, 0
        for match in _WORD.finditer(sentence, at):
            if match.end() - at > MOST_CHARS or words == MOST_WORDS:
                break
            end, words = match.end(), words + 1
        if end == at:
            # One grapheme can be longer than a passage may be: it is cut all the same.
            window = sentence[at : at + MOST_CHARS]
            end = at + (len(cut_graphemes(sentence[at : at + MOST_CHARS + 64], MOST_CHARS)) or 0)
            end = end if end > at else at + len(window)
        yield sentence[at:end]
        at = end


def _split(pattern: regex.Pattern[str], text: str) -> Iterator[str]:
    """The parts of `text`, each with the separator behind it."""
    start = 0
    for match in pattern.finditer(text):
        yield text[start : match.end()]
        start = match.end()
    if start < len(text):
        yield text[start:]
