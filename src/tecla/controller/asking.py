"""What a writer asks the model: one question at a time, if it is worth its time."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future

from tecla.closing import Closing
from tecla.controller.manner import Search
from tecla.controller.own import Own
from tecla.controller.place import Place
from tecla.controller.router import Router, Situation
from tecla.controller.showing import Ghost
from tecla.decode.request import Completed, Screen
from tecla.suggest.base import Asking


async def heard(asked: Future[Completed]) -> None:
    """Return when a question is answered, with whatever; what it was is for others to ask."""
    waiting = asyncio.wrap_future(asked)
    waiting.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    await asyncio.wait([waiting])


class Asker(Closing):
    """The model of one writer. Used from one thread at a time."""

    def __init__(
        self, session: Asking, router: Router | None = None, own: Own | None = None
    ) -> None:
        """Ask in `session`, which is closed with this; without a router every time.

        What was learnt of `own` is mixed in.
        """
        self._session, self._router, self._own = session, router, own
        self._situation: tuple[Situation, Ghost | None] | None = None
        self.asked: Future[Completed] | None = None

    @property
    def is_routed(self) -> bool:
        """Whether a router may find that a question is not worth asking."""
        return self._router is not None

    def is_worth(self, place: Place, without: Ghost | None) -> bool:
        """Whether to ask at a place where `without` can be shown without asking."""
        if self._router is None:
            return True
        self._situation = Situation.of(place, without), without
        return self._router.asks(self._situation[0])

    def ask(self, place: Place, search: Search, least_next: float, screen: Screen | None) -> None:
        """Ask about a place; raises what `Asking.begin` raises.

        `least_next` is the least probability that a word must have, given those before it, to be
        gone on to.
        """
        snapshot, above = place.snapshot, search.header_over(place.header)
        adjust = () if self._own is None else self._own.adjust(above)
        self.asked = self._session.begin(
            snapshot.before,
            snapshot.after,
            deadline_ms=search.deadline_ms,
            header=above,
            n=search.followed(snapshot.after),
            max_words=search.words,
            max_tokens=search.tokens,
            spread_words=1,
            min_probability=search.min_probability,
            min_next=least_next,
            min_share=search.min_share,
            tolerance=search.tolerance,
            fits=search.fits,
            screen=screen,
            adjust=adjust,
        )

    def answer(self, timeout_s: float | None = None) -> Completed | None:
        """What was asked, answered once; `None` if it is not within `timeout_s`."""
        assert self.asked is not None
        try:
            completed = self.asked.result(timeout_s)
        except TimeoutError:
            return None
        except BaseException:
            self.drop()
            raise
        self.drop()
        return completed

    def learnt(self, found: Ghost | None) -> None:
        """Tell the router what is shown now that the model has answered."""
        if self._router is not None and self._situation is not None:
            self._router.learnt(*self._situation, found)

    def give_up(self) -> None:
        """Nobody waits for what was asked, and the model need not go on with it."""
        if self.asked is not None and not self.asked.done():
            self._session.give_up()
        self.drop()

    def drop(self) -> None:
        """Nobody waits for what was asked; what is asked next ends it."""
        self.asked = None

    def close(self) -> None:
        """Give up what was asked; safe to call twice."""
        self.drop()
        self._session.close()
