"""The classical predictors beside the model, by the language of what is written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeAlias

from tecla.closing import Closing
from tecla.controller.blend import blended
from tecla.controller.predictors import predictor_maker
from tecla.controller.tree import Alternative
from tecla.errors import TeclaError
from tecla.predict.base import Budget, Candidate, Predictor
from tecla.text.context import Context

if TYPE_CHECKING:
    from tecla.classic.own import OwnWords

ANY: Final = ""  # the language of predictors that serve all languages that have none of their own
Maker: TypeAlias = Callable[[], Predictor]
_log = logging.getLogger(__name__)


class Shelf(Closing):
    """The files of predictors by language, each opened once and shared by all writers.

    Those of `ANY` are there from the beginning; those of another language are opened beside the
    work when it is written first, and serve from then on. What cannot be opened is logged and left
    out.
    """

    def __init__(self, specs: Mapping[str, Sequence[str]]) -> None:
        """Open those of `ANY`; raises what `open_predictor` raises for them."""
        self._specs = {key: tuple(each) for key, each in specs.items() if each}
        self._opener = ThreadPoolExecutor(1, thread_name_prefix="tecla-predictors")
        self._opened: dict[str, Future[tuple[Maker, ...]]] = {}
        usual: Future[tuple[Maker, ...]] = Future()
        usual.set_result(tuple(map(predictor_maker, self._specs.get(ANY, ()))))
        self._opened[ANY] = usual

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._specs)

    def serving(self, language: str) -> str:
        """The language whose predictors serve another, `ANY` as long as its own are not there."""
        if language not in self._specs:
            return ANY
        if language not in self._opened:
            self._opened[language] = self._opener.submit(self._open, language)
        return language if self._opened[language].done() else ANY

    def makers(self, serving: str) -> tuple[Maker, ...]:
        """What makes the predictors of a language that `serving` gave."""
        return self._opened[serving].result()

    def wait(self, language: str) -> None:
        """Block until the predictors of a language are there."""
        self.serving(language)
        if language in self._opened:
            self._opened[language].result()

    def close(self) -> None:
        """Wait for what is being opened."""
        self._opener.shutdown(cancel_futures=True)

    def _open(self, language: str) -> tuple[Maker, ...]:
        found = []
        for spec in self._specs[language]:
            try:
                found.append(predictor_maker(spec))
            except TeclaError as error:
                _log.warning("%s is left out: %s", spec, error)
        return tuple(found)


class Sources(Closing):
    """The predictors of one writer."""

    def __init__(
        self,
        shelf: Shelf | Mapping[str, Sequence[Maker]] | None = None,
        own: OwnWords | None = None,
    ) -> None:
        """Made from a shelf, or from makers by language; n-grams have the person's `own` words."""
        self._own = own
        self._shelf = shelf if isinstance(shelf, Shelf) else None
        self._makers = {} if shelf is None or isinstance(shelf, Shelf) else dict(shelf)
        self._open: dict[str, tuple[Predictor, ...]] = {}

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._makers if self._shelf is None else self._shelf)

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
        """Close them all; safe to call twice."""
        for predictors in self._open.values():
            for predictor in predictors:
                predictor.close()
        self._open.clear()

    def _of(self, language: str) -> tuple[Predictor, ...]:
        """Those of a language, else those of any."""
        if self._shelf is None:
            key = language if self._makers.get(language) else ANY
        else:
            key = self._shelf.serving(language)
        if key not in self._open:
            makers = self._makers.get(key, ()) if self._shelf is None else self._shelf.makers(key)
            self._open[key] = tuple(self._with_own(make()) for make in makers)
        return self._open[key]

    def _with_own(self, predictor: Predictor) -> Predictor:
        if self._own is None:
            return predictor
        from tecla.classic.ngram import Ngram

        if not isinstance(predictor, Ngram):
            return predictor
        return Ngram(predictor.model, predictor.name, self._own)


def _alternative(candidate: Candidate) -> Alternative | None:
    if candidate.replaces or not candidate.words:
        return None
    return Alternative(candidate.text, candidate.words, source=candidate.source)
