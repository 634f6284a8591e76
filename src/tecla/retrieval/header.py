"""The header of one text: passages of what was learnt, taken when it is opened or paused at.

A header stands above the text for the model, so another header means that the whole text is read
again. So it changes in two calls alone, `at_opening` and `at_pause`, at a pause never inside a
word, and there only for a passage that does not stand there yet. Typing calls neither.

Looking is done on the lookout's thread. What it finds takes effect at the opening if it is there
within `patience_s`, else at the next pause at which it is still about the end of the text.

What was forgotten must not stand above a text: `above` asks the store whether anything has changed
and lets go of a header whose documents are gone.

Used from one thread at a time. The rule is measured in `docs/decisions/0022-retrieval.md`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

from tecla.closing import Closing
from tecla.errors import EmbeddingError, StoreError, TeclaError
from tecla.retrieval.choosing import Chosen, HeaderRule, chosen, is_in_word, query_of
from tecla.retrieval.looking import Lookout
from tecla.retrieval.retriever import Retriever
from tecla.store.owners import Owner

_NOTHING = Chosen()
_SPARE = 4  # as many are looked at for each that may stand, since the text may say some already
_READ_CHARS = 20_000  # of the text on each side, to see what it says already
_log = logging.getLogger(__name__)


class _Look(NamedTuple):
    before: str
    asked: Future[Chosen]


class Headers(Closing):
    """What stands above one text of one person."""

    def __init__(
        self,
        lookout: Lookout,
        owners: Sequence[Owner],
        rule: HeaderRule | None = None,
        *,
        title: str = "",
        without: Iterable[int] = (),
    ) -> None:
        """Nothing stands there yet.

        Passages are those of `owners` alone. `title` is what the person has put above the text;
        `without` are ids of documents to leave out, such as the text itself.
        """
        self._lookout, self._owners, self._rule = lookout, tuple(owners), rule or HeaderRule()
        self._title, self._without = title, frozenset(without)
        self._standing = _NOTHING
        self._versions: tuple[int, ...] = ()
        self._look: _Look | None = None
        self._looked_at = ""  # the text of the last look
        self.failure: TeclaError | None = None  # of the last look; the header stayed as it was

    @property
    def standing(self) -> Chosen:
        """The passages that stand above the text, and how they read there."""
        return self._standing

    @property
    def looking(self) -> Future[Chosen] | None:
        """The look that is under way, for those who want to come back when it is done."""
        return None if self._look is None else self._look.asked

    def above(self) -> str:
        """What stands above the text; empty where nothing does, or what did was forgotten.

        Costs one small question to the store for each owner; may be called at every key. Where the
        store cannot be asked the header goes as well, and `failure` says why.
        """
        if self._standing.found:
            try:
                self._let_go_of_what_is_gone()
            except StoreError as failure:
                self.drop()
                self.failure = failure
        return self._standing.text

    def at_opening(self, before: str, after: str = "", *, patience_s: float = 0.05) -> str:
        """The text was opened; what stands above it. Waits at most `patience_s` for that.

        Where it was opened inside a word nothing stands there before the next pause.
        """
        self._begin(before, after)
        if self._look is not None and patience_s > 0 and not is_in_word(before):
            try:
                self._look.asked.exception(patience_s)
            except TimeoutError:
                return self.above()
            self._take(before)
        return self.above()

    def at_pause(self, before: str, after: str = "") -> str | None:
        """Nobody has typed for a while; the new header, `None` if it stays. Never waits.

        Inside a word, and in a text that is too long to be read again, nothing happens. Where
        enough was written since the last look another one begins; what it finds is there at a later
        call, `looking` tells when.
        """
        if is_in_word(before) or len(before) > self._rule.again_chars:
            return None
        was = self._standing.text
        if self._look is not None and self._look.asked.done():
            self._take(before)
        if self._look is None and self._is_apart(before):
            self._begin(before, after)
        now = self.above()
        return None if now == was else now

    def drop(self) -> None:
        """Let go of the header and of what is looked for: what it is from is to be forgotten."""
        self._standing, self._versions, self._looked_at = _NOTHING, (), ""
        if self._look is not None:
            self._look.asked.cancel()
            self._look = None

    def close(self) -> None:
        """Let go of everything; safe to call twice."""
        self.drop()

    def _begin(self, before: str, after: str) -> None:
        query = query_of(before, self._title)
        if not query or not self._owners:
            return
        rule, owners, without = self._rule, self._owners, self._without
        text = f"{self._title}\n{before[-_READ_CHARS:]}{after[:_READ_CHARS]}"

        def look(retriever: Retriever) -> Chosen:
            found = retriever.find(query, owners, _SPARE * rule.passages, without=without)
            return chosen(found, text, rule)

        asked = self._lookout.begin(look)
        if asked is not None:
            self._look, self._looked_at = _Look(before, asked), before

    def _take(self, before: str) -> None:
        """Take what was found, if it is about this text and worth another reading of it."""
        assert self._look is not None
        look, self._look = self._look, None
        if look.asked.cancelled():
            return
        failure = look.asked.exception()
        if failure is not None:
            self._failed(failure)
            return
        self.failure = None
        if not self._is_near(look.before, before):
            return
        new = look.asked.result()
        standing = {each.passage.id for each in self._standing.found}
        if new.found and new.found[0].passage.id not in standing:
            self._standing, self._versions = new, ()

    def _failed(self, failure: BaseException) -> None:
        """Say why a look found nothing, in the log only at the first of several that failed."""
        if not isinstance(failure, TeclaError):  # its message may hold text of the user
            failure = EmbeddingError(
                f"looking for passages failed ({type(failure).__name__}); see that the embedding "
                "named in the settings works"
            )
        if self.failure is None:
            _log.warning("no passages are found for a text: %s", failure)
        self.failure = failure

    def _is_near(self, asked: str, before: str) -> bool:
        """Whether the caret is still about where it was asked for."""
        grown = len(before) - len(asked)
        return abs(grown) < self._rule.apart_chars and before.startswith(asked[: len(before)])

    def _is_apart(self, before: str) -> bool:
        """Whether enough is written for another look."""
        return not (self._looked_at and self._is_near(self._looked_at, before))

    def _let_go_of_what_is_gone(self) -> None:
        book = self._lookout.retriever.book
        now = tuple(book.version(owner) for owner in self._owners)
        if now != self._versions:
            self._versions = now
            if not all(book.passages_of(each.passage.document) for each in self._standing.found):
                self.drop()
