"""The classical predictors beside the model, by the language of what is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from tecla.controller.blend import blended
from tecla.controller.tree import Alternative
from tecla.predict.base import Budget, Candidate, Predictor
from tecla.text.context import Context

ANY = ""  # the language of predictors that serve all languages that have none of their own
Makers: TypeAlias = Mapping[str, Sequence[Callable[[], Predictor]]]


class Sources:
    """Predictors for each language (`ANY`: for all others); closed with whoever holds them."""

    def __init__(self, makers: Makers | None = None) -> None:
        """`makers` are called when their language is written first; it is two letters of ISO 639."""
        self._makers = dict(makers or {})
        self._open: dict[str, tuple[Predictor, ...]] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return any(self._makers.values())

    def names(self, language: str) -> tuple[str, ...]:
        """The names of those that serve a language."""
        return tuple(each.name for each in self._of(language))

    def heard(self, context: Context, language: str, budget: Budget) -> tuple[Alternative, ...]:
        """What they say together, each with the same weight, most probable first.

        Candidates that spell the typed beginning anew are left out: nothing typed is changed.
        """
        found: list[Alternative] = []
        for count, predictor in enumerate(self._of(language), start=1):
            heard = [_alternative(each) for each in predictor.predict(context, budget)]
            found = blended(found, [each for each in heard if each is not None], 1 / count)
        return tuple(found)

    def close(self) -> None:
        """Close them all."""
        for predictors in self._open.values():
            for predictor in predictors:
                predictor.close()
        self._open.clear()

    def _of(self, language: str) -> tuple[Predictor, ...]:
        """Those of a language, else those of any."""
        key = language if self._makers.get(language) else ANY
        if key not in self._open:
            self._open[key] = tuple(make() for make in self._makers.get(key, ()))
        return self._open[key]


def _alternative(candidate: Candidate) -> Alternative | None:
    if candidate.replaces or not candidate.words:
        return None
    return Alternative(candidate.text, candidate.words, source=candidate.source)
