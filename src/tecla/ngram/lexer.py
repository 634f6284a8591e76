"""Text as the n-gram model sees it: words and marks, each with the space before it.

The inverse is exact: joining the tokens gives the text back, so the probability of a sequence
of tokens is that of a text, with its case, its spaces and its marks. A line is read as if a
space stood before it (and that space is taken off again), so that a word is the same token at
the beginning of a line and behind another word.

A token is an optional space and then letters and digits with inner apostrophes, or a run of one
and the same mark; or one white-space character that is not such a space. Characters of scripts
written without spaces are tokens of their own.

At a caret the last token may be half there. `split_caret` gives the whole tokens and the
beginning of the open one, which always contains at least the space before it if there is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import regex

from tecla.text.words import UNSPACED

_LETTER = rf"[[\p{{L}}\p{{M}}\p{{N}}_]--[{UNSPACED}]]"
_TOKEN = regex.compile(
    rf" ?(?:{_LETTER}+(?:['’]{_LETTER}+)*|[{UNSPACED}]\p{{M}}*"
    r"|([^\s\p{L}\p{M}\p{N}_])\1*+)|\s|.",
    regex.V1 | regex.DOTALL,
)
_OPEN = regex.compile(  # from the end: a line before it costs nothing
    rf"(?r) ?(?:{_LETTER}+(?:['’]{_LETTER}+)*['’]?)?\Z", regex.V1
)
_WORD = regex.compile(rf" ?[{_LETTER}{UNSPACED}]", regex.V1)
_LINE = regex.compile(r"\n")

END_OF_LINE = "\n"
_WINDOW_CHARS = 400  # of the text before a caret, this much is enough for any order in use


class CaretTokens(NamedTuple):
    """What is known at a caret: whole tokens, and the beginning of the next ("" if none).

    `starts_text` says that `tokens` begin where the text begins; `open_chars` how many typed
    characters `open` stands for (at the beginning of a line one less than it has).
    """

    tokens: list[str]
    open: str
    starts_text: bool
    open_chars: int


def lex(text: str) -> list[str]:
    """The tokens of `text`; line breaks are tokens of their own."""
    tokens: list[str] = []
    for number, line in enumerate(text.split("\n")):
        if number:
            tokens.append(END_OF_LINE)
        if line:
            tokens += [match.group() for match in _TOKEN.finditer(" " + line)]
    return tokens


def join(tokens: Iterable[str], *, line_start: bool = True) -> str:
    """The text of `tokens`; `line_start` says whether a line begins with the first."""
    parts: list[str] = []
    for token in tokens:
        parts.append(token[1:] if line_start and token.startswith(" ") else token)
        line_start = token == END_OF_LINE
    return "".join(parts)


def split_caret(before: str) -> CaretTokens:
    """The tokens of the end of `before` and the beginning of the one the caret stands in."""
    tail, starts_text = before, True
    if len(before) > _WINDOW_CHARS:
        tail, starts_text = before[-_WINDOW_CHARS:], False
        breaks = [at for at in (tail.find("\n"), tail.find(" ")) if at >= 0]
        tail = tail[min(breaks) + 1 :] if breaks else tail  # a line may as well begin there
    head, newline, line = tail.rpartition("\n")
    spaced = " " + line
    found = _OPEN.search(spaced)
    start = len(spaced) if found is None else found.start()
    tokens = [*lex(head), END_OF_LINE] if newline else []
    tokens += [match.group() for match in _TOKEN.finditer(spaced[:start])]
    return CaretTokens(tokens, spaced[start:], starts_text, len(spaced) - max(start, 1))


def is_word(token: str) -> bool:
    """Whether `token` is a word rather than a mark or white space."""
    return _WORD.match(token) is not None
