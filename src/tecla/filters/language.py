"""A language, or a script, other than the writer's.

A letter of a foreign script is told by itself, and so is a common Latin word behind another script,
where capitals would make it a name. Languages of one script are told apart over a few
words at a time, by how much better the best of them explains the words than the writer's own: an
even fit is no evidence, so names and loan words pass. Where the person writes in that other
language already, as in a quotation, it is theirs.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from tecla.filters.base import Finding, View
from tecla.filters.place import Place
from tecla.filters.scripts import LATIN, LETTERS, SCRIPTS, is_written_in, script_of, scripts_of
from tecla.filters.tongue import TOLD_APART, scores

MARGIN = 13.0  # nats by which another language must be better
_WINDOW_WORDS = 6
_LEAST_WORDS = 3
_LEAST_CHARS = 12
_RECENT_CHARS = 80
# Words, without the pieces of addresses and file names.
_WORD = regex.compile(r"(?<![\w@./])[\p{L}\p{M}'’-]++(?![\w@/]|\.\w)")
_LATIN_WORD = regex.compile(
    r"(?<![\p{Latin}\p{N}_@./-])[^\P{Ll}\P{Latin}]{2,}+(?![\p{Latin}\p{N}_@./-])"
)
_LETTER = regex.compile(r"\p{L}")
_BEYOND_LATIN = regex.compile(r"[^\P{L}\p{Latin}]{2,}+|[\p{Han}\p{Hangul}\p{Hiragana}\p{Katakana}]")


def language(view: View) -> Iterator[Finding]:
    """Words the writer's language does not have, and letters its script does not have."""
    place = view.place
    for match in _BEYOND_LATIN.finditer(view.whole, view.begin, view.end):
        if not any(LETTERS[name].match(match.group()) for name in place.fact(_scripts)):
            yield Finding(match.start(), match.end(), "language")
            break
    if place.fact(_is_beyond_latin):
        for match in _LATIN_WORD.finditer(view.whole, view.begin, view.end):
            if view.is_settled(match.end()) and match.group() not in place.own:
                yield Finding(match.start(), match.end(), "language")
                break
    if not view.is_open and place.language in TOLD_APART:
        yield from _other_tongue(view, place.language)


def _other_tongue(view: View, own: str) -> Iterator[Finding]:
    start = view.begin  # with the word that the caret stands in
    inside = view.text[:1].isalpha()
    while inside and start > max(0, view.begin - 24) and view.whole[start - 1].isalpha():
        start -= 1
    spans = [match.span() for match in _WORD.finditer(view.whole, start, view.end)]
    at = 0
    while at < len(spans):
        end = len(spans) if at + 2 * _WINDOW_WORDS > len(spans) else at + _WINDOW_WORDS
        different = dict.fromkeys(view.whole[a:b] for a, b in spans[at:end])
        words = " ".join(different)
        if len(different) >= _LEAST_WORDS and len(words) >= _LEAST_CHARS:
            found = scores(words)
            best = max(found, key=found.__getitem__)
            if found[best] - found[own] > MARGIN and best not in view.place.fact(_recent):
                yield Finding(max(spans[at][0], view.begin), spans[end - 1][1], "language")
                return
        at = end


def _scripts(place: Place) -> frozenset[str]:
    """Scripts that may be used: the language's, and those the person uses.

    What begins with Han may be Japanese, unless it is known to be none.
    """
    used = {name for name in SCRIPTS if LETTERS[name].search(place.own)}
    if "Han" in used and place.language is None:
        used |= scripts_of("ja")
    return frozenset(used | scripts_of(place.language))


def _is_beyond_latin(place: Place) -> bool:
    """Whether the caret stands in text of another script than Latin."""
    last = next(filter(_LETTER.match, reversed(place.tail)), "")
    if not last or LETTERS[LATIN].match(last):
        return False
    if place.language is not None:
        return not is_written_in(place.language, LATIN)
    return script_of(place.tail) != LATIN


def _recent(place: Place) -> frozenset[str]:
    """Languages that the last words before the caret may be in, other than the writer's."""
    recent = place.around.before[-_RECENT_CHARS:]
    if len(recent) < _LEAST_CHARS or place.language is None:
        return frozenset()
    found = scores(recent)
    best = max(found, key=found.__getitem__)
    return frozenset({best} if found[best] > found.get(place.language, 0.0) else ())
