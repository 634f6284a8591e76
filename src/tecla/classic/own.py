"""A person's own words, as they are mixed into the distribution of an n-gram model.

Knows neither where they were learnt nor how far they are believed; `tecla.personal.words` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tecla.ngram.lexer import CaretTokens


class Own(Protocol):
    """What the own words say of the next token; `kept` and the shares of all tokens sum to 1."""

    @property
    def kept(self) -> float:
        """What is left of the n-gram model's probabilities."""
        ...

    @property
    def follows(self) -> bool:
        """Whether what stands before the caret was seen before, and not its words alone."""
        ...

    def share(self, token: str) -> float:
        """The share of a token as `tecla.ngram.lexer` has it."""
        ...

    def mass(self, beginning: str) -> float:
        """The shares of all tokens that begin so, together."""
        ...

    def best(self, beginning: str, n: int) -> list[str]:
        """Up to `n` tokens that begin so and have a share, the largest first."""
        ...


class OwnWords(Protocol):
    """Texts that were learnt, asked token by token. For any thread."""

    def after(self, tokens: Sequence[str]) -> Own | None:
        """What follows `tokens`, which begin where the text does, or anywhere; `None`: nothing."""
        ...


def whole_tokens(caret: CaretTokens) -> list[str]:
    """The tokens before a caret behind a word that is whole."""
    return [*caret.tokens, caret.open] if caret.open else caret.tokens
