"""presage's own way of counting keystrokes, for any predictor of words.

It repeats what `presage_simulator -i` (presage 0.9.1) counts, so that figures stand side by side:
digit for digit on text in ASCII; elsewhere presage counts bytes, this counts characters. What it
leaves out (case, punctuation, line breaks) and what it grants the typist is in
`docs/decisions/0008-presage-protocol.md`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import regex

from tecla.predict.base import Budget, Predictor
from tecla.text.context import Context

BLANKS: Final = " \f\n\r\t\v"
SEPARATORS: Final = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_TOKEN = regex.compile(f"[^{regex.escape(BLANKS + SEPARATORS, special_only=False)}]+")
_STRAY_KEYS = 1  # the simulator's count of selections starts at one


@dataclass(frozen=True, slots=True)
class PresageCount:
    """Keys of a text under presage's protocol.

    plain_keys: without suggestions, one for every letter and one behind every word. keys: letters
    typed and suggestions selected. first_keys: those selected before a letter of the word was
    typed, counted among `keys` as well.
    """

    plain_keys: int
    keys: int
    first_keys: int

    @property
    def savings(self) -> float:
        """Keystroke savings, 0 to 1, as the simulator prints them in percent."""
        return 1 - (self.keys + _STRAY_KEYS) / self.plain_keys if self.plain_keys else 0.0


def protocol_words(text: str) -> list[str]:
    """The words of a text as the protocol types them.

    Lower case; blanks and ASCII punctuation part them and are dropped, apostrophes included.
    """
    return [match.group().lower() for match in _TOKEN.finditer(text)]


class TypedWord(NamedTuple):
    """A word of `chars` letters, of which `typed` were typed before it was offered, or all."""

    chars: int
    typed: int


def count_keys(predictor: Predictor, text: str, n: int = 6) -> PresageCount:
    """Type `text` with lists of `n` words from `predictor`.

    A word is selected as soon as it is offered; that costs one key and gives the space behind it.
    A word never offered costs its letters and a space.
    """
    words = list(type_words(predictor, text, n))
    plain_keys = sum(word.chars + 1 for word in words)
    keys = sum(word.typed + 1 for word in words)
    if text and text[-1] in BLANKS + SEPARATORS:  # the simulator types one empty word there
        plain_keys += 1
        keys += 1
    return PresageCount(plain_keys, keys, sum(word.typed == 0 for word in words))


def type_words(predictor: Predictor, text: str, n: int = 6) -> Iterator[TypedWord]:
    """Type the words of `text`, each as soon as a list of `n` offers it; see `count_keys`."""
    budget = Budget(n=n, max_words=1)
    before = ""
    for word in protocol_words(text):
        yield TypedWord(len(word), _letters_before_offer(predictor, before, word, budget))
        before += word + " "


def _letters_before_offer(predictor: Predictor, before: str, word: str, budget: Budget) -> int:
    """How many letters of `word` are typed until it is offered; all of them if it never is.

    The list is asked for behind the last letter as well, where it can save nothing: the simulator
    does, and presage learns from every question.
    """
    for typed in range(len(word) + 1):
        text = before + word[:typed]
        for candidate in predictor.predict(Context(text), budget):
            kept = text[: len(text) - candidate.replaces]
            if (kept + candidate.text).lower().rstrip() == before + word:
                return typed
    return len(word)
