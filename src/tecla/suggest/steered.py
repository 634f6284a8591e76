"""Experimental: what would be shown, as a predictor."""

from __future__ import annotations

from tecla.decode.request import EvalWork
from tecla.predict.base import Budget, Candidate
from tecla.suggest.showing import Rules, best_ghost
from tecla.suggest.suggester import Suggester
from tecla.text.context import Context


class Steered:
    def __init__(self, suggester, *, n=6, words=4, tokens=8, min_probability=0.02, tolerance=0.01, **rules):
        self._s = suggester
        self._session = suggester.session()
        self.n, self.words, self.tokens, self.mp, self.tol = n, words, tokens, min_probability, tolerance
        self.rules = Rules(**rules)
        self.work = EvalWork()
        self.name = "controller"

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        found = self._session.suggest(
            context.before, context.after, deadline_ms=budget.deadline_ms, header=context.header,
            n=self.n, max_words=self.words, max_tokens=self.tokens, spread_words=1,
            min_probability=self.mp, tolerance=self.tol,
        )
        self.work = found.work
        if budget.n == 1:
            g = best_ghost(found.continuations, self.rules)
            return [] if g is None else [Candidate(g.text, g.probability, "neural", g.words)]
        ranked = sorted(found.continuations, key=lambda c: -(c.words[0].probability if c.words else 0))
        return [Candidate(c.text[: c.words[0].char_offset], c.words[0].probability, "neural", c.words[:1]) for c in ranked if c.words][: budget.n]

    def close(self):
        self._session.close(); self._s.close()
