"""What a caller hands in and gets back: a request with its terms, and the place of its answer."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Hashable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from tecla.decode.generation import Generation
from tecla.decode.request import Completed, Request, TokenScore

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class SessionKey:
    """One caret of one person; `scope` is whose memory it may share."""

    number: int
    scope: Hashable = ""


class Sink(Protocol):
    """Where certain text of one answer goes; called by the scheduler, must not block."""

    def put(self, text: str, tokens: tuple[TokenScore, ...] = ()) -> None:
        """More text, and the tokens that end in it, where they are told."""
        ...

    def end(self) -> None:
        """No more will come."""
        ...


class TextStream:
    """Certain text of one answer on its way to a reader; joined while the reader is slow."""

    def __init__(self) -> None:
        """Nothing has come yet."""
        self._changed = threading.Condition()
        self._waiting = ""
        self._ended = False

    def put(self, text: str, tokens: tuple[TokenScore, ...] = ()) -> None:
        """Add text; called by the scheduler."""
        with self._changed:
            self._waiting += text
            self._changed.notify_all()

    def end(self) -> None:
        """No more will come."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[str]:
        """Pieces as they come; blocks between them."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                text, self._waiting = self._waiting, ""
            if not text:
                return
            yield text


@dataclass(eq=False, slots=True)
class Ticket:
    """One request on its way.

    `deadline_at` is a time of the scheduler's clock in seconds (`None`: none). A request
    with a session supersedes those of the same session with a lower revision. `answer` is
    resolved exactly once: with a `Completed`, whatever became of the request, or with an error
    of `tecla.errors`.
    """

    request: Request | Generation
    session: SessionKey | None = None
    revision: int = 0
    deadline_at: float | None = None
    scope: Hashable = ""  # that of the session, if there is one
    seed: int = 0
    stream: Sink | None = None
    id: int = field(default_factory=lambda: next(_numbers))
    answer: Future[Completed] = field(default_factory=Future)

    def __post_init__(self) -> None:
        """Whoever waits may stop waiting, but only the scheduler settles the answer."""
        self.answer.set_running_or_notify_cancel()
        if self.session is not None:
            self.scope = self.session.scope

    def resolve(self, completed: Completed) -> None:
        """Give the answer; a second one is a mistake of the scheduler's and raises."""
        self.answer.set_result(completed)
        if self.stream is not None:
            self.stream.end()

    def fail(self, error: BaseException) -> None:
        """Give an error instead of an answer."""
        self.answer.set_exception(error)
        if self.stream is not None:
            self.stream.end()
