"""Reading a given text: the probability of each of its tokens, a step's worth at a time.

It takes the same slots as everybody's requests, in a scope of its own, so it finds nothing of
anybody's text and leaves nothing behind. Whoever runs it serves others between two steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tecla.errors import EngineLimitError
from tecla.scheduler.batch import Batch
from tecla.scheduler.kvmemory import KVMemory


class Reading:
    """ln P of `tokens[first:]`, each given all before it."""

    def __init__(self, memory: KVMemory, tokens: Sequence[int], first: int) -> None:
        """Begin; at least one token stands before `first`, and all fit in the context."""
        assert 0 < first <= len(tokens) <= memory.engine.context_tokens
        self._memory, self._tokens, self._first = memory, tokens, first
        self._scope = object()
        self.logprobs: list[float] = []  # nats, of the tokens read so far

    @property
    def done(self) -> bool:
        """Whether all tokens are read."""
        return self._first + len(self.logprobs) == len(self._tokens)

    def step(self) -> None:
        """Evaluate one batch; raises `EngineLimitError` where there is no room for it at all."""
        reached = self._first + len(self.logprobs)
        batch = Batch(self._memory, self._memory.engine.batch_tokens)
        at = self._memory.at(self._scope, self._tokens[:reached])
        following = {}
        for token in self._tokens[reached:]:
            following[at] = np.array([token], np.int32)
            if not batch.add(at):
                break
            at = at.walk([token])
        if not batch:
            raise EngineLimitError("there is no room to read the text; ask for a shorter one")
        scores = self._memory.engine.eval(batch.feeds())
        for row, position in batch.evaluated():
            self.logprobs.append(float(scores.gather(row, following[position])[0]))
        at.forget()

    def end(self) -> None:
        """Give up what was held for this text; safe to call twice."""
        self._memory.forget_scope(self._scope)
