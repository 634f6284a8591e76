"""Changes to every next-token distribution of a request, described by value.

An `Adjustment` is plain data (it can be pickled and sent to the process the engine lives in);
`build` makes the working `Adjuster` beside the engine, where the tokenizer and the scores are.
An adjuster sees the tokens so far and the scores of one position, and returns what is to be
added to them; the caller adds on a copy, so that what others share stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from tecla.checks import number, whole
from tecla.engines.base import Floats, Scores, TokenIds
from tecla.errors import AdjusterError, InputError, OptionError
from tecla.text.base import Tokenizer
from tecla.text.unicode import to_bytes

Built = TypeVar("Built", covariant=True)


class Change(NamedTuple):
    """Values to add to the raw scores of some tokens."""

    ids: TokenIds  # [changed]
    values: Floats  # [changed], natural logarithms; -inf forbids


class Adjuster(Protocol):
    """One adjustment at work on one request."""

    def change(self, tokens: Sequence[int], scores: Scores, row: int) -> Change | None:
        """What to add to the scores after `tokens` (the head and all that followed it)."""
        ...


class Adjustment(Protocol):
    """An adjustment as a value: hashable, picklable, equal to its like."""

    def build(self, tokenizer: Tokenizer) -> Adjuster:
        """The adjuster for a model with this tokenizer."""
        ...


class Buildable(Protocol[Built]):
    """A value that came with a request and is put to work beside the engine."""

    def build(self, tokenizer: Tokenizer) -> Built:
        """What works."""
        ...


@dataclass(frozen=True, slots=True)
class TokenBias:
    """Adds a number to the score of given tokens: (id, value) pairs; -inf forbids a token."""

    biases: tuple[tuple[int, float], ...]

    def __post_init__(self) -> None:
        """Check the pairs; raises `OptionError`."""
        given: object = self.biases
        pairs = given if isinstance(given, tuple) else (given,)
        for pair in pairs:
            if not (isinstance(pair, tuple) and len(pair) == 2):
                raise OptionError(f"TokenBias holds {pair!r}; it must hold (id, value) pairs")
            token, value = pair
            whole("token id", token, 0)
            if value != -np.inf:
                number("bias", value)

    def build(self, tokenizer: Tokenizer) -> Adjuster:
        """Check the ids; raises `OptionError` for one the model does not have."""
        n_vocab = len(tokenizer.table)
        for token, _ in self.biases:
            if token >= n_vocab:
                raise OptionError(f"token id {token!r} does not exist; ids are 0 to {n_vocab - 1}")
        ids = np.array([token for token, _ in self.biases], dtype=np.int32)
        values = np.array([value for _, value in self.biases], dtype=np.float32)
        return _Fixed(Change(ids, values))


@dataclass(frozen=True, slots=True)
class Forbid:
    """Keeps given texts from being written, wherever tokens divide them."""

    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        """Check the texts; raises `OptionError` for what is none, or is empty."""
        given: object = self.texts
        if not isinstance(given, tuple):
            raise OptionError(f"Forbid holds {given!r}; it must hold a tuple of texts")
        for text in given:
            to_bytes(text, "a forbidden text")
            if not text:
                raise OptionError("a forbidden text is empty; every one needs a character")

    def build(self, tokenizer: Tokenizer) -> Adjuster:
        """Encode the texts."""
        return _Forbidding(tokenizer, tuple(text.encode() for text in self.texts))


class _Fixed:
    """The same change at every position."""

    def __init__(self, change: Change) -> None:
        self._change = change

    def change(self, tokens: Sequence[int], scores: Scores, row: int) -> Change | None:
        """The change."""
        return self._change


class _Forbidding:
    """Forbids every token that would complete a text."""

    def __init__(self, tokenizer: Tokenizer, texts: tuple[bytes, ...]) -> None:
        self._table, self._texts = tokenizer.table, texts
        self._longest = max(map(len, texts), default=0)
        self._inside = [
            token
            for token, piece in enumerate(self._table.pieces)
            if any(text in piece for text in texts)
        ]

    def change(self, tokens: Sequence[int], scores: Scores, row: int) -> Change | None:
        """Forbid tokens that hold a text, and those that end one already begun."""
        end = self._end_of(tokens)
        forbidden = set(self._inside)
        for text in self._texts:
            for begun in range(1, min(len(text), len(end) + 1)):
                if end.endswith(text[:begun]):
                    forbidden.update(self._completing(text[begun:]))
        if not forbidden:
            return None
        ids = np.array(sorted(forbidden), dtype=np.int32)
        return Change(ids, np.full(len(ids), -np.inf, dtype=np.float32))

    def _end_of(self, tokens: Sequence[int]) -> bytes:
        end = b""
        for token in reversed(tokens):
            if len(end) >= self._longest:
                break
            end = self._table.pieces[token] + end
        return end

    def _completing(self, rest: bytes) -> list[int]:
        exact = self._table.exact(rest)
        found = self._table.going_beyond(rest).tolist()
        return found if exact is None else [exact, *found]


def built(adjustments: Sequence[Adjustment], tokenizer: Tokenizer) -> tuple[Adjuster, ...]:
    """The adjusters of a request; raises `InputError` kinds for one that cannot be built."""
    return tuple(made(each, tokenizer, "an adjustment") for each in adjustments)


def made(value: Buildable[Built], tokenizer: Tokenizer, what: str) -> Built:
    """What a value builds; raises `AdjusterError` for whatever fails in it."""
    try:
        return value.build(tokenizer)
    except InputError:
        raise
    except Exception as error:
        raise AdjusterError(f"{what} cannot be built ({type(error).__name__}: {error})") from error


def adjusted(
    adjusters: Sequence[Adjuster], tokens: Sequence[int], scores: Scores, row: int
) -> tuple[Scores, int]:
    """The scores of one position with all changes added, on a copy if there are any."""
    for adjuster in adjusters:
        try:
            change = adjuster.change(tokens, scores, row)
        except Exception as error:  # it came with the request, and only that shall fail
            raise AdjusterError(f"an adjuster failed ({type(error).__name__}: {error})") from error
        if change is not None and len(change.ids):
            scores, row = scores.detach([row]), 0
            scores.add(row, change.ids, change.values)
    return scores, row
