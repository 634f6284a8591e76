"""A word n-gram model in one memory-mapped file: probabilities of tokens and texts.

Owns the file's format and what unknown words cost: their share of the base distribution, spelt
by the character model. So every text has a probability, and over known words, the unknown and
the end of a text they add up to 1 behind every history.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tecla.ngram.backoff import Backoff, State
from tecla.ngram.lexer import END_OF_LINE, lex
from tecla.ngram.lexicon import IdRange, Lexicon
from tecla.ngram.spelling import Spelling
from tecla.sections import read_sections, write_sections

Array = npt.NDArray[Any]

KIND, VERSION = "ngram", 1
_SPELLING = "spelling/"
_REMEDY = "train it with `tecla train ngram`"


class NgramModel:
    """A trained model. `meta` says how it was trained."""

    def __init__(self, meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """`arrays` as `NgramModel.open` finds them in a file."""
        self.meta = dict(meta)
        self.lexicon = Lexicon(arrays["lexicon"], arrays["lexicon_ends"])
        chars = Lexicon(arrays["chars"], arrays["chars_ends"])
        inner = {
            name.removeprefix(_SPELLING): array
            for name, array in arrays.items()
            if name.startswith(_SPELLING)
        }
        self.spelling = Spelling(chars, inner)
        base = np.zeros(self.lexicon.ids)
        base[: len(self.lexicon)] = arrays["base"]
        base[self.lexicon.unknown] = 1 - base.sum()
        self._spelt = np.concatenate(([0.0], np.cumsum(arrays["spelt"])))
        self._unspelt = 1 - float(self._spelt[-1])  # that a word is none of the known ones
        self.backoff = Backoff(arrays, base)

    @classmethod
    def open(cls, path: Path) -> NgramModel:
        """The model in a file; raises `ModelError` kinds (see `read_sections`)."""
        found = read_sections(path, KIND, VERSION, _REMEDY)
        return cls(found.meta, found.arrays)

    @property
    def order(self) -> int:
        """How many tokens the longest n-grams have."""
        return self.backoff.order

    def state(self, tokens: Iterable[str], *, starts_text: bool) -> State:
        """What the model remembers behind `tokens`."""
        state = self.backoff.state([self.lexicon.start] if starts_text else [])
        for token in tokens:
            state = self.advance(state, token)
        return state

    def advance(self, state: State, token: str) -> State:
        """The state when `token` follows."""
        return self.backoff.advance(state, self.lexicon.find(token))

    def probability(self, state: State, token: str) -> float:
        """That `token` follows, known or not."""
        index = self.lexicon.find(token)
        if index == self.lexicon.unknown:
            return self.unknown_weight(state) * self.spelling.probability(token)
        return self.backoff.probability(state, index)

    def unknown_weight(self, state: State) -> float:
        """What the character model's probability of an unknown word is multiplied by."""
        return self.backoff.probability(state, self.lexicon.unknown) / self._unspelt

    def unknown_mass(self, state: State, text: str, known: IdRange) -> float:
        """That an unknown word beginning with `text` follows; `known`: the known such words."""
        spelt = self._spelt[known.stop] - self._spelt[known.start]
        left = max(0.0, self.spelling.beginning(text) - float(spelt))
        return self.unknown_weight(state) * left

    def logprob(self, lead: str, text: str) -> float:
        """Natural logarithm of the probability that `text` follows `lead`, both whole texts.

        `lead` may end inside a word: its rest is then given what is there. The end of the text
        is not counted, and the last word counts as whole.
        """
        state = self.state([], starts_text=True)
        total, char, after_break = 0.0, 0, True
        for token in lex(lead + text):
            start, dummy = char, after_break and token.startswith(" ")
            char += len(token) - dummy
            after_break = token == END_OF_LINE
            if char > len(lead):
                total += math.log(self.probability(state, token))
                typed = len(lead) - start + dummy
                if start < len(lead):
                    known = self.lexicon.beginning(token[:typed])
                    mass = self.backoff.mass(state, known)
                    total -= math.log(mass + self.unknown_mass(state, token[:typed], known))
            state = self.advance(state, token)
        return total


def save_model(
    path: Path,
    meta: Mapping[str, Any],
    lexicon: Lexicon,
    arrays: Mapping[str, Array],
    chars: Lexicon,
    spelling: Mapping[str, Array],
) -> int:
    """Write a trained model; the file's size in bytes.

    `arrays` are those of `smooth`, and of the known words `base`, their base distribution, and
    `spelt`, their probabilities by the character model  # [words] float64 each.
    """
    data, ends = lexicon.arrays
    char_data, char_ends = chars.arrays
    everything = {
        **arrays,
        **{f"{_SPELLING}{name}": array for name, array in spelling.items()},
        "lexicon": data,
        "lexicon_ends": ends,
        "chars": char_data,
        "chars_ends": char_ends,
    }
    return write_sections(path, KIND, VERSION, meta, everything)
