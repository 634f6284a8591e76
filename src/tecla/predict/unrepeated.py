"""A list that offers nothing twice within one word: what was passed over is not what is meant.

A wrapper with the predictor's own contract. presage does the same with its suggestions, so lists
are compared under one rule; a list shown to people may rather keep its order still.
"""

from __future__ import annotations

from dataclasses import replace

from tecla.predict.base import Budget, Candidate, Predictor
from tecla.text.context import Context


class Unrepeated:
    """`inner` without what it offered since the word at the caret was begun.

    It asks `inner` for as many candidates more as were offered. Probabilities are those of
    `inner`: they would rise if what was passed over were ruled out.
    """

    def __init__(self, inner: Predictor) -> None:
        """Wrap `inner`, which is closed with this."""
        self._inner = inner
        self._before = ""
        self._offered: set[str] = set()

    @property
    def name(self) -> str:
        """That of the predictor inside."""
        return self._inner.name

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """Candidates whose text was not offered for this word yet; see `Predictor`."""
        before = context.before
        typed = before.removeprefix(self._before)
        if len(typed) != len(before) - len(self._before) or not typed.isalnum():
            self._offered = set()
        self._before = before
        more = replace(budget, n=budget.n + len(self._offered))
        found = [
            (before[: len(before) - each.replaces] + each.text, each)
            for each in self._inner.predict(context, more)
        ]
        fresh = [(text, each) for text, each in found if text not in self._offered][: budget.n]
        self._offered.update(text for text, _ in fresh)
        return [each for _, each in fresh]

    def close(self) -> None:
        """Close the predictor inside."""
        self._inner.close()
