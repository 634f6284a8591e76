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
_RUN = regex.compile(r"([^\s\p{Nd}])\1{5,}+")
_BEGUN_CHARS = 3  # a run that the person began with so many goes on
_LONGEST_BLOCK = 24  # tokens
_ECHO_WORDS = 7  # so many words in a row as they stand before the caret are an echo
_ECHO_NEW_WORDS = 3  # of which the suggestion wrote so many at least
_LONG_BLOCK = 4
_AFTER_WORDS = 3
_DOUBLED = frozenset({
    "big", "bla", "blah", "bueno", "bye", "casi", "chin", "das", "de", "der", "die", "do", "far",
    "ha", "had", "he", "is", "ja", "knock", "la", "lo", "long", "los", "luego", "many", "more",
    "much", "muy", "más", "no", "nous", "now", "ok", "poco", "que", "really", "she", "si", "sie",
    "so", "sí", "tan", "that", "there", "toc", "tsk", "tut", "vale", "venga", "very", "vous",
    "well", "ya", "yes",
})  # fmt: skip


class Token(NamedTuple):
    """A word or a mark: its chars `start` to `end`, and its text in lower case."""

    start: int
    end: int
    text: str


def repetition(view: View) -> Iterator[Finding]:
    """Blocks that follow themselves, and long runs of one character."""
    for match in _RUN.finditer(view.whole, view.begin, view.end):
        begun = view.place.tail.endswith(match.group(1) * _BEGUN_CHARS)
        if match.start() > view.begin or not begun:
            yield Finding(match.start(), match.end(), "repetition")
    known, new = view.place.fact(_before), _new_tokens(view)
    tokens = [*known, *new]
    first = len(known) + sum(token.end <= view.begin for token in new)
    longest = min(_LONGEST_BLOCK, (len(tokens) + 1) // 2)
    lags = {
        lag
        for at in range(first, len(tokens))
        for lag in range(1, min(longest, at) + 1)
        if tokens[at].text == tokens[at - lag].text
    }
    for lag in sorted(lags):
        yield from _blocks(view, tokens, first, lag)


def _blocks(view: View, tokens: list[Token], first: int, lag: int) -> Iterator[Finding]:
    """Blocks of `lag` tokens; those before the `first` stand before the caret."""
    run = 0
    while run < first - lag and tokens[first - 1 - run].text == tokens[first - 1 - run - lag].text:
        run += 1
        if run >= 2 * lag:
            break
    for at in range(max(first, lag), len(tokens)):
        run = run + 1 if tokens[at].text == tokens[at - lag].text else 0
        if run < lag and not _lacks_mark(tokens, at, lag, run):
            continue
        n_words = sum(_is_word(token) for token in tokens[at + 1 - lag : at + 1])
        needed = lag if n_words > 1 else 2 * lag
        if lag == 1 and n_words and tokens[at].text not in _DOUBLED:
            needed = 1
        if n_words and (run >= needed or run == lag - 1):
            said_before = tokens[max(0, at - 2 * lag + 1)].start < view.begin
            reason: Reason = "echo_before" if said_before else "repetition"
            yield Finding(tokens[at - lag + 1].start, tokens[at].end, reason)
            return


def _lacks_mark(tokens: list[Token], at: int, lag: int, run: int) -> bool:
    """Whether only the mark at the end of a long block is not repeated (yet)."""
    return run == lag - 1 >= _LONG_BLOCK and not _is_word(tokens[at - run])


def echo(view: View) -> Iterator[Finding]:
    """Many words in a row that stand before the caret already."""
    known, new = view.place.fact(_words_before), list(filter(_is_word, _new_tokens(view)))
    tokens = [*known, *new]
    first = len(known) + sum(token.end <= view.begin for token in new)
    for end in range(max(first + _ECHO_NEW_WORDS, _ECHO_WORDS), len(tokens) + 1):
        window = tokens[end - _ECHO_WORDS : end]
        said = " ".join(view.whole[window[0].start : window[-1].end].casefold().split())
        if said in view.place.fact(_said):
            start = tokens[max(first, end - _ECHO_WORDS)].start
            yield Finding(start, window[-1].end, "echo_before")
            return


def overlap(view: View) -> Iterator[Finding]:
    """The beginning of what follows the caret."""
    ahead = [token.text for token in view.place.fact(_ahead)]
    if not ahead:
        return
    tokens = list(filter(_is_word, _tokens(view.text)))
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


def _new_tokens(view: View) -> list[Token]:
    """Those that are not known before the caret: the one at the caret, and the suggestion's.

    While the view is open, without the one that it ends with.
    """
    known = view.place.fact(_before)
    rest = _TOKEN.finditer(view.whole, known[-1].end if known else 0, view.end)
    tokens = [Token(*match.span(), match.group().casefold()) for match in rest]
    if view.is_open and tokens and tokens[-1].end == view.end:
        tokens.pop()
    return tokens


def _is_word(token: Token) -> bool:
    return token.text[0].isalnum()


def _before(place: Place) -> tuple[Token, ...]:
    """The words and marks before the caret, without the last, which may go on."""
    return tuple(_tokens(place.tail)[:-1])


def _words_before(place: Place) -> tuple[Token, ...]:
    return tuple(filter(_is_word, place.fact(_before)))


def _said(place: Place) -> str:
    """The text before the caret as echoes are looked for in it."""
    return " ".join(place.around.before[-OWN_CHARS:].casefold().split())


def _ahead(place: Place) -> tuple[Token, ...]:
    return tuple(filter(_is_word, _tokens(place.head)))


def _lead(place: Place) -> int:
    """Where the first word behind the caret begins."""
    ahead = place.fact(_ahead)
    return ahead[0].start if ahead else 0
