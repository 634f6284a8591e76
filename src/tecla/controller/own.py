"""What was learnt, as one writer has it: of a user, of a collection, or of both.

It is asked at every revision whether anything has changed since the last one (`renewed`), which
costs a look at a few files: a writer then lets go of all that it knows, so that nothing is shown
that was found before something was learnt or forgotten. What depends on it is kept under `stamp`.

Where nothing was learnt of the owners, a request is what it is without anybody being named.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from tecla.closing import Closing
from tecla.controller.lived import with_own
from tecla.controller.ranking import Ranking
from tecla.controller.tree import Alternative
from tecla.decode.adjust import Adjustment
from tecla.personal.index import Seen
from tecla.personal.mixing import Mixture
from tecla.personal.shelf import Learnt
from tecla.personal.weights import Origin, Weights, shipped
from tecla.store.events import FeedbackEvent
from tecla.store.owners import Owner

if TYPE_CHECKING:
    from tecla.controller.calibration import Curve
    from tecla.controller.personal import Person, Personal, TokenizerOf
    from tecla.personal.words import LearntWords
    from tecla.retrieval.header import Headers


@cache
def _weights() -> Weights:
    """Those that come with tecla, without where they come from: they go with every request."""
    return replace(shipped(), origin=Origin())


class Own(Closing):
    """The part of one writer. Used from one thread at a time."""

    def __init__(
        self,
        personal: Personal,
        learnt: Sequence[tuple[Owner, Learnt]],
        *,
        person: Person | None = None,
        headers: Headers | None = None,
        record: Callable[[FeedbackEvent], object] | None = None,
        keeps_text: bool = False,
        tokenizer: TokenizerOf | None = None,
    ) -> None:
        """Made by `Personal.own`."""
        self._personal, self._learnt, self._person = personal, tuple(learnt), person
        self._headers, self._record, self._tokenizer = headers, record, tokenizer
        self.keeps_text, self.clock = keeps_text, personal.clock
        self._owners = tuple(owner for owner, _ in self._learnt)
        self._seen = self._look()
        self._above = ""
        self._accepted = False  # whether anything was, since it was last learnt
        self._ranked: tuple[Ranking, dict[str, Curve], Ranking] | None = None

    @property
    def scope(self) -> Hashable:
        """Whose it is: what writers of others must not be given."""
        return tuple((owner.kind, owner.name) for owner in self._owners)

    @property
    def stamp(self) -> Hashable:
        """By what answers of one revision differ from those of another state of what was learnt."""
        return self.scope, self._seen

    @property
    def pauses(self) -> bool:
        """Whether something may come of a pause."""
        return self._headers is not None or self.keeps_text

    def renewed(self) -> bool:
        """Whether anything has changed since this was last asked."""
        seen, above = self._look(), "" if self._headers is None else self._headers.above()
        if (seen, above) == (self._seen, self._above):
            return False
        if seen != self._seen:
            person = next((owner.name for owner in self._owners if owner.kind == "user"), None)
            self._personal.refresh(self._owners, person)
        self._seen, self._above = seen, above
        return True

    def header_over(self, header: str) -> str:
        """What stands above the text: passages of what was learnt, then the person's own header."""
        return "\n\n".join(filter(None, (self._above, header)))

    def opened(self, before: str, after: str) -> None:
        """A text is opened: begin to look for what may stand above it. Never waits."""
        if self._headers is not None:
            self._above = self._headers.at_opening(before, after, patience_s=0)

    def paused(self, before: str, after: str) -> bool:
        """Nobody types: whether something else stands above the text now. Never waits."""
        if self._accepted:
            self._learn_accepted()
        if self._headers is None or self._headers.at_pause(before, after) is None:
            return False
        self._above = self._headers.above()
        return True

    def adjust(self, above: str) -> tuple[Adjustment, ...]:
        """What is mixed into the model, of which `above` stands above the text."""
        sources = tuple(
            (owner.kind, learnt)
            for (owner, learnt), seen in zip(self._learnt, self._seen, strict=True)
            if seen
        )
        if not sources or not self._personal.is_clean:
            return ()
        return (Mixture(sources, above=above, weights=_weights()),)

    def ranked(self, usual: Ranking) -> Ranking:
        """The ranking of this person: the usual one, with curves of their own if there are any."""
        curves = {} if self._person is None else self._person.curves
        if not curves:
            return usual
        known = self._ranked
        if known is None or known[0] is not usual or known[1] is not curves:
            ranking = Ranking(usual.filters, with_own(usual.calibration, curves))
            known = self._ranked = usual, curves, ranking
        return known[2]

    def weighed(self, found: Sequence[Alternative], before: str) -> Sequence[Alternative]:
        """What may be shown of what was found, by what was rejected there before."""
        return found if self._person is None else self._person.rejected.weighed(found, before)

    def digest(self, before: str, text: str) -> str | None:
        """By what a suggestion is known again; `None` without a person."""
        return None if self._person is None else self._person.rejected.digest(before, text)

    def record(self, event: FeedbackEvent) -> None:
        """Something happened to a suggestion."""
        self._accepted = self._accepted or event.text is not None
        if self._person is not None:
            self._person.rejected.heard(event)
        if self._record is not None:
            self._record(event)

    def words(self) -> list[LearntWords]:
        """The words of the owners, as far as they are read, those of the user last."""
        found = (self._personal.words(owner) for owner in reversed(self._owners))
        return [words for words in found if words is not None]

    def close(self) -> None:
        """Let go; what was accepted is learnt in passing. Safe to call twice."""
        if self._accepted:
            self._learn_accepted()
        if self._headers is not None:
            self._headers.close()

    def _learn_accepted(self) -> None:
        self._accepted = False
        user = next(owner.name for owner in self._owners if owner.kind == "user")
        self._personal.follow([Owner("user", user)], self._tokenizer, accepted=user)

    def _look(self) -> tuple[tuple[tuple[str, Seen], ...], ...]:
        """What is seen of the indexes of each owner."""
        return tuple(learnt.seen() for _, learnt in self._learnt)
