"""The keyword options of a suggestion, and how they become a request.

`Suggester` and the three classes share them. Options left out take the values the object was
made with. `max_length` and `max_new_tokens` exclude each other; see
`AutoComplete.get_completion`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypedDict

from tecla.checks import known, number, whole
from tecla.decode.adjust import Adjustment
from tecla.decode.drafting import Drafting
from tecla.decode.request import Request, Screen, Stopping
from tecla.engines.sampling import Sampling
from tecla.errors import OptionError, PromptTooLongError
from tecla.settings import Device, EngineName, Precision
from tecla.text.context import Context

DEFAULT_NEW_TOKENS = 50


class SamplingOptions(TypedDict, total=False):
    """Fields of `Sampling`, each optional."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    seed: int | None


class CommonOptions(SamplingOptions, total=False):
    """Everything that can be asked beside the texts around the caret and the length."""

    n: int
    header: str
    stop: str | Sequence[str]
    max_words: int | None
    max_chars: int | None
    at_sentence: bool
    at_line: bool
    min_probability: float
    min_next: float
    max_entropy_nats: float | None
    min_chars: int
    width: int | None
    depth: int
    spread_words: int | None
    min_share: float
    tolerance: float
    adjust: Sequence[Adjustment]
    draft: Drafting | None
    screen: Screen | None
    fits: bool


class CompletionOptions(CommonOptions, total=False):
    """What the three classes take beside the length."""

    after: str


class SuggestOptions(CommonOptions, total=False):
    """What a `Suggester` takes beside the texts around the caret."""

    max_tokens: int


class EngineOptions(TypedDict, total=False):
    """What can be said about the engine when a model is opened; settings otherwise."""

    engine: EngineName | None
    device: Device | None
    dtype: Precision | None
    context_tokens: int | None
    kv_tokens: int | None
    slots: int | None
    score_mb: int | None
    threads: int | None


_SAMPLING = frozenset(SamplingOptions.__annotations__)
SUGGEST = frozenset(SuggestOptions.__annotations__)
COMPLETION = frozenset(CompletionOptions.__annotations__) | {"max_length", "max_new_tokens"}


def sampling_with(
    base: Sampling, options: SamplingOptions, allowed: frozenset[str] = _SAMPLING
) -> Sampling:
    """`base` with the given fields replaced; raises `OptionError` for one out of range."""
    known(options, allowed)
    return replace(base, **{key: value for key, value in options.items() if key in _SAMPLING})  # type: ignore[arg-type]  # keys are checked


def new_tokens(max_length: int | None, max_new_tokens: int | None, prompt_tokens: int) -> int:
    """How many tokens may be produced behind a prompt of `prompt_tokens`."""
    if max_length is None:
        return DEFAULT_NEW_TOKENS if max_new_tokens is None else max_new_tokens
    if max_new_tokens is not None:
        raise OptionError(
            f"max_length={max_length!r} and max_new_tokens={max_new_tokens!r} exclude each other; "
            "max_new_tokens alone says what is wanted"
        )
    whole("max_length", max_length, 1)
    if max_length <= prompt_tokens:
        raise PromptTooLongError(
            f"max_length is {max_length!r} and the prompt alone has {prompt_tokens} tokens, so "
            f"nothing is left to produce; give max_length above {prompt_tokens}, or max_new_tokens"
        )
    return max_length - prompt_tokens


def build_request(
    before: str,
    after: str,
    sampling: Sampling,
    max_tokens: int,
    options: CommonOptions,
    allowed: frozenset[str] = SUGGEST,
) -> Request:
    """The request for a caret; raises `OptionError` for an option out of range or not `allowed`."""
    stop = options.get("stop", ())
    if not isinstance(stop, Iterable):
        raise OptionError(f"stop is {stop!r}; it must be a str or several of them")
    adjust = options.get("adjust", ())
    if not isinstance(adjust, Iterable):
        raise OptionError(f"adjust is {adjust!r}; it must be a sequence of adjustments")
    return Request(
        context=Context(before, after, options.get("header", "")),
        sampling=sampling_with(sampling, options, allowed),
        stopping=Stopping(
            max_tokens=max_tokens,
            max_words=options.get("max_words"),
            max_chars=options.get("max_chars"),
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
            at_sentence=options.get("at_sentence", False),
            at_line=options.get("at_line", False),
            min_probability=options.get("min_probability", 0.0),
            min_next=options.get("min_next", 0.0),
            max_entropy_nats=options.get("max_entropy_nats"),
            min_chars=options.get("min_chars", 1),
        ),
        n=options.get("n", 1),
        width=options.get("width"),
        depth=options.get("depth", 1),
        spread_words=options.get("spread_words"),
        min_share=options.get("min_share", 0.0),
        tolerance=options.get("tolerance", 1e-3),
        adjust=tuple(adjust),
        draft=options.get("draft"),
        screen=options.get("screen"),
        fits=options.get("fits", False),
    )


def deadline_of(deadline_ms: float | None) -> float | None:
    """A checked deadline; raises `OptionError` unless it is above 0."""
    if deadline_ms is not None and number("deadline_ms", deadline_ms) <= 0:
        raise OptionError(
            f"deadline_ms is {deadline_ms!r}; it must be above 0 (None waits for the whole answer)"
        )
    return deadline_ms
