"""Saying again what has just been said: within the suggestion, before the caret or behind it.

Texts are compared as words and marks in lower case. A block that follows itself is a repetition
if it has two words or more; one word alone only if it is not doubled in ordinary writing ("very
very"), and a word with a mark ("no, no, no") from its third time on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import regex

from tecla.filters.base import Finding, Reason, View
from tecla.filters.place import OWN_CHARS, Place

_TOKEN = regex.compile(r"[\w'’]++|[^\w\s]")
_RUN = regex.compile(r"(\S)\1{5,}+")
_LONGEST_BLOCK = 24  # tokens
_ECHO_WORDS = 7  # so many words in a row as they stand before the caret are an echo
_ECHO_NEW_WORDS = 3  # of which the suggestion wrote so many at least
_AFTER_WORDS = 3
_DOUBLED = frozenset(
    "that had very no so ha bye blah bla knock is do muy ya sí ja poco casi más nous vous "
    "si sie die das der que really now there well far much many more long big yes ok he she toc "
    "de luego tan bueno venga vale chin tut tsk la lo los".split()
)


class Token(NamedTuple):
    """A word or a mark: its chars `start` to `end`, and its text in lower case."""

    start: int
    end: int
    text: str


def repetition(view: View) -> Iterator[Finding]:
    """Blocks that follow themselves, and long runs of one character."""
    tokens = _tokens(view.whole[: view.end])
    if view.is_open and tokens and tokens[-1].end == view.end:
        tokens.pop()
    for match in _RUN.finditer(view.whole, view.begin, view.end):
        if view.whole[view.begin - 1 : view.begin] != match.group(1) or match.start() > view.begin:
            yield Finding(match.start(), match.end(), "repetition")
    first = next((i for i, token in enumerate(tokens) if token.end > view.begin), len(tokens))
    for lag in range(1, min(_LONGEST_BLOCK, len(tokens) // 2) + 1):
        yield from _blocks(view, tokens, first, lag)


def _blocks(view: View, tokens: list[Token], first: int, lag: int) -> Iterator[Finding]:
    """Blocks of `lag` tokens."""
    run = 0
    while run < first - lag and tokens[first - 1 - run].text == tokens[first - 1 - run - lag].text:
        run += 1
        if run >= 2 * lag:
            break
    for at in range(max(first, lag), len(tokens)):
        run = run + 1 if tokens[at].text == tokens[at - lag].text else 0
        if run < lag:
            continue
        block = tokens[at - lag + 1 : at + 1]
        n_words = sum(token.text[0].isalnum() for token in block)
        needed = lag if n_words > 1 else 2 * lag
        if lag == 1 and n_words and block[0].text not in _DOUBLED:
            needed = 1
        if n_words and run >= needed:
            said_before = tokens[at - 2 * lag + 1].start < view.begin
            reason: Reason = "echo_before" if said_before else "repetition"
            yield Finding(block[0].start, block[-1].end, reason)
            return


def echo(view: View) -> Iterator[Finding]:
    """Many words in a row that stand before the caret already."""
    known = view.place.fact(_windows)
    if not known:
        return
    tokens = [token for token in _tokens(view.whole[: view.end]) if token.text[0].isalnum()]
    if view.is_open and tokens and tokens[-1].end == view.end:
        tokens.pop()
    first = next((i for i, token in enumerate(tokens) if token.end > view.begin), len(tokens))
    for end in range(max(first + _ECHO_NEW_WORDS, _ECHO_WORDS), len(tokens) + 1):
        window = tuple(token.text for token in tokens[end - _ECHO_WORDS : end])
        if window in known:
            start = tokens[max(first, end - _ECHO_WORDS)].start
            yield Finding(start, tokens[end - 1].end, "echo_before")
            return


def overlap(view: View) -> Iterator[Finding]:
    """The beginning of what follows the caret."""
    ahead = [token.text for token in view.place.fact(_ahead)]
    if not ahead:
        return
    tokens = [token for token in _tokens(view.text) if token.text[0].isalnum()]
    if view.is_open:
        if tokens and tokens[-1].end == len(view.text):
            tokens.pop()
    else:
        yield from _at_end(view, tokens, ahead)
    if len(ahead) >= _AFTER_WORDS:
        for at in range(len(tokens) - _AFTER_WORDS + 1):
            if [token.text for token in tokens[at : at + _AFTER_WORDS]] == ahead[:_AFTER_WORDS]:
                start, end = tokens[at].start, tokens[at + _AFTER_WORDS - 1].end
                yield Finding(view.begin + start, view.begin + end, "echo_after")
                return


def _at_end(view: View, tokens: list[Token], ahead: list[str]) -> Iterator[Finding]:
    """The end of the suggestion as the beginning of what follows, or as the rest of its word."""
    after = view.place.around.after
    in_word = after[:1].isalnum()
    if in_word and view.text.casefold().endswith(ahead[0]) and len(ahead[0]) > 1:
        yield Finding(view.end - len(ahead[0]), view.end, "echo_after")
        return
    for length in range(min(len(tokens), len(ahead)), 0, -1):
        ending = tokens[len(tokens) - length :]
        if [token.text for token in ending] != ahead[:length]:
            continue
        if length == 1 and (ahead[0] in _DOUBLED or after[: view.place.fact(_lead)].strip()):
            return
        yield Finding(view.begin + ending[0].start, view.end, "echo_after")
        return


def _tokens(text: str) -> list[Token]:
    return [Token(*match.span(), match.group().casefold()) for match in _TOKEN.finditer(text)]


def _windows(place: Place) -> frozenset[tuple[str, ...]]:
    """Every run of words before the caret that would be an echo; not the one that ends there."""
    tokens = _tokens(place.around.before[-OWN_CHARS:])
    words = [token.text for token in tokens if token.text[0].isalnum()]
    return frozenset(
        tuple(words[at : at + _ECHO_WORDS]) for at in range(len(words) - _ECHO_WORDS + 1)
    )


def _ahead(place: Place) -> tuple[Token, ...]:
    return tuple(token for token in _tokens(place.head) if token.text[0].isalnum())


def _lead(place: Place) -> int:
    """Where the first word behind the caret begins."""
    ahead = place.fact(_ahead)
    return ahead[0].start if ahead else 0
