"""The words of several owners as one, for an n-gram model of words: the last one has the last word.

What one says is put upon what the ones before it say, as each is put upon the model alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tecla.classic.own import Own, OwnWords


class OwnersWords:
    """`OwnWords` of whatever is there when it is asked. For any thread."""

    def __init__(self, words: Callable[[], Sequence[OwnWords]]) -> None:
        """`words` gives those of each owner that are read, in the order they are put on."""
        self._words = words

    def after(self, tokens: Sequence[str]) -> Own | None:
        """What follows; see `OwnWords`."""
        found: Own | None = None
        for words in self._words():
            upper = words.after(tokens)
            if upper is not None:
                found = upper if found is None else Put(upper, found)
        return found


class Put:
    """What one says of the next token, put upon what another says; see `Own`."""

    def __init__(self, upper: Own, lower: Own) -> None:
        """`upper` has the last word."""
        self._upper, self._lower = upper, lower

    @property
    def kept(self) -> float:
        """What is left of the model."""
        return self._upper.kept * self._lower.kept

    @property
    def follows(self) -> bool:
        """Whether either has seen what stands before the caret."""
        return self._upper.follows or self._lower.follows

    def share(self, token: str) -> float:
        """The share of a token."""
        return self._upper.share(token) + self._upper.kept * self._lower.share(token)

    def mass(self, beginning: str) -> float:
        """The shares of all tokens that begin so."""
        return self._upper.mass(beginning) + self._upper.kept * self._lower.mass(beginning)

    def best(self, beginning: str, n: int) -> list[str]:
        """Up to `n` tokens that begin so, the largest share first."""
        both = {*self._upper.best(beginning, n), *self._lower.best(beginning, n)}
        return sorted(both, key=lambda token: (-self.share(token), token))[:n]
