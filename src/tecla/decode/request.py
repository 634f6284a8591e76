"""What is asked of the decoder and what comes back: plain values, checked where they are made."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from tecla.checks import number, share, truth, whole
from tecla.decode.adjust import Adjustment
from tecla.decode.drafting import Drafting
from tecla.decode.tree import TextTree
from tecla.engines.sampling import Sampling
from tecla.errors import OptionError
from tecla.text.context import Context
from tecla.text.words import WordEnd

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
    "screened",  # what is likely to follow may not be shown
    "probability",  # going on would fall below `min_probability` or `min_next`
    "entropy",  # what follows is too uncertain
    "deadline",  # the time was up; the answer is partial
    "overload",  # cut short, or not begun, because too many wait; the answer is partial
    "superseded",  # a newer revision of the session came
    "cancelled",  # the caller gave up, or closed the session
]


class Screen(Protocol):
    """What may not be shown; asked during the search, so that nothing is spent on it."""

    def refuses(self, text: str) -> bool:
        """Whether nothing that begins with `text` may be shown beyond it."""
        ...


@dataclass(frozen=True, slots=True)
class Stopping:
    """When a continuation ends; whatever comes first.

    max_tokens, max_words, max_chars: most of each (`None`: no limit). The rest of a half-typed
    word counts as one word. `max_chars` counts code points and never splits a grapheme.
    stop: strings that end the text before them.
    at_sentence, at_line: end with the sentence, or before the first line break.
    min_probability: go on behind the first word only while the text is at least this probable.
    min_next: go on behind a word only while what follows it is at least this probable, given that
    the word ends there. Marks are taken with the word if they are what is most probable.
    max_entropy_nats: go on only where the next token is at most this uncertain (`None`: always).
    min_chars: the last three, and load, end a continuation only when it shows so many characters.
    An early end comes behind a whole word, if there is one.
    """

    max_tokens: int = 50
    max_words: int | None = None
    max_chars: int | None = None
    stop: tuple[str, ...] = ()
    at_sentence: bool = False
    at_line: bool = False
    min_probability: float = 0.0
    min_next: float = 0.0
    max_entropy_nats: float | None = None
    min_chars: int = 1

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        for name in ("max_tokens", "max_words", "max_chars", "min_chars"):
            value = getattr(self, name)
            if value is not None or name in {"max_tokens", "min_chars"}:
                whole(name, value, 1)
        truth("at_sentence", self.at_sentence)
        truth("at_line", self.at_line)
        if not all(isinstance(text, str) for text in self.stop):
            raise OptionError(f"stop is {self.stop!r}; it must be a str or several of them")
        if any(not text for text in self.stop):
            raise OptionError("a stop string is empty; every stop string needs a character")
        share("min_probability", self.min_probability)
        share("min_next", self.min_next)
        most = self.max_entropy_nats
        if most is not None and number("max_entropy_nats", most) < 0:
            raise OptionError(f"max_entropy_nats is {most!r}; it must be 0 or more")


@dataclass(frozen=True, slots=True)
class Request:
    """One caret to complete: `n` alternatives of its continuation.

    At temperature 0 the `width` most probable beginnings (default: `n`) compete for the first
    `depth` tokens, the one over the caret included, and go on greedily behind them; the `n`
    best are the answer. Behind `spread_words` words (`None`: never) only one of them goes on, the
    one that is shown first (`tecla.decode.favourite`). A beginning that is less than `min_share` as
    probable as the best one is left out. Above temperature 0 each alternative is an
    independent sample, and equal ones are joined. `tolerance` is the share of probability the
    caret search may leave out; `adjust` changes every distribution, and the probabilities with it.
    `draft` foresees tokens, which changes the cost and never the answer. What `screen` refuses is
    not explored, which leaves probabilities as they are. `fits` has the text behind the caret read
    behind each alternative, so that probabilities are in view of both sides (`tecla.decode.fit`),
    unless the model was trained to fill holes and is told of it anyway.
    """

    context: Context
    sampling: Sampling = field(default_factory=Sampling)
    stopping: Stopping = field(default_factory=Stopping)
    n: int = 1
    width: int | None = None
    depth: int = 1
    spread_words: int | None = None
    min_share: float = 0.0
    tolerance: float = 1e-3
    adjust: tuple[Adjustment, ...] = ()
    draft: Drafting | None = None
    screen: Screen | None = None
    fits: bool = False

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        whole("n", self.n, 1)
        whole("depth", self.depth, 1)
        truth("fits", self.fits)
        share("min_share", self.min_share)
        if self.spread_words is not None:
            whole("spread_words", self.spread_words, 1)
            if self.depth > 1 or self.sampling.temperature > 0:
                raise OptionError(
                    f"spread_words is {self.spread_words!r}; it goes with depth 1 and temperature "
                    f"0, not {self.depth!r} and {self.sampling.temperature!r}"
                )
        if self.width is not None:
            whole("width", self.width, self.n, f" (n is {self.n})")
        if not 0 <= number("tolerance", self.tolerance) < 1:
            raise OptionError(f"tolerance is {self.tolerance!r}; it must be 0 or more and below 1")
        for each in self.adjust:
            if not _builds(each):
                raise OptionError(
                    f"adjust holds {each!r}; it must hold adjustments, such as Forbid(('text',))"
                )
        if self.draft is not None and not _builds(self.draft):
            raise OptionError(f"draft is {self.draft!r}; it must be a value such as Drafts()")

    @property
    def branches(self) -> int:
        """Most alternatives that grow at once."""
        return self.n if self.width is None or self.sampling.temperature > 0 else self.width


def _builds(value: object) -> bool:
    return not isinstance(value, type) and callable(getattr(value, "build", None))


class TokenScore(NamedTuple):
    """A token, its bytes, its log-probability by the model (`None`: nothing before it).

    `top` are the best ones at its place, bytes and log-probabilities. `end` is where it ends, in
    characters of the text so far that are whole.
    """

    token: int
    piece: bytes
    logprob: float | None
    top: tuple[tuple[bytes, float], ...] = ()
    end: int = 0


@dataclass(frozen=True, slots=True)
class Continuation:
    """Text to insert at the caret.

    `probability` is that of the model (temperature 1, with what `adjust` changes) that the text at
    the caret runs through `text`, given what is typed. It is summed over everything that spells it
    canonically; what non-canonical spellings hold is left out, so alternatives never add up to more
    than 1. `marks` are the ends of punctuation behind its words. `tokens` are told of a
    `Generation` alone.
    """

    text: str
    probability: float
    stop: StopReason
    words: tuple[WordEnd, ...]
    n_tokens: int
    marks: tuple[WordEnd, ...] = ()
    tokens: tuple[TokenScore, ...] = ()


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
class EvalWork:
    """What an answer cost: tokens evaluated for it alone, positions it found already known.

    `steps` counts the batches it took part in.
    """

    evaluated_tokens: int = 0
    known_tokens: int = 0
    steps: int = 0


@dataclass(frozen=True, slots=True)
class Completed:
    """The answer to one `Request`, most probable first (by first token at temperature 0).

    `continuations` is empty when the text ends at the caret or nothing may be shown; `silence`
    then says why. `prompt_tokens` counts what the model read, the start token included.
    `partial` says that time, load or the caller ended the work early. `tree` holds everything
    that was looked at, shown or not; `prompt` the tokens of a `Generation`'s prompt, if asked for.
    """

    continuations: tuple[Continuation, ...]
    silence: StopReason | None
    prompt_tokens: int
    caret: CaretWork
    partial: bool = False
    work: EvalWork = EvalWork()
    tree: TextTree = field(default_factory=TextTree)
    prompt: tuple[TokenScore, ...] = ()
