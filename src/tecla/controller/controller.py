"""The controller: one model and the classical predictors beside it, for any number of writers."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from typing_extensions import Unpack

from tecla.closing import Closing
from tecla.controller.asking import Asker
from tecla.controller.cache import AnswerCache, ScopedAnswers
from tecla.controller.calibration import Calibration, shipped
from tecla.controller.feedback import Feedback, Record
from tecla.controller.manner import Manner
from tecla.controller.ranking import Ranking
from tecla.controller.router import Router
from tecla.controller.sources import ANY, Shelf, Sources
from tecla.controller.writer import Writer
from tecla.filters.judge import Filters
from tecla.filters.lexicon import Level
from tecla.filters.options import FilterOptions
from tecla.suggest.base import Suggesting
from tecla.suggest.options import EngineOptions
from tecla.suggest.suggester import Suggester

DEFAULT_PREDICTORS: Final[Mapping[str, Sequence[str]]] = {
    ANY: ("ngram:en",),
    "es": ("ngram:es",),
    **{language: (f"frequency:{language}",) for language in ("ca", "de", "fr", "it", "nl", "pt")},
}


class Controller(Closing):
    """Makes writers, which share the model, the files of predictors and the filters.

    Nothing else passes between them, but answers between those of one scope.
    """

    def __init__(
        self,
        suggester: Suggesting | None,
        shelf: Shelf | None = None,
        manner: Manner | None = None,
        *,
        filters: Filters | None = None,
        calibration: Calibration | None = None,
        cache: AnswerCache | None = None,
        router: Router | None = None,
    ) -> None:
        """Take over a suggester (`None`: classical predictors alone) and a shelf."""
        self._suggester, self._shelf = suggester, shelf or Shelf({})
        self._manner = manner or Manner()
        self.filters, self.cache, self.router = filters, cache, router
        self.ranking = Ranking(filters, calibration)

    @classmethod
    def open(
        cls,
        model: str | None = None,
        *,
        predictors: Mapping[str, Sequence[str]] = DEFAULT_PREDICTORS,
        manner: Manner | None = None,
        filters: FilterOptions | None = None,
        calibration: Calibration | None = None,
        cache_bytes: int = 16 << 20,
        router: Router | None = None,
        **options: Unpack[EngineOptions],
    ) -> Self:
        """Load a model, the default one by default, and predictors by what a person writes.

        `predictors` by language ("" for all others), as `Shelf` opens them. `calibration` is what
        comes with tecla for the model, if there is any. Without a `router` the model is asked
        wherever its answer is not known. Raises what `Suggester.open` and `open_predictor` raise.
        """
        suggester = Suggester.open(model, **options)
        try:
            return cls.around(
                suggester,
                predictors=predictors,
                manner=manner,
                filters=filters,
                calibration=calibration,
                cache_bytes=cache_bytes,
                router=router,
            )
        except BaseException:
            suggester.close()
            raise

    @classmethod
    def around(
        cls,
        suggester: Suggesting,
        *,
        predictors: Mapping[str, Sequence[str]] = DEFAULT_PREDICTORS,
        manner: Manner | None = None,
        filters: FilterOptions | None = None,
        calibration: Calibration | None = None,
        cache_bytes: int = 16 << 20,
        router: Router | None = None,
    ) -> Self:
        """`open` for a model that is loaded, which is closed with the controller."""
        judge = Filters(filters)
        judge.load()
        return cls(
            suggester,
            Shelf(predictors),
            manner,
            filters=judge,
            calibration=calibration or shipped(suggester.info.path),
            cache=AnswerCache(cache_bytes) if cache_bytes else None,
            router=router,
        )

    def writer(
        self,
        *,
        scope: Hashable = "",
        header: str = "",
        record: Record | None = None,
        user: str = "local",
        collection: str | None = None,
        level: Level | None = None,
        with_model: bool = True,
    ) -> Writer:
        """A writer for one text; raises `OptionError` where it would have no source at all.

        Writers of one `scope` may be given each other's answers. What becomes of suggestions goes
        to `record`, such as `FeedbackBuffer.add`, in the name of `user` and `collection`. Filters
        are as the controller has them, or at `level` (see `Ranking.at`).
        """
        suggester, shared, model = self._suggester, None, None
        if suggester is not None and with_model:
            model = Asker(suggester.session(scope=scope), self.router)
            if self.cache is not None:
                shared = ScopedAnswers(self.cache, scope, str(suggester.info.path))
        return Writer(
            model,
            Sources(self._shelf),
            self._manner,
            ranking=self.ranking.at(level),
            shared=shared,
            feedback=None if record is None else Feedback(record, user, collection),
            header=header,
        )

    @property
    def model_path(self) -> Path | None:
        """The file or folder of the model."""
        return None if self._suggester is None else self._suggester.info.path

    def counters(self) -> dict[str, int]:
        """What was counted since the model was opened; empty without one."""
        return {} if self._suggester is None else self._suggester.counters()

    def prepare(self, language: str) -> None:
        """Block until the predictors of a language are open, as they are otherwise in passing."""
        self._shelf.wait(language)

    def close(self) -> None:
        """Free the model; safe to call twice. Writers must have been closed."""
        self._shelf.close()
        if self._suggester is not None:
            self._suggester.close()
