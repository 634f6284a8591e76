"""The controller: one model and the classical predictors beside it, for any number of writers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Self

from typing_extensions import Unpack

from tecla.closing import Closing
from tecla.predict.base import Predictor
from tecla.suggest.options import EngineOptions
from tecla.controller.predictors import predictor_maker
from tecla.suggest.suggester import Suggester
from tecla.controller.writer import Manner, Writer

DEFAULT_PREDICTORS = ("ngram:en",)


class Controller(Closing):
    """Makes writers, which share the model and the files of predictors, and nothing else."""

    def __init__(
        self,
        suggester: Suggester | None,
        makers: Sequence[Callable[[], Predictor]] = (),
        manner: Manner | None = None,
    ) -> None:
        """Take over a suggester (`None`: classical predictors alone)."""
        self._suggester, self._makers = suggester, tuple(makers)
        self._manner = manner or Manner()

    @classmethod
    def open(
        cls,
        model: str | None = None,
        *,
        predictors: Sequence[str] = DEFAULT_PREDICTORS,
        manner: Manner | None = None,
        **options: Unpack[EngineOptions],
    ) -> Self:
        """Load a model, the default one by default, and predictors by what a person writes.

        Raises what `Suggester.open` and `open_predictor` raise.
        """
        makers = [predictor_maker(spec) for spec in predictors]
        return cls(Suggester.open(model, **options), makers, manner)

    def writer(self, *, scope: Hashable = "", header: str = "") -> Writer:
        """A writer for one text; nothing passes between writers of different scopes."""
        session = None if self._suggester is None else self._suggester.session(scope=scope)
        predictors = [make() for make in self._makers]
        return Writer(session, predictors, self._manner, header=header)

    def close(self) -> None:
        """Free the model; safe to call twice. Writers must have been closed."""
        if self._suggester is not None:
            self._suggester.close()
