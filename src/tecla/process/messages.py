"""What passes between a program and the process of its engine: plain values, pickled.

Both ends are the same program of the same version, joined by a pair of sockets that nobody else
can open. A text goes over as what changed in it since the last question of the same caret, so a
key in a long document costs as little as one in a short one.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from tecla.decode.generation import Generation
from tecla.decode.request import Completed, TokenScore
from tecla.errors import TeclaError
from tecla.filters.options import FilterOptions
from tecla.models.info import ModelInfo
from tecla.settings import Settings


class Spliced(NamedTuple):
    """A text as the first `keep` characters of the last one, and what stands behind them now."""

    keep: int
    rest: str

    @classmethod
    def of(cls, text: str, last: str) -> Spliced:
        """What is to be said of `text` to somebody who knows `last`."""
        low, high = 0, min(len(text), len(last))
        while low < high:
            middle = (low + high + 1) // 2
            if text[low:middle] == last[low:middle]:
                low = middle
            else:
                high = middle - 1
        return cls(low, text[low:])

    def on(self, last: str) -> str:
        """The text again."""
        return last[: self.keep] + self.rest


@dataclass(frozen=True, slots=True)
class Open:
    """Load the model that these settings name; the first message to a new process.

    `common` as a `Suggester` takes it.
    """

    settings: Settings
    common: str = ""


@dataclass(frozen=True, slots=True)
class Filtering:
    """What searches screen from now on where they say `number`."""

    number: int
    options: FilterOptions


@dataclass(frozen=True, slots=True)
class Screened:
    """Screen a search by filters of that number, under a header and in a language."""

    number: int
    header: str
    language: str | None


@dataclass(frozen=True, slots=True)
class Begin:
    """A question at a caret; `deadline_at` is a time of the machine's monotonic clock."""

    id: int
    session: int
    scope: Hashable
    before: Spliced
    after: Spliced
    deadline_at: float | None
    options: dict[str, Any]
    screened: Screened | None


@dataclass(frozen=True, slots=True)
class Generate:
    """A generation; with `streams` certain text is told as it comes."""

    id: int
    request: Generation
    streams: bool
    scope: Hashable = ""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """A generation that nobody waits for any more; it is answered all the same."""

    id: int


@dataclass(frozen=True, slots=True)
class LeaveCaret:
    """Nobody waits for what was asked at a caret so far; it is answered all the same."""

    session: int


@dataclass(frozen=True, slots=True)
class CloseSession:
    """A caret that is not typed at any more."""

    session: int


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted so far? Answered by the engine's thread between two steps."""

    id: int


@dataclass(frozen=True, slots=True)
class Opened:
    """The model is loaded."""

    info: ModelInfo
    context_tokens: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Certain text of a generation."""

    id: int
    text: str
    tokens: tuple[TokenScore, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """A question is answered: with what was found, what was counted, or why not."""

    id: int
    answer: Completed | dict[str, int] | TeclaError


ToEngine: TypeAlias = (
    Open | Filtering | Begin | Generate | GiveUp | LeaveCaret | CloseSession | Count
)
FromEngine: TypeAlias = Opened | Piece | Answered
