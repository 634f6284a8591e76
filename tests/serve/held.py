"""An engine whose steps are counted and held, and a suggester that tells what is given up."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Sequence
from concurrent.futures import Future
from typing import Any

from typing_extensions import Unpack

from serve.conftest import SAID, TOKENIZER
from tecla import Suggester
from tecla.decode.generation import Generation
from tecla.decode.request import Completed
from tecla.engines.base import Feed
from tecla.engines.fake import FakeEngine, saying
from tecla.engines.scores import NumpyScores
from tecla.scheduler.ticket import Sink
from tecla.suggest.base import Asking, Generating
from tecla.suggest.options import SuggestOptions

LIMIT_S = 120.0  # before something that never comes is a failure


class HeldEngine(FakeEngine):
    """Counts its steps, and makes none while it is held."""

    def __init__(self, said: str = SAID, context_tokens: int = 512) -> None:
        bias = saying(TOKENIZER, "the future", said)
        super().__init__(TOKENIZER, bias=bias, context_tokens=context_tokens)
        self.steps = 0  # that were begun
        self._goes = threading.Event()
        self._goes.set()
        self._left: int | None = None

    def hold_after(self, steps: int) -> None:
        """Stand still in the step after so many."""
        self._left = steps
        self._goes.clear()

    def let_go(self) -> None:
        self._left = None
        self._goes.set()

    def eval(self, feeds: Sequence[Feed]) -> NumpyScores:
        self.steps += 1
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                assert self._goes.wait(LIMIT_S)
        return super().eval(feeds)


class Watched:
    """A suggester that tells when something it was asked is given up."""

    def __init__(self, suggester: Suggester) -> None:
        self.suggester = suggester
        self.left = threading.Semaphore(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.suggester, name)

    def session(self, *, scope: Hashable = "") -> Asking:
        return _WatchedSession(self.suggester.session(scope=scope), self)

    def generate(
        self, request: Generation, sink: Sink | None = None, *, scope: Hashable = ""
    ) -> Generating:
        made = self.suggester.generate(request, sink, scope=scope)

        def cancel() -> None:
            made.cancel()
            self.left.release()

        return Generating(made.answer, cancel)


class _WatchedSession:
    def __init__(self, session: Asking, watched: Watched) -> None:
        self._session, self._watched = session, watched

    def begin(
        self, before: str, after: str = "", **options: Unpack[SuggestOptions]
    ) -> Future[Completed]:
        return self._session.begin(before, after, **options)

    def give_up(self) -> None:
        self._session.give_up()
        self._watched.left.release()

    def close(self) -> None:
        self._session.close()
        self._watched.left.release()
