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

A writer is used from one thread at a time. Text of one scope is seen by no other.
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
from tecla.controller.parts import PARTS, Part, end_of
from tecla.controller.place import Languages, Place
from tecla.controller.ranking import Ranking, Shown, kind_of
from tecla.controller.showing import Ghost, ghost_of
from tecla.controller.sources import Sources
from tecla.controller.suggestion import Origin, Suggestion, rest_of
from tecla.controller.tree import Alternative, Known
from tecla.decode.request import Completed
from tecla.errors import EngineError, OptionError, OverloadedError, TeclaError
from tecla.predict.base import Budget
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
        header: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Made by `Controller.writer`; model and sources are closed with it.

        `header` stands above the text for the model; it and `manner` hold from the next revision.
        """
        if model is None and not sources:
            raise OptionError("a writer needs a model or a predictor; give one of them")
        self._model, self._sources = model, sources or Sources()
        self._ranking = ranking or Ranking()
        self._shared, self._feedback = shared, feedback
        self.manner, self.header, self._clock = manner or Manner(), header, clock
        self.most_classical: int | None = None  # set where there is no time for more candidates
        self._languages = Languages()
        self._known = Known()
        self._place = Place(Snapshot(), header)
        self._newest = Suggestion(0, None, settled=True)
        self._classical: tuple[Alternative, ...] = ()
        self._weighed: tuple[Sequence[Alternative], Shown] | None = None
        self._began = clock()

    @property
    def snapshot(self) -> Snapshot:
        """The text and the caret of the newest revision."""
        return self._place.snapshot

    @property
    def language(self) -> str:
        """The language of the paragraph at the caret; empty where nothing tells."""
        return self._place.language

    @property
    def kind(self) -> Kind:
        """The kind of event that the ghost text of the newest revision is."""
        return Kind() if self._newest.ghost is None else kind_of(self._newest.ghost, self._place)

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
            return self._newest
        try:
            completed = model.answer(timeout_s)
        except (OverloadedError, EngineError) as failure:
            self._newest = self._without_model(failure)
        else:
            if completed is None:
                return self._newest
            self._newest = self._settled(completed)
        self._tell()
        return self._newest

    async def settled(self) -> Suggestion:
        """`wait` for asyncio; if the text changes meanwhile, the answer is that of the newer one.

        The writer is used from the loop's thread alone.
        """
        model = self._model
        while model is not None and (asked := model.asked) is not None:
            await heard(asked)
            if asked is model.asked:
                return self.wait()
        return self._newest

    def without_waiting(self) -> Suggestion:
        """The newest answer, settled without the model if that was not heard yet: it is late."""
        if not self._newest.settled:
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
        if ghost is None or n_chars <= 0:
            return ""
        taken = ghost.text[:n_chars]
        if self._feedback is not None:
            self._feedback.accepted(len(taken))
        self._update(self.snapshot.typed(taken), by_hand=False)
        return taken

    def other(self) -> Suggestion:
        """Show the next alternative in place of the ghost text; after the last one the first."""
        now, ghosts = self._newest, self.ghosts()
        if ghosts:
            texts = [each.text for each in ghosts]
            at = texts.index(now.ghost.text) if now.ghost and now.ghost.text in texts else -1
            self._newest = replace(now, ghost=ghosts[(at + 1) % len(ghosts)], silence=None)
            self._tell()
        return self._newest

    def ghosts(self) -> list[Ghost]:
        """Everything that could be shown, most probable first; what is shown is among it."""
        found, shown = self._newest.alternatives, self._newest.ghost
        return self._ranking.ghosts(found, self._place, self.manner.rules, shown)

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

    def _update(self, snapshot: Snapshot, *, by_hand: bool) -> Suggestion:
        """Take a new revision; `by_hand` is false for what was accepted."""
        self._began = self._clock()
        before, shown = self.snapshot, self._newest.ghost
        language = self._languages.at(snapshot.before, self.manner.language)
        self._place, self._weighed = Place(snapshot, self.header, language), None
        if self._model is not None:
            self._model.drop()  # nobody waits for it any more
        rest = rest_of(shown, before, snapshot)
        if by_hand:
            self._tell_of_the_hand(before, shown, rest)
        self._newest = self._at_once(self._newest.revision + 1, rest, by_hand=by_hand)
        if not self._newest.settled:
            self._ask_if_worth()
        self._tell()
        return self._newest

    def _at_once(self, revision: int, rest: Ghost | None, *, by_hand: bool) -> Suggestion:
        """What is known of the new revision without the model."""
        place, manner = self._place, self.manner
        found = self._known.exact(place.snapshot)
        if found is not None:
            return self._told(revision, self._shown(found), found, "known", settled=True)
        rests = self._known.typed_on(place.snapshot)
        ghost, chance = self._rest(rest, rests, by_hand=by_hand)
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
                return self._told(revision, self._shown(found), found, "shared", settled=True)
        self._classical = self._heard()
        if self._model is None:
            self._known.remember(place.snapshot, self._classical)
            shown = self._shown(self._classical)
            return self._told(revision, shown, self._classical, "classical", settled=True)
        if rests or ghost:
            early = Shown(ghost) if ghost else self._early(rests, manner.likely)
            return self._told(revision, early, rests, "typed")
        early = self._early(self._classical, manner.sure)
        return self._told(revision, early, self._classical, "classical")

    def _rest(
        self, rest: Ghost | None, rests: Sequence[Alternative], *, by_hand: bool
    ) -> tuple[Ghost | None, float]:
        """What stays of a ghost text, and how probable it is; what was taken a part of is sure."""
        if rest is None:
            return None, 0.0
        path = next((each for each in rests if each.text.startswith(rest.text.rstrip())), None)
        chance = 1.0 if not by_hand else 0.0 if path is None else path.probability
        if chance < self.manner.likely:
            return None, chance
        return (rest if path is None else self._extended(rest, path)), chance

    def _early(self, found: Sequence[Alternative], least: float) -> Shown:
        """What is shown before the model has answered: what is probable enough."""
        shown = self._shown(found)
        if shown.ghost is None or shown.ghost.probability < least:
            return Shown(None, "model_asked")
        return shown

    def _shown(self, found: Sequence[Alternative]) -> Shown:
        """What is shown of what was found, worked out once a revision."""
        if self._weighed is None or self._weighed[0] is not found:
            manner = self.manner
            shown = self._ranking.shown(found, self._place, manner.rules, manner.eagerness)
            self._weighed = found, shown
        return self._weighed[1]

    def _extended(self, rest: Ghost, path: Alternative) -> Ghost:
        """What is left of the ghost text, with what follows it if that is likely by now."""
        ghost = ghost_of(path, self.manner.rules)
        if ghost is None or not ghost.text.startswith(rest.text):
            return rest
        kept = self._ranking.kept(ghost, path, self._place, self.manner.rules)
        if kept is None or not kept.text.startswith(rest.text):
            return rest
        return self._ranking.calibrated(kept, self._place)

    def _heard(self) -> tuple[Alternative, ...]:
        """What the classical predictors say, as far as it may be shown."""
        if not self._sources:
            return ()
        manner, most = self.manner, self.most_classical
        n, n_words = most or manner.classical, 1 if most == 1 else manner.search.words
        budget = Budget(min(manner.classical, n), n_words, min_next=min(1.0, manner.rules.further))
        heard = self._sources.heard(self._place.context, self._place.language, budget)
        return self._ranking.allowed(heard, self._place)

    def _ask_if_worth(self) -> None:
        """Ask the model, unless the router sees no gain in asking, or it is out of reach."""
        assert self._model is not None
        if self._model.is_routed:
            settled = self._without_model()
            if not self._model.is_worth(self._place, settled.ghost):
                self._newest = settled
                return
        filters, rules = self._ranking.filters, self.manner.rules
        screen = None if filters is None else filters.screen(self._place.surroundings)
        try:
            self._model.ask(self._place, self.manner.search, min(1.0, rules.further), screen)
        except (OverloadedError, EngineError) as failure:
            self._newest = self._without_model(failure)

    def _without_model(self, failure: TeclaError | None = None) -> Suggestion:
        """The newest answer, settled with what is known without the model."""
        now = self._newest
        shown = Shown(now.ghost) if now.ghost else self._shown(now.alternatives)
        return replace(now, ghost=shown.ghost, silence=shown.silence, settled=True, failure=failure)

    def _settled(self, completed: Completed) -> Suggestion:
        """The answer with what the model said."""
        said = (each for each in completed.continuations if each.words)
        model = [Alternative(each.text, each.words, each.marks) for each in said]
        allowed = self._ranking.allowed(model, self._place)
        found = tuple(blended(allowed, self._classical, self._weight))
        if not completed.partial:
            self._known.remember(self.snapshot, found)
            if self._shared is not None:
                self._shared.put(self._place, self._settings, found)
        shown, standing = self._shown(found), self._newest.ghost
        if standing is not None and (
            shown.ghost is None or not shown.ghost.text.startswith(standing.text)
        ):
            shown = Shown(standing)  # what is shown is only ever extended
        if self._model is not None:
            self._model.learnt(shown.ghost)
        heard: Origin = "model" if model or not completed.partial else "classical"
        told = self._told(self._newest.revision, shown, found, heard, settled=True)
        return replace(told, partial=completed.partial, work=completed.work)

    @property
    def _weight(self) -> float:
        return self.manner.weight_of(self._place.language)

    @property
    def _settings(self) -> tuple[object, ...]:
        """Everything beside the place that an answer depends on."""
        manner, filters = self.manner, self._ranking.filters
        return (
            (replace(manner.search, deadline_ms=None), manner.rules.further),
            (self._weight, manner.classical, self._sources.names(self._place.language)),
            None if filters is None else filters.options,
        )

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
            self._feedback.showed(self._newest.ghost, self._place)

    def _tell_of_the_hand(self, before: Snapshot, shown: Ghost | None, rest: Ghost | None) -> None:
        """Tell what became of what was shown, now that something else happened."""
        if self._feedback is None:
            return
        now = self.snapshot
        gone = len(before.before) - len(now.before)
        if now.after == before.after and gone > 0 and before.before.startswith(now.before):
            self._feedback.deleted(gone)
        else:
            self._feedback.typed()
        if rest is None and shown is not None:
            through = now.before.startswith(before.before + shown.text)
            (self._feedback.typed_through if through else self._feedback.left)()
