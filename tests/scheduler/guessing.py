"""Drafts for tests: sometimes what the fake engine would take, sometimes not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tecla.decode.drafting import Drafted
from tecla.engines.base import Feed
from tecla.engines.fake import FakeEngine, FakeTokenizer
from tecla.scheduler.cost import StepCost
from tecla.text.base import Tokenizer


@dataclass(frozen=True)
class Guesses:
    """Every third token is wrong."""

    seed: int = 1

    def build(self, tokenizer: Tokenizer) -> Guesser:
        return Guesser(self.seed, len(tokenizer.table))


class Guesser:
    """`Guesses` at work, on an engine of its own."""

    def __init__(self, seed: int, n_vocab: int) -> None:
        self._engine = FakeEngine(FakeTokenizer(), seed=seed, n_slots=1)
        self._most = min(n_vocab, self._engine.n_vocab)  # ids that both vocabularies have

    def draft(self, tokens: Sequence[int], most: int, *, greedy: bool) -> Sequence[Drafted]:
        given, found = [token % self._most for token in tokens], []
        for _ in range(min(most, 4, self._engine.context_tokens - len(given))):
            self._engine.clear(0)
            rank = int(len(given) % 3 == 0)
            best = int(self._engine.eval([Feed(0, given, 1)]).top_k(2).ids[0, rank]) % self._most
            found.append(Drafted(best, 0.9))
            given.append(best)
        return found


class Eager(StepCost):
    """Every draft is worth its cost."""

    def saves(self, probability: float, sharing: int) -> bool:
        return True
