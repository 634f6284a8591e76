"""Texts as a value that opens a matcher, for tests of what is made of matches."""

from __future__ import annotations

from dataclasses import dataclass

from personal.naive import Naive
from tecla.personal.base import Matcher
from tecla.text.base import Tokenizer


@dataclass(frozen=True)
class Learnt:
    """Each text is a document."""

    texts: tuple[str, ...]

    def open(self, tokenizer: Tokenizer) -> Matcher:
        return Naive([tokenizer.encode(text.encode()) for text in self.texts])
