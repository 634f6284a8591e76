"""One text as it is written: what happens at the caret goes in, suggestions come out.

A *revision* is one state of the text. Asked about a new one, the writer answers at once from what
it knows, and settles the answer when the model has been heard:

1. The text was asked about before: the answer is what it was then.
2. What was typed is what the ghost text says: the rest of it stays while it is likely, and while it
   is more than likely and long enough the model is not asked at all. What is left when a part of
   it was taken stays in any case.
3. What was typed leaves the ghost text for another alternative: if that is likely by now the ghost
   text switches to it at once; the model is asked as well.
4. Somebody of the same scope was at the same caret: the answer is the one they had.
5. Otherwise the classical predictors answer first, if they are sure enough, and the model settles
   it.

Within a revision what is shown is only ever extended: an answer of the model that disagrees with
what is shown already goes into the list of alternatives, and the next revision begins with it.

When the header, the manner or what was learnt of the person (`own.py`) changes, all that was found
before is let go. Text of one scope is seen by no other. A writer is used from one thread at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from tecla.closing import Closing
from tecla.controller.asking import Asker, heard
from tecla.controller.blend import blended
from tecla.controller.cache import ScopedAnswers
from tecla.controller.calibration import Kind
from tecla.controller.feedback import Feedback
from tecla.controller.manner import Manner
from tecla.controller.own import Own
from tecla.controller.parts import PARTS, Part, end_of
from tecla.controller.place import Languages, Place
from tecla.controller.ranking import Ranking, Shown
from tecla.controller.showing import Ghost
from tecla.controller.sources import Sources
from tecla.controller.suggestion import Origin, Suggestion, rest_of
from tecla.controller.tree import Alternative, Known
from tecla.controller.view import View
from tecla.decode.request import Completed
from tecla.errors import AdjusterError, EngineError, OptionError, OverloadedError, TeclaError
from tecla.text.snapshot import Edit, Snapshot


class Writer(Closing):
    """The caret of one person in one text."""

    def __init__(
        self,
        model: Asker | None,
        sources: Sources | None = None,
        manner: Manner | None = None,
        *,
        ranking: Ranking | None = None,
        shared: ScopedAnswers | None = None,
        feedback: Feedback | None = None,
        own: Own | None = None,
        header: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Made by `Controller.writer`; model, sources and `own` are closed with it.

        `header` stands above the text for the model; it and `manner` hold from the next revision.
        """
        if model is None and not sources:
            raise OptionError("a writer needs a model or a predictor; give one of them")
        self._model, self._sources = model, sources or Sources()
        self._ranking = ranking or Ranking()
        self._shared, self._feedback, self._own = shared, feedback, own
        self.manner, self.header, self._clock = manner or Manner(), header, clock
        self.most_classical: int | None = None  # set where there is no time for more candidates
        self._languages = Languages()
        self._known = Known()
        self._view = View(Place(Snapshot(), header), self.manner, self._ranking, own)
        self._newest = Suggestion(0, None, settled=True)
        self._classical: tuple[Alternative, ...] = ()
        self._began = clock()

    @property
    def snapshot(self) -> Snapshot:
        """The text and the caret of the newest revision."""
        return self._view.place.snapshot

    @property
    def language(self) -> str:
        """The language of the paragraph at the caret; empty where nothing tells."""
        return self._view.place.language

    @property
    def kind(self) -> Kind:
        """The kind of event that the ghost text of the newest revision is."""
        return self._view.kind_of(self._newest.ghost)

    @property
    def suggestion(self) -> Suggestion:
        """What is known of the newest revision so far."""
        return self._newest

    def typed(self, text: str) -> Suggestion:
        """`text` was typed or pasted at the caret."""
        return self.update(self.snapshot.typed(text))

    def deleted(self, n_chars: int = 1) -> Suggestion:
        """The last characters before the caret were deleted."""
        return self.update(self.snapshot.deleted(n_chars))

    def edited(self, edit: Edit) -> Suggestion:
        """Some of the text was replaced; the caret stands behind it."""
        return self.update(self.snapshot.edited(edit))

    def update(self, snapshot: Snapshot) -> Suggestion:
        """The text is `snapshot` now; what can be said of it at once."""
        return self._update(snapshot, by_hand=True)

    def wait(self, timeout_s: float | None = None) -> Suggestion:
        """The settled answer of the newest revision.

        Blocks until the model answers, at its deadline at the latest; after `timeout_s` what is
        known by then comes back.
        """
        model = self._model
        if model is None or model.asked is None:
            self._answers_anew()
        while model is not None and model.asked is not None and not self._hear(model, timeout_s):
            pass
        return self._newest

    async def settled(self) -> Suggestion:
        """`wait` for asyncio; if the text changes meanwhile, the answer is that of the newer one.

        The writer is used from the loop's thread alone.
        """
        model = self._model
        while model is not None and (asked := model.asked) is not None:
            await heard(asked)
            if asked is model.asked:
                self._hear(model, None)
        return self._newest

    def paused(self) -> Suggestion:
        """Nobody has typed for a while: the model may have time by now, or other text stand above.

        Then the answer is asked for anew, and what is shown stays until it is there. Never waits.
        """
        newest, own, now = self._newest, self._own, self.snapshot
        if own is not None and own.paused(now.before, now.after):
            self._look_at(now)
            self._classical = self._heard()
        elif newest.without_model is None:
            return newest
        if self._model is not None and newest.silence != "dismissed":
            self._ask_again(newest.revision)
        return self._newest

    @property
    def pauses(self) -> bool:
        """Whether something else may stand above the text after a pause."""
        return self._own is not None and self._own.pauses

    def without_waiting(self) -> Suggestion:
        """The newest answer, settled without the model if that was not heard yet: it is late."""
        if not self._newest.settled:
            self._answers_anew()
            self._newest = replace(self._without_model(), partial=True)
            self._tell()
        return self._newest

    def accept(self, part: Part = "all", *, revision: int | None = None) -> str:
        """Take the ghost text, or its beginning (`parts.end_of`); the text that was put in.

        Nothing is taken where nothing is shown, or where `revision` is not the newest any more.
        """
        if part not in PARTS:
            raise OptionError(f"part is {part!r}; it must be one of {', '.join(PARTS)}")
        ghost = self._newest.ghost
        if ghost is None or revision not in (None, self._newest.revision):
            return ""
        return self.take(end_of(ghost.text, part))

    def take(self, n_chars: int) -> str:
        """Take the first characters of the ghost text; the text that was put in."""
        ghost = self._newest.ghost
        if ghost is None or not (taken := ghost.text[: max(0, n_chars)]):
            return ""
        if self._feedback is not None:
            self._feedback.accepted(len(taken))
        self._update(self.snapshot.typed(taken), by_hand=False)
        return taken

    def other(self) -> Suggestion:
        """Show the next alternative in place of the ghost text; after the last one the first."""
        self._answers_anew()
        now, ghosts = self._newest, self.ghosts()
        if ghosts:
            texts = [each.text for each in ghosts]
            at = texts.index(now.ghost.text) if now.ghost and now.ghost.text in texts else -1
            self._newest = replace(now, ghost=ghosts[(at + 1) % len(ghosts)], silence=None)
            self._tell()
        return self._newest

    def ghosts(self) -> list[Ghost]:
        """Everything that could be shown, most probable first; what is shown is among it."""
        return self._view.ghosts(self._newest.alternatives, self._newest.ghost)

    def give_up(self) -> None:
        """Nobody waits for the newest revision any more; the model ends its work on it."""
        if self._model is not None:
            self._model.give_up()

    def dismiss(self) -> Suggestion:
        """Show nothing until the text changes."""
        self.give_up()
        if self._feedback is not None:
            self._feedback.left()
        self._newest = replace(self._newest, ghost=None, silence="dismissed", settled=True)
        return self._newest

    def close(self) -> None:
        """Give up what was asked; safe to call twice."""
        self._known.forget()
        if self._feedback is not None:
            self._feedback.close()
        if self._model is not None:
            self._model.close()
        self._sources.close()
        if self._own is not None:
            self._own.close()

    def _update(self, snapshot: Snapshot, *, by_hand: bool) -> Suggestion:
        """Take a new revision; `by_hand` is false for what was accepted."""
        self._began = self._clock()
        before, shown, revision = self.snapshot, self._newest.ghost, self._newest.revision
        rest = rest_of(shown, before, snapshot)
        if by_hand and snapshot != before and self._feedback is not None:
            self._feedback.by_hand(before, snapshot, shown, goes_on=rest is not None)
        if self._own is not None and revision == 0:
            self._own.opened(snapshot.before, snapshot.after)
        is_same = snapshot == before and self.manner == self._view.manner
        is_other = self._look_at(snapshot)
        if is_same and not is_other and self._newest.without_model is not None:
            self._ask_again(revision + 1)
        else:
            self._answer(revision + 1, None if is_other else rest, by_hand=by_hand)
        self._tell()
        return self._newest

    def _ask_again(self, revision: int) -> None:
        """Ask the model about the text as it stands; what is shown stays."""
        now = self._newest
        self._newest = replace(now, revision=revision, settled=False, partial=False, failure=None)
        self._ask_if_worth()

    def _answer(self, revision: int, rest: Ghost | None = None, *, by_hand: bool = True) -> None:
        """What is known of the text at once; the model is asked for what is not."""
        if self._model is not None:
            self._model.drop()  # nobody waits for it any more
        self._newest = self._at_once(revision, rest, by_hand=by_hand)
        if not self._newest.settled:
            self._ask_if_worth()

    def _look_at(self, snapshot: Snapshot) -> bool:
        """Take a text, with all that an answer depends on as it is now; whether that is other."""
        header, ranking, own, before = self.header, self._ranking, self._own, self._view.basis
        if own is not None:
            own.renewed()
            header, ranking = own.header_over(header), own.ranked(ranking)
        language = self._languages.at(snapshot.before, self.manner.language)
        self._view = View(Place(snapshot, header, language), self.manner, ranking, own)
        if self._view.basis == before:
            return False
        self._known.forget()
        return True

    def _answers_anew(self) -> bool:
        """Whether what was learnt has changed; then nothing that was found before is used."""
        if self._own is None or not self._own.renewed():
            return False
        self._look_at(self.snapshot)
        self._answer(self._newest.revision)
        return True

    def _hear(self, model: Asker, timeout_s: float | None) -> bool:
        """Take the answer of what was asked; whether that ends the waiting."""
        try:
            completed = model.answer(timeout_s)
        except (OverloadedError, EngineError, AdjusterError) as failure:
            self._newest = self._without_model(failure)
        else:
            if completed is None:
                return True
            if self._answers_anew():  # it is of what was learnt before
                self._tell()
                return model.asked is None
            self._newest = self._settled(completed)
        self._tell()
        return True

    def _at_once(self, revision: int, rest: Ghost | None, *, by_hand: bool) -> Suggestion:
        """What is known of the new revision without the model."""
        view, manner, place = self._view, self.manner, self._view.place
        found = self._known.exact(place.snapshot)
        if found is not None:
            return self._told(revision, view.shown(found), found, "known", settled=True)
        rests = self._known.typed_on(place.snapshot)
        ghost, chance = view.rest(rest, rests, by_hand=by_hand)
        if ghost is not None:
            enough = len(ghost.text) >= manner.keep_chars and chance >= manner.sure
            if enough or self._model is None:
                if rests:
                    self._known.remember(place.snapshot, rests)
                return self._told(revision, Shown(ghost), rests, "typed", settled=True)
        if self._shared is not None:
            found = self._shared.get(place, self._settings)
            if found is not None:
                self._known.remember(place.snapshot, found)
                return self._told(revision, view.shown(found), found, "shared", settled=True)
        self._classical = self._heard()
        if self._model is None:
            found = self._classical
            self._known.remember(place.snapshot, found)
            return self._told(revision, view.shown(found), found, "classical", settled=True)
        if rests or ghost:
            early = Shown(ghost) if ghost else view.early(rests, manner.likely)
            return self._told(revision, early, rests, "typed")
        early = view.early(self._classical, manner.sure)
        return self._told(revision, early, self._classical, "classical")

    def _heard(self) -> tuple[Alternative, ...]:
        """What the classical predictors say, as far as it may be shown."""
        if not self._sources:
            return ()
        place, budget = self._view.place, self.manner.budget(self.most_classical)
        return self._view.allowed(self._sources.heard(place.context, place.language, budget))

    def _ask_if_worth(self) -> None:
        """Ask the model, unless the router sees no gain in asking, or it is out of reach."""
        assert self._model is not None
        if self._model.is_routed:
            settled = self._without_model()
            if not self._model.is_worth(self._view.place, settled.ghost):
                self._newest = settled
                return
        view, further = self._view, min(1.0, self.manner.rules.further)
        try:
            self._model.ask(view.place, self.manner.search, further, view.screen())
        except (OverloadedError, EngineError) as failure:
            self._newest = self._without_model(failure)

    def _without_model(self, failure: TeclaError | None = None) -> Suggestion:
        """The newest answer, settled with what is known without the model."""
        now = self._newest
        shown = Shown(now.ghost) if now.ghost else self._view.shown(now.alternatives)
        return replace(now, ghost=shown.ghost, silence=shown.silence, settled=True, failure=failure)

    def _settled(self, completed: Completed) -> Suggestion:
        """The answer with what the model said."""
        said = (each for each in completed.continuations if each.words)
        model = [Alternative(each.text, each.words, each.marks) for each in said]
        place = self._view.place
        weight = self.manner.weight_of(place.language)
        found = tuple(blended(self._view.allowed(model), self._classical, weight))
        if not completed.partial:
            self._known.remember(self.snapshot, found)
            if self._shared is not None:
                self._shared.put(place, self._settings, found)
        shown = self._view.beside(found, self._newest.ghost)
        if self._model is not None:
            self._model.learnt(shown.ghost)
        heard: Origin = "model" if model or not completed.partial else "classical"
        told = self._told(self._newest.revision, shown, found, heard, settled=True)
        return replace(told, partial=completed.partial, work=completed.work)

    @property
    def _settings(self) -> tuple[object, ...]:
        """Everything beside the place that an answer depends on."""
        return *self._view.basis, self._sources.names(self.language)

    def _told(
        self,
        revision: int,
        shown: Shown,
        found: Sequence[Alternative],
        origin: Origin,
        *,
        settled: bool = False,
    ) -> Suggestion:
        took_ms = 1000 * (self._clock() - self._began)
        return Suggestion(
            revision, shown.ghost, tuple(found), origin, shown.silence, settled, took_ms=took_ms
        )

    def _tell(self) -> None:
        """Tell whoever keeps the feedback what is shown."""
        if self._feedback is not None:
            self._feedback.showed(self._newest.ghost, self._view.place)
