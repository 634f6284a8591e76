"""The predictor contract: from a context to candidates, every one with a probability.

Frequency, dictionary, n-gram, query log and neural models all keep it, and one suite
(`tests/predict/`) runs against each. It knows nothing of how any of them works.

What a probability means is the same for all: that the person's text runs through `text`, given
what is typed. Predictors that know single words only spell it out to the end of the word: the
event is then that the typed beginning is completed to exactly that word. Candidates of one
answer are therefore alternatives: where none begins another, their probabilities add up to at
most 1. How well they match what happens is measured (`docs/reports/`), not assumed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from tecla.checks import number, share, whole
from tecla.text.context import Context
from tecla.text.words import WordEnd

Source = Literal["frequency", "dictionary", "ngram", "querylog", "neural", "peer"]


@dataclass(frozen=True, slots=True)
class Budget:
    """How much is asked for at one caret.

    n: most candidates. max_words: most words of a candidate, the rest of a half-typed one
    counted as one. deadline_ms: after it the best so far will do (`None`: no limit). min_next:
    further words less probable than that, given those before them, are not wanted, though they may
    come from predictors to which they cost nothing.
    """

    n: int = 5
    max_words: int = 1
    deadline_ms: float | None = None
    min_next: float = 0.0

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        whole("n", self.n, 1)
        whole("max_words", self.max_words, 1)
        share("min_next", self.min_next)
        if self.deadline_ms is not None:
            number("deadline_ms", self.deadline_ms)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A continuation: `before[:-replaces] + text` reads on as if typed.

    `text` is never empty. `replaces` counts the characters (code points) before the caret that
    the candidate spells differently ("arb" becomes "árbol"); 0 for most. `words` are the word
    boundaries inside `text`, in order, offsets counted from its start, each with the probability
    of the text running through it.
    """

    text: str
    probability: float
    source: Source
    words: tuple[WordEnd, ...] = ()
    replaces: int = 0


class Predictor(Protocol):
    """Anything that turns a context into candidates.

    Deterministic: the same context and budget give the same candidates until it is taught
    something. Used from one thread at a time.
    """

    @property
    def name(self) -> str:
        """What reports and `tecla compare` call it."""
        ...

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """At most `budget.n` candidates, most probable first; none if it has nothing to say."""
        ...

    def close(self) -> None:
        """Let go of files and models; safe to call twice."""
        ...
