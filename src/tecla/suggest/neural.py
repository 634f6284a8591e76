"""A language model behind the predictor contract."""

from __future__ import annotations

from typing_extensions import Unpack

from tecla.checks import known
from tecla.decode.request import Continuation, EvalWork
from tecla.predict.base import Budget, Candidate
from tecla.suggest.options import SUGGEST, SuggestOptions
from tecla.suggest.suggester import Suggester
from tecla.text.context import Context


def _candidate(found: Continuation) -> Candidate:
    """A continuation as a candidate: one that ends with a word is to end there."""
    words = found.words
    ends = bool(words) and words[-1].char_offset == len(found.text)
    return Candidate(
        found.text, words[-1].probability if ends else found.probability, "neural", words
    )


class Neural:
    """One session of a `Suggester` as a predictor, greedy unless told otherwise.

    Consecutive contexts of one text cost only what changed. `work` is what the last answer
    cost. Options are those of `Suggester.suggest`, less those that the context and the budget
    give. The suggester is closed with this if it is `owned`, else it stays the caller's.
    """

    def __init__(
        self,
        suggester: Suggester,
        *,
        name: str = "neural",
        owned: bool = False,
        **options: Unpack[SuggestOptions],
    ) -> None:
        """Raises `OptionError` for an option that does not exist."""
        known(options, SUGGEST - {"n", "max_words", "header"})
        self._name = name
        self._options = options
        self._suggester, self._owned = suggester, owned
        self._session = suggester.session()
        self.work = EvalWork()

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._name

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """The model's continuations; see `Predictor`."""
        options: SuggestOptions = {"temperature": 0.0, **self._options}
        found = self._session.suggest(
            context.before,
            context.after,
            deadline_ms=budget.deadline_ms,
            header=context.header,
            n=budget.n,
            max_words=budget.max_words,
            **options,  # type: ignore[misc]  # none of those given above is among them
        )
        self.work = found.work
        return sorted(map(_candidate, found.continuations), key=lambda each: -each.probability)

    def logprob(self, lead: str, text: str) -> float:
        """See `Suggester.logprob`."""
        return self._suggester.logprob(lead, text)

    def close(self) -> None:
        """Close the session, and a suggester that is owned; safe to call twice."""
        self._session.close()
        if self._owned:
            self._suggester.close()
