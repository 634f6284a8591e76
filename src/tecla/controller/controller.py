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
from tecla.controller.own import Own
from tecla.controller.own_words import OwnersWords
from tecla.controller.personal import Personal, TokenizerOf
from tecla.controller.ranking import Ranking
from tecla.controller.router import Router
from tecla.controller.sources import ANY, Shelf, Sources
from tecla.controller.writer import Writer
from tecla.filters.judge import Filters
from tecla.filters.lexicon import Level
from tecla.filters.options import FilterOptions
from tecla.store.owners import LOCAL
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
        personal: Personal | None = None,
        tokenizer: TokenizerOf | None = None,
        opens_personal: bool = False,
    ) -> None:
        """Take over a suggester (`None`: classical predictors alone) and a shelf.

        `personal` is what was learnt, which stays the caller's; or it is that of the store that the
        settings name, once a writer names somebody (`opens_personal`). With the model's `tokenizer`
        the indexes of those who come are brought up to date in passing.
        """
        self._suggester, self._shelf = suggester, shelf or Shelf({})
        self._personal, self._tokenizer = personal, tokenizer
        self._opens_personal, self._owns_personal = opens_personal, False
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
        personal: Personal | None = None,
        **options: Unpack[EngineOptions],
    ) -> Self:
        """Load a model, the default one by default, and predictors by what a person writes.

        `predictors` by language ("" for all others), as `Shelf` opens them. `calibration` is what
        comes with tecla for the model, if there is any. Without a `router` the model is asked
        wherever its answer is not known. Without `personal`, what was learnt is that of the store
        that the settings name, which is opened when a writer names somebody. Raises what
        `Suggester.open` and `open_predictor` raise.
        """
        suggester = Suggester.open(model, **options)
        try:
            controller = cls.around(
                suggester,
                predictors=predictors,
                manner=manner,
                filters=filters,
                calibration=calibration,
                cache_bytes=cache_bytes,
                router=router,
                personal=personal,
                tokenizer=lambda: suggester.tokenizer,
            )
        except BaseException:
            suggester.close()
            raise
        controller._opens_personal = personal is None
        return controller

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
        personal: Personal | None = None,
        tokenizer: TokenizerOf | None = None,
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
            personal=personal,
            tokenizer=tokenizer,
        )

    def writer(
        self,
        *,
        scope: Hashable = "",
        header: str = "",
        record: Record | None = None,
        user: str | None = None,
        collection: str | None = None,
        level: Level | None = None,
        with_model: bool = True,
    ) -> Writer:
        """A writer for one text; raises `OptionError` where it would have no source at all.

        Writers of one `scope` may be given each other's answers. What was learnt of `user` and of
        `collection` is used by whoever names them, and their answers are nobody else's. What
        becomes of suggestions goes to `record`, such as `FeedbackBuffer.add`, in their name.
        Filters are as the controller has them, or at `level` (see `Ranking.at`). Raises
        `StoreError` kinds where what was learnt cannot be read.
        """
        suggester, shared, model = self._suggester, None, None
        own = self._own(user, collection, record)
        feedback = None
        if own is not None:
            feedback = Feedback(
                own.record,
                user or LOCAL,
                collection,
                own.clock,
                digest=own.digest,
                keeps_text=own.keeps_text,
            )
        elif record is not None:
            feedback = Feedback(record, user or LOCAL, collection)
        if suggester is not None and with_model:
            whose = scope if own is None else (scope, own.scope)
            model = Asker(suggester.session(scope=whose), self.router, own)
            if self.cache is not None:
                shared = ScopedAnswers(self.cache, scope, str(suggester.info.path))
        return Writer(
            model,
            Sources(self._shelf, None if own is None else OwnersWords(own.words)),
            self._manner,
            ranking=self.ranking.at(level),
            shared=shared,
            feedback=feedback,
            own=own,
            header=header,
        )

    def _own(self, user: str | None, collection: str | None, record: Record | None) -> Own | None:
        """What was learnt of those who are named."""
        if user is None and collection is None:
            return None
        if self._personal is None and self._opens_personal:
            self._personal = Personal.of_settings()
            self._owns_personal = self._personal is not None
        if self._personal is None:
            return None
        return self._personal.own(user, collection, tokenizer=self._tokenizer, record=record)

    @property
    def opened_personal(self) -> Personal | None:
        """What was learnt, if it was opened here: it is closed with the controller."""
        return self._personal if self._owns_personal else None

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
        if self._personal is not None:
            (self._personal.close if self._owns_personal else self._personal.rest)()
        self._shelf.close()
        if self._suggester is not None:
            self._suggester.close()
