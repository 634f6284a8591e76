"""A writer behind the predictor contract: what would be shown, one answer for each key."""

from __future__ import annotations

from dataclasses import replace

from tecla.closing import Closing
from tecla.controller.blend import first_word
from tecla.controller.manner import Manner
from tecla.controller.writer import Writer
from tecla.decode.request import EvalWork
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context
from tecla.text.snapshot import Snapshot

_ALWAYS_ASK = 1_000_000  # a list is never what is left of another
_LIST_TOLERANCE = 0.01


class Written:
    """The settled suggestion of a writer.

    With a budget of one candidate that is the ghost text, else the list of next words. `work` is
    what the model did for the last answer.
    """

    def __init__(
        self, writer: Writer, name: str = "writer", *, owned: Closing | None = None
    ) -> None:
        """Answer with `writer`, which is closed with this, and so is what it owns."""
        self._writer, self._name, self._owned = writer, name, owned
        self._usual = writer.manner
        self.work = EvalWork()

    @property
    def name(self) -> str:
        """What reports call it."""
        return self._name

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """What is shown at the caret; see `Predictor`. Raises what the model failed with."""
        writer = self._writer
        writer.header, writer.manner = context.header, self._manner(budget)
        writer.update(Snapshot(context.before, context.after))
        found = writer.wait()
        if found.failure is not None:  # what is measured is the model as well
            raise found.failure
        self.work = found.work
        if budget.n > 1:
            return [
                Candidate(first_word(each), each.probability, "neural", each.words[:1])
                for each in found.alternatives[: budget.n]
            ]
        ghost = found.ghost
        if ghost is None:
            return []
        return [Candidate(ghost.text, ghost.probability, "neural", ghost.words)]

    def _manner(self, budget: Budget) -> Manner:
        """The writer's manner within a budget; for a list, unlikely words are wanted too."""
        manner = self._usual
        search = replace(manner.search, deadline_ms=budget.deadline_ms)
        if budget.n == 1:
            return replace(manner, search=search)
        search = replace(
            search,
            alternatives=max(budget.n, search.alternatives),
            between=max(budget.n, search.between),
            words=budget.max_words,
            min_share=0.0,
            tolerance=min(search.tolerance, _LIST_TOLERANCE),
        )
        classical = max(budget.n, manner.classical)
        return replace(manner, search=search, keep_chars=_ALWAYS_ASK, classical=classical)

    def close(self) -> None:
        """Close the writer."""
        self._writer.close()
        if self._owned is not None:
            self._owned.close()
