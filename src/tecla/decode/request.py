"""What is asked of the decoder and what comes back: plain values, checked where they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tecla.checks import whole
from tecla.engines.sampling import Sampling
from tecla.errors import OptionError

StopReason = Literal[
    "end",  # the model says that the text ends here
    "stop",  # a stop string came
    "line",  # a line break came
    "sentence",  # a sentence ended
    "max_words",
    "max_tokens",
    "max_chars",
    "context_full",  # the model's window is full
    "after",  # the text behind the caret began to repeat
    "unspellable",  # nothing canonical can follow
]


@dataclass(frozen=True, slots=True)
class Context:
    """What is known at the caret: the text on both sides, and an optional header above it."""

    before: str
    after: str = ""
    header: str = ""


@dataclass(frozen=True, slots=True)
class Stopping:
    """When a continuation ends; whatever comes first.

    max_tokens, max_words, max_chars: most of each (`None`: no limit). The rest of a half-typed
    word counts as one word. `max_chars` counts code points and never splits a grapheme.
    stop: strings that end the text before them.
    at_sentence, at_line: end with the sentence, or before the first line break.
    """

    max_tokens: int = 50
    max_words: int | None = None
    max_chars: int | None = None
    stop: tuple[str, ...] = ()
    at_sentence: bool = False
    at_line: bool = False

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        for name in ("max_tokens", "max_words", "max_chars"):
            value = getattr(self, name)
            if value is not None or name == "max_tokens":
                whole(name, value, 1)
        if not all(isinstance(text, str) for text in self.stop):
            raise OptionError(f"stop is {self.stop!r}; it must be a str or several of them")
        if any(not text for text in self.stop):
            raise OptionError("a stop string is empty; every stop string needs a character")


@dataclass(frozen=True, slots=True)
class Request:
    """One caret to complete: `n` alternatives of its continuation.

    With temperature 0 the alternatives begin with the `n` most probable next tokens and go on
    greedily; otherwise each is an independent sample, and equal ones are joined.
    """

    context: Context
    sampling: Sampling = field(default_factory=Sampling)
    stopping: Stopping = field(default_factory=Stopping)
    n: int = 1

    def __post_init__(self) -> None:
        """Check `n`; raises `OptionError`."""
        whole("n", self.n, 1)


@dataclass(frozen=True, slots=True)
class WordEnd:
    """A word boundary of a continuation.

    `char_offset` counts the code points of the text up to the end of the word; `probability`
    is that of the text running through the token that ends the word.
    """

    char_offset: int
    probability: float


@dataclass(frozen=True, slots=True)
class Continuation:
    """Text to insert at the caret.

    `probability` is the model's own (temperature 1) that the text at the caret runs through
    `text`, given what is typed. It is summed over everything that spells it canonically; what
    non-canonical spellings hold is left out, so alternatives never add up to more than 1.
    """

    text: str
    probability: float
    stop: StopReason
    words: tuple[WordEnd, ...]
    n_tokens: int


@dataclass(frozen=True, slots=True)
class CaretWork:
    """How a caret was solved: the share of probability that was not looked at, and the cost.

    `pruned` is an upper bound of the probability (of what is typed) in branches that were not
    evaluated; `unchecked` is held by continuations whose spelling was not checked.
    """

    pruned: float
    unchecked: float
    evaluated_nodes: int


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer to one `Request`, most probable first (by first token at temperature 0).

    `continuations` is empty when the text ends at the caret or nothing may be shown; `silence`
    then says why. `prompt_tokens` counts what the model read, the start token included.
    """

    continuations: tuple[Continuation, ...]
    silence: StopReason | None
    prompt_tokens: int
    caret: CaretWork
