"""The engine contract: token ids in, next-token scores out, KV memory as numbered slots.

Owns the types every engine and every caller share. Must not know text, HTTP or any
particular model library. Invariant: after any call that raises, every slot holds what it
held before the call.

An engine is used from one thread at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tecla.engines.sampling import Sampling

TokenIds = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float32]
Groups = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Feed:
    """Tokens to append to one slot.

    `rows` says for how many of the last `tokens` the next-token scores are wanted: 0 for a
    prefill chunk, 1 for a decode step. A slot appears at most once in a batch.
    """

    slot: int
    tokens: Sequence[int]
    rows: int = 1


class TopK(NamedTuple):
    """The best tokens of each row, best first; ties go to the lower id."""

    ids: TokenIds  # [rows, k]
    logprobs: Floats  # [rows, k]


class Scores(Protocol):
    """Next-token scores of one or more positions, owned by the engine.

    Rows follow the order of the feeds and, inside a feed, of its tokens. A handle is valid
    until the engine's next `eval`; afterwards every method raises `StaleScoresError`.
    `detach` gives a handle that stays valid. Log-probabilities are natural logarithms.
    """

    @property
    def rows(self) -> int:
        """Number of positions held."""
        ...

    def top_k(self, k: int) -> TopK:
        """The `k` most probable tokens of every row (fewer if the vocabulary is smaller)."""
        ...

    def gather(self, row: int, ids: TokenIds | None) -> Floats:
        """Log-probabilities of `ids` in `row`, `[len(ids)]`; `None` means the whole vocabulary."""
        ...

    def masses(self, row: int, groups: Groups, n_groups: int) -> Floats:
        """The probability of each group of tokens in `row`, `[n_groups]`.

        `groups[i]`, below `n_groups`, is that of token `i`.
        """
        ...

    def log_normaliser(self, row: int) -> float:
        """Logarithm of the sum of the exponentials of the row's raw scores."""
        ...

    def add(self, row: int, ids: TokenIds, values: Floats) -> None:
        """Add `values` to the raw scores of `ids` in `row`, in place."""
        ...

    def sample(
        self,
        row: int,
        sampling: Sampling,
        key: int,
        *,
        recent: Sequence[int] = (),
        banned: Sequence[int] = (),
    ) -> tuple[int, float]:
        """Draw one token; the draw is a function of the row's scores and `key` alone.

        `recent` are the tokens the repetition penalty applies to; `banned` cannot be drawn.
        Returns the token id and its log-probability under the model itself, before
        temperature, penalty and truncation. Raises `EngineError` if nothing is left to draw.
        """
        ...

    def numpy(self) -> Floats:
        """A copy of the raw scores, `[rows, vocabulary]` float32."""
        ...

    def detach(self, rows: Sequence[int] | None = None) -> Scores:
        """A copy of some rows, in the given order (`None`: all), that stays valid for good."""
        ...


class Engine(Protocol):
    """Runs one causal language model over many numbered slots.

    Slots are numbered from 0 to `n_slots - 1`, and each holds a sequence of tokens whose
    keys and values are in memory. Forks share memory with their source where the engine can.
    """

    @property
    def n_vocab(self) -> int:
        """Number of token ids."""
        ...

    @property
    def n_slots(self) -> int:
        """Number of slots."""
        ...

    @property
    def context_tokens(self) -> int:
        """Most tokens one slot may hold."""
        ...

    @property
    def kv_tokens(self) -> int:
        """Most tokens all slots together may hold; tokens shared by forks count once."""
        ...

    @property
    def batch_tokens(self) -> int:
        """Most tokens one `eval` may carry."""
        ...

    @property
    def score_rows(self) -> int:
        """Most rows of scores one `eval` may be asked for."""
        ...

    @property
    def most_threads(self) -> int:
        """Most threads a step may run on; 1 where the engine has no say in it."""
        ...

    @property
    def evaluated_tokens(self) -> int:
        """Tokens evaluated since the engine was made: the unit in which work is counted."""
        ...

    def eval(self, feeds: Sequence[Feed]) -> Scores:
        """Append each feed's tokens to its slot in one batch and return the wanted scores.

        Blocks for one forward pass. Raises `EngineLimitError` for an unknown or repeated
        slot, an unknown token, an empty batch or feed, or a passed limit; `KVFullError`
        when there is no room. In both cases nothing changed.
        """
        ...

    def use_threads(self, count: int) -> None:
        """Run the following steps on `count` threads; changes no result."""
        ...

    def length(self, slot: int) -> int:
        """Number of tokens the slot holds."""
        ...

    def fork(self, src: int, dst: int, n_tokens: int) -> None:
        """Make `dst` hold the first `n_tokens` tokens of `src`, replacing what it held."""
        ...

    def trim(self, slot: int, n_tokens: int) -> None:
        """Keep the first `n_tokens` tokens of the slot; what is shared with forks stays theirs."""
        ...

    def clear(self, slot: int) -> None:
        """Empty the slot."""
        ...

    def save(self, slot: int) -> bytes:
        """The slot's tokens and keys and values as one self-checking byte string."""
        ...

    def restore(self, slot: int, state: bytes) -> None:
        """Replace what the slot holds by a saved state of the same model.

        Raises `EngineError` if the state is truncated, altered or another model's, and
        `KVFullError` if it does not fit; the slot then keeps what it held.
        """
        ...

    def close(self) -> None:
        """Free the model and its memory; further calls are not allowed."""
        ...
