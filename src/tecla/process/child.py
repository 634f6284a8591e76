"""The process of an engine: a model behind one end of a `Link`, until the other end is gone.

Started by `tecla.process.life` as `python -m tecla.process.child`, with the number of the socket
that it inherits. An engine that has failed is not opened again here: the process ends, and whoever
started it starts another.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from tecla.decode.request import Completed, TokenScore
from tecla.decode.tree import TextTree
from tecla.errors import EngineFailedError, TeclaError
from tecla.filters.judge import Filters, PlaceScreen
from tecla.filters.place import Surroundings
from tecla.process.link import Link
from tecla.process.messages import (
    Answered,
    Begin,
    CloseSession,
    Count,
    Filtering,
    Generate,
    GiveUp,
    LeaveCaret,
    Open,
    Opened,
    Piece,
    Screened,
)
from tecla.suggest.base import Generating
from tecla.suggest.session import Session
from tecla.suggest.suggester import Suggester

FAILED: Final = 70  # exit status after an engine failed or could not be opened
_LEAST_MS: Final = 1.0
_FLUSH_S: Final = 1.0
_OOM_SCORE: Final = 500  # of 1000: the kernel takes this process before the one that serves people
_NICE: Final = 10  # on full cores what is known is told before more is worked out


@dataclass(slots=True)
class _Caret:
    """A session and the texts that were last asked about."""

    session: Session
    before: str = ""
    after: str = ""


class _Told:
    """Tells the text of a generation as it comes."""

    def __init__(self, link: Link, number: int) -> None:
        self._link, self._number = link, number

    def put(self, text: str, tokens: tuple[TokenScore, ...] = ()) -> None:
        self._link.put(Piece(self._number, text, tokens), always=True)

    def end(self) -> None:
        pass


class Host:
    """Answers what comes over a link with a model."""

    def __init__(self, link: Link, suggester: Suggester) -> None:
        """Neither is closed with this."""
        self._link, self._suggester = link, suggester
        self._carets: dict[int, _Caret] = {}
        self._filters: dict[int, Filters] = {}
        self._generating: dict[int, Generating] = {}

    def take(self, message: object) -> None:
        """Do what a message asks for."""
        match message:
            case Begin():
                self._begin(message)
            case Generate():
                self._generate(message)
            case GiveUp(number):
                generating = self._generating.get(number)
                if generating is not None:
                    generating.cancel()
            case LeaveCaret(number):
                left = self._carets.get(number)
                if left is not None:
                    left.session.give_up()
            case CloseSession(number):
                caret = self._carets.pop(number, None)
                if caret is not None:
                    caret.session.close()
            case Filtering(number, options):
                self._filters[number] = Filters(options)
            case Count(number):
                self._suggester.count(lambda counted: self._counted(number, counted))
            case _:
                raise TypeError(f"{type(message).__name__} is no message to an engine")

    def _begin(self, asked: Begin) -> None:
        caret = self._carets.get(asked.session)
        if caret is None:
            caret = _Caret(self._suggester.session(scope=asked.scope))
            self._carets[asked.session] = caret
        caret.before, caret.after = asked.before.on(caret.before), asked.after.on(caret.after)
        try:
            answer = caret.session.begin(
                caret.before,
                caret.after,
                deadline_ms=_left_ms(asked.deadline_at),
                screen=self._screen(asked.screened, caret),
                **asked.options,
            )
        except TeclaError as error:
            self._answer(asked.id, error)
            return
        answer.add_done_callback(lambda done: self._done(asked.id, done))

    def _generate(self, asked: Generate) -> None:
        sink = _Told(self._link, asked.id) if asked.streams else None
        try:
            generating = self._suggester.generate(asked.request, sink, scope=asked.scope)
        except TeclaError as error:
            self._answer(asked.id, error)
            return
        self._generating[asked.id] = generating
        generating.answer.add_done_callback(lambda done: self._generated(asked.id, done))

    def _generated(self, number: int, done: Future[Completed]) -> None:
        self._generating.pop(number, None)
        self._done(number, done)

    def _screen(self, screened: Screened | None, caret: _Caret) -> PlaceScreen | None:
        if screened is None:
            return None
        around = Surroundings(caret.before, caret.after, screened.header, screened.language)
        return self._filters[screened.number].screen(around)

    def _done(self, number: int, done: Future[Completed]) -> None:
        error = done.exception()
        if error is None:
            self._answer(number, replace(done.result(), tree=TextTree()))
        else:
            self._answer(number, error)

    def _answer(self, number: int, answer: Completed | BaseException) -> None:
        if not isinstance(answer, Completed | TeclaError):
            answer = EngineFailedError(f"the engine failed ({type(answer).__name__}: {answer})")
        self._link.put(Answered(number, answer), always=True)
        if isinstance(answer, EngineFailedError):
            self._link.flush(_FLUSH_S)
            os._exit(FAILED)

    def _counted(self, number: int, counted: dict[str, int]) -> None:
        screened = sum(sum(each.screened.values()) for each in self._filters.values())
        self._link.put(Answered(number, {**counted, "screened": screened}), always=True)


def main() -> None:
    """Serve until nobody is at the other end."""
    for ignored in (signal.SIGINT, signal.SIGTERM):  # whoever started this says when it ends
        signal.signal(ignored, signal.SIG_IGN)
    with suppress(OSError):  # only Linux has it
        Path("/proc/self/oom_score_adj").write_text(str(_OOM_SCORE), encoding="ascii")
    if hasattr(os, "nice"):  # Windows has none
        os.nice(_NICE)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    link = Link(socket.socket(fileno=int(sys.argv[1])))
    messages = iter(link)
    opening = next(messages, None)
    if not isinstance(opening, Open):
        os._exit(FAILED)
    try:
        from tecla.engines.factory import open_model

        loaded = open_model(opening.settings)
        suggester = Suggester(loaded, opening.settings, reopens=False, common=opening.common)
    except TeclaError as error:
        link.put(Answered(0, error))
        link.flush(_FLUSH_S)
        os._exit(FAILED)
    link.put(Opened(suggester.info, suggester.context_tokens))
    host = Host(link, suggester)
    for message in messages:
        host.take(message)
    os._exit(0)  # nobody waits for what is being evaluated


def _left_ms(deadline_at: float | None) -> float | None:
    """What is left of a deadline, and never nothing: what is known is told at once."""
    if deadline_at is None:
        return None
    return max(_LEAST_MS, 1000 * (deadline_at - time.monotonic()))


if __name__ == "__main__":
    main()
