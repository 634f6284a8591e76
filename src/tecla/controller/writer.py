"""One text as it is written: what happens at the caret goes in, suggestions come out.

A *revision* is one state of the text. Asked about a new one, the writer answers at once from what
it knows, and settles the answer when the model has been heard:

1. The text was asked about before: the answer is what it was then.
2. What was typed is what the ghost text says: the rest of it stays, and while enough is left the
   model is not asked at all. So with what was accepted of it.
3. What was typed leaves the ghost text for another alternative: the ghost text switches to it at
   once; the model is asked as well.
4. Otherwise the classical predictors answer first, if they are sure enough, and the model settles
   it.

Within a revision what is shown is only ever extended: an answer of the model that disagrees with
what is shown already goes into the list of alternatives, and the next revision begins with it.

A writer is used from one thread at a time. Text of one writer is seen by no other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Literal

from tecla.checks import known, number, whole
from tecla.closing import Closing
from tecla.decode.request import Completed, EvalWork
from tecla.errors import OptionError
from tecla.predict.base import Budget, Candidate, Predictor
from tecla.scheduler.terms import DEADLINE_MS
from tecla.controller.blend import blended
from tecla.controller.tree import Alternative, Known
from tecla.suggest.session import Session
from tecla.controller.showing import Ghost, Rules, best_ghost, ghost_of
from tecla.text.context import Context
from tecla.text.snapshot import Edit, Snapshot

Source = Literal["known", "typed", "classical", "model", "nothing"]
Part = Literal["all", "word", "line"]
PARTS: Final[tuple[Part, ...]] = ("all", "word", "line")


@dataclass(frozen=True, slots=True)
class Search:
    """What the model is asked at one caret.

    alternatives: first words that are followed; one of them up to `words` words or `tokens` tokens,
    while it stays at least `min_probability` likely. deadline_ms: when an answer is wanted.
    """

    alternatives: int = 2
    words: int = 4
    tokens: int = 8
    min_probability: float = 0.05
    tolerance: float = 0.02
    deadline_ms: float | None = DEADLINE_MS

    def __post_init__(self) -> None:
        """Check what the request itself does not; raises `OptionError`."""
        whole("alternatives", self.alternatives, 1)
        whole("words", self.words, 1)
        whole("tokens", self.tokens, 1)


@dataclass(frozen=True, slots=True)
class Manner:
    """How a writer is served.

    classical: how many candidates the classical predictors are asked for; weight: their share in
    the ranking. sure: how probable a classical answer must be to be shown before the model's.
    keep_chars: how much of a ghost text must be left for the model not to be asked.
    """

    search: Search = field(default_factory=Search)
    rules: Rules = field(default_factory=Rules)
    classical: int = 6
    weight: float = 0.4
    sure: float = 0.6
    keep_chars: int = 2

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        whole("classical", self.classical, 1)
        whole("keep_chars", self.keep_chars, 1)
        for name in ("weight", "sure"):
            if not 0 <= number(name, getattr(self, name)) <= 1:
                raise OptionError(f"{name} is {getattr(self, name)!r}; it must be from 0 to 1")


def manner_of(options: Mapping[str, Any]) -> Manner:
    """A manner from the names of its fields, those of `Search` and `Rules` included.

    Raises `OptionError` for a name that is none.
    """
    kinds = (Search, Rules, Manner)
    names = [{each.name for each in fields(kind)} for kind in kinds]
    known(options, set().union(*names) - {"search", "rules"})
    search, rules, own = (
        {name: value for name, value in options.items() if name in of_kind} for of_kind in names
    )
    return Manner(search=Search(**search), rules=Rules(**rules), **own)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is known of one revision.

    `ghost` is what to show behind the caret, `alternatives` what else could follow, most probable
    first. `settled` says that nothing more will come. `work` is what the model did for it.
    """

    revision: int
    ghost: Ghost | None
    alternatives: tuple[Alternative, ...] = ()
    source: Source = "nothing"
    settled: bool = False
    partial: bool = False
    work: EvalWork = field(default_factory=EvalWork)
    took_ms: float = 0.0


