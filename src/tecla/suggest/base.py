"""What the controller asks of a language model, whether it runs in this process or in another."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Literal, NamedTuple, Protocol

from typing_extensions import Unpack

from tecla.decode.generation import Generation
from tecla.decode.request import Completed
from tecla.models.info import ModelInfo
from tecla.scheduler.ticket import Sink
from tecla.suggest.options import SuggestOptions


class Asking(Protocol):
    """The requests of one caret; a newer one supersedes the older, which then says so."""

    def begin(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = ...,
        **options: Unpack[SuggestOptions],
    ) -> Future[Completed]:
        """Ask without waiting; never blocks.

        Raises `InputError` for what cannot be asked, `OverloadedError` when too many requests
        wait and `EngineFailedError` when there is no engine; the answer may raise the same.
        """
        ...

    def give_up(self) -> None:
        """Nobody waits for what was asked; what was read of the text stays. Never blocks."""
        ...

    def close(self) -> None:
        """Give up what was asked and let go of what is held; safe to call twice."""
        ...


State = Literal["serving", "starting", "closed"]


class Generating(NamedTuple):
    """A generation at work: its answer to come, and how to give it up."""

    answer: Future[Completed]
    cancel: Callable[[], None]


class Suggesting(Protocol):
    """A model that many carets ask; used from any thread."""

    @property
    def info(self) -> ModelInfo:
        """What is known about the model."""
        ...

    def session(self, *, scope: Hashable = "") -> Asking:
        """A caret that is typed at; nothing passes between those of two scopes."""
        ...

    def generate(
        self, request: Generation, sink: Sink | None = None, *, scope: Hashable = ""
    ) -> Generating:
        """Begin a generation; certain text goes to `sink` as it comes, from another thread.

        What was read is shared within its scope alone. Never blocks. Raises `OverloadedError` when
        too many requests wait, `EngineFailedError` when there is no engine; the answer may raise
        the same, and `InputError` for what the model cannot be asked.
        """
        ...

    @property
    def context_tokens(self) -> int:
        """Most tokens of text the model reads."""
        ...

    @property
    def state(self) -> State:
        """Whether questions are answered now."""
        ...

    @property
    def restarts(self) -> int:
        """How often the model was opened anew after a failure."""
        ...

    def counters(self) -> dict[str, int]:
        """What was counted since the model was opened, and what is held now; blocks."""
        ...

    def close(self) -> None:
        """Fail what is pending and free the model; safe to call twice."""
        ...