class Writer(Closing):
    """The caret of one person in one text."""

    def __init__(
        self,
        session: Session | None,
        predictors: Sequence[Predictor] = (),
        manner: Manner = Manner(),
        *,
        header: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Made by `Controller.writer`; session and predictors are closed with it.

        `header` stands above the text for the model; it and `manner` hold from the next revision.
        """
        if session is None and not predictors:
            raise OptionError("a writer needs a model or a predictor; give one of them")
        self._session, self._predictors = session, tuple(predictors)
        self.manner, self.header, self._clock = manner, header, clock
        self._known = Known()
        self._snapshot = Snapshot()
        self._newest = Suggestion(0, None, settled=True)
        self._asked: Future[Completed] | None = None
        self._classical: tuple[Alternative, ...] = ()
        self._began = clock()

    @property
    def snapshot(self) -> Snapshot:
        """The text and the caret of the newest revision."""
        return self._snapshot

    @property
    def suggestion(self) -> Suggestion:
        """What is known of the newest revision so far."""
        return self._newest

    def typed(self, text: str) -> Suggestion:
        """`text` was typed or pasted at the caret."""
        return self.update(self._snapshot.typed(text))

    def deleted(self, n_chars: int = 1) -> Suggestion:
        """The last characters before the caret were deleted."""
        return self.update(self._snapshot.deleted(n_chars))

    def edited(self, edit: Edit) -> Suggestion:
        """Some of the text was replaced; the caret stands behind it."""
        return self.update(self._snapshot.edited(edit))

    def update(self, snapshot: Snapshot) -> Suggestion:
        """The text is `snapshot` now; what can be said of it at once."""
        self._began = self._clock()
        before, self._snapshot = self._snapshot, snapshot
        shown, revision = self._newest, self._newest.revision + 1
        self._asked = None
        self._newest = self._at_once(revision, before, shown)
        if not self._newest.settled:
            self._ask()
        return self._newest

    def wait(self, timeout_s: float | None = None) -> Suggestion:
        """The settled answer of the newest revision.

        Blocks until the model answers, at its deadline at the latest; after `timeout_s` what is
        known by then comes back.
        """
        if self._asked is not None:
            try:
                completed = self._asked.result(timeout_s)
            except TimeoutError:
                return self._newest
            self._asked = None
            self._newest = self._settled(completed)
        return self._newest

    async def settled(self) -> Suggestion:
        """`wait` for asyncio; if the text changes meanwhile, the answer is that of the newer one.

        The writer is used from the loop's thread alone.
        """
        while self._asked is not None:
            asked = self._asked
            await asyncio.wait([asyncio.wrap_future(asked)])
            if asked is self._asked:
                return self.wait()
        return self._newest

    def accept(self, part: Part = "all") -> str:
        """Take the ghost text, or its beginning; the text that was put in.

        "word" takes its first word, or the marks that stand before one; "line" all up to a line
        break. Nothing is taken where nothing is shown.
        """
        if part not in PARTS:
            raise OptionError(f"part is {part!r}; it must be one of {', '.join(PARTS)}")
        ghost = self._newest.ghost
        if ghost is None:
            return ""
        taken = ghost.text[: end_of(ghost, part)]
        self.typed(taken)
        return taken

    def dismiss(self) -> Suggestion:
        """Show nothing until the text changes."""
        self._asked = None
        self._newest = replace(self._newest, ghost=None, settled=True)
        return self._newest

    def close(self) -> None:
        """Give up what was asked; safe to call twice."""
        self._asked = None
        self._known.forget()
        if self._session is not None:
            self._session.close()
        for predictor in self._predictors:
            predictor.close()

    def _at_once(self, revision: int, before: Snapshot, shown: Suggestion) -> Suggestion:
        """What is known of the new revision without the model."""
        found = self._known.exact(self._snapshot)
        if found is not None:
            ghost = best_ghost(found, self.manner.rules)
            return self._told(revision, ghost, found, "known", settled=True)
        rests = self._known.typed_on(self._snapshot)
        ghost = self._rest_of(shown, before, rests)
        if ghost is not None:
            if len(ghost.text) >= self.manner.keep_chars or self._session is None:
                self._known.remember(self._snapshot, rests)
                return self._told(revision, ghost, rests, "typed", settled=True)
            return self._told(revision, ghost, rests, "typed")
        self._classical = self._heard()
        if rests:
            return self._told(revision, best_ghost(rests, self.manner.rules), rests, "typed")
        ghost = best_ghost(self._classical, self.manner.rules)
        if self._session is None:
            self._known.remember(self._snapshot, self._classical)
            return self._told(revision, ghost, self._classical, "classical", settled=True)
        sure = ghost is not None and ghost.probability >= self.manner.sure
        return self._told(revision, ghost if sure else None, self._classical, "classical")

    def _rest_of(
        self, shown: Suggestion, before: Snapshot, rests: Sequence[Alternative]
    ) -> Ghost | None:
        """What is left of the ghost text, if what was typed is its beginning."""
        if shown.ghost is None or before.after != self._snapshot.after:
            return None
        typed = self._snapshot.before.removeprefix(before.before)
        left = shown.ghost.text.removeprefix(typed)
        if before.before + typed != self._snapshot.before or typed + left != shown.ghost.text:
            return None
        same = (each for each in rests if each.text.startswith(left.rstrip()))
        path = next(same, None) if typed and left.strip() else None
        return None if path is None else ghost_of(path, self.manner.rules)

    def _heard(self) -> tuple[Alternative, ...]:
        """What the classical predictors say."""
        context = Context(self._snapshot.before, self._snapshot.after, self.header)
        budget = Budget(n=self.manner.classical, max_words=self.manner.search.words)
        found: list[Alternative] = []
        for predictor in self._predictors:
            heard = [_alternative(each) for each in predictor.predict(context, budget)]
            found = blended(found, [each for each in heard if each is not None], 0.5)
        return tuple(found)

    def _ask(self) -> None:
        """Ask the model about the newest revision."""
        assert self._session is not None
        search = self.manner.search
        self._asked = self._session.begin(
            self._snapshot.before,
            self._snapshot.after,
            deadline_ms=search.deadline_ms,
            header=self.header,
            n=search.alternatives,
            max_words=search.words,
            max_tokens=search.tokens,
            spread_words=1,
            min_probability=search.min_probability,
            tolerance=search.tolerance,
        )

    def _settled(self, completed: Completed) -> Suggestion:
        """The answer with what the model said."""
        model = [
            Alternative(each.text, each.words, each.marks)
            for each in completed.continuations
            if each.words
        ]
        found = blended(model, self._classical, self.manner.weight)
        if not completed.partial:
            self._known.remember(self._snapshot, found)
        ghost = best_ghost(found, self.manner.rules)
        shown = self._newest.ghost
        if shown is not None and (ghost is None or not ghost.text.startswith(shown.text)):
            ghost = shown  # what is shown is only ever extended
        told = self._told(self._newest.revision, ghost, found, "model", settled=True)
        return replace(told, partial=completed.partial, work=completed.work)

    def _told(
        self,
        revision: int,
        ghost: Ghost | None,
        found: Sequence[Alternative],
        source: Source,
        *,
        settled: bool = False,
    ) -> Suggestion:
        took_ms = 1000 * (self._clock() - self._began)
        return Suggestion(revision, ghost, tuple(found), source, settled, took_ms=took_ms)


def end_of(ghost: Ghost, part: Part) -> int:
    """How many characters of a ghost text a part of it has."""
    text = ghost.text
    if part == "line":
        end = text.find("\n", 1)
        return len(text) if end < 0 else end
    if part == "word" and ghost.words:
        end = ghost.words[0].char_offset
        marks = len(text) - len(text.lstrip(_MARKS))
        return marks or end
    return len(text)


_MARKS: Final = ".,;:!?…)]}\"'»”’"


def _alternative(candidate: Candidate) -> Alternative | None:
    """A candidate of a classical predictor; `None` for one that spells the typed word anew."""
    if candidate.replaces or not candidate.words:
        return None
    return Alternative(candidate.text, candidate.words, source=candidate.source)
