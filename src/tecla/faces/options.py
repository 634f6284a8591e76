"""The keyword options the three classes share, and how they become a request.

Options left out take the values the object was made with. `max_length` and `max_new_tokens`
exclude each other; see `AutoComplete.get_completion`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypedDict

from tecla.checks import known, whole
from tecla.decode.request import Context, Request, Stopping
from tecla.engines.sampling import Sampling
from tecla.errors import OptionError, PromptTooLongError
from tecla.text.unicode import to_bytes

DEFAULT_NEW_TOKENS = 50


class SamplingOptions(TypedDict, total=False):
    """Fields of `Sampling`, each optional."""

    temperature: float
    top_k: int
    top_p: float
    min_p: float
    repetition_penalty: float
    seed: int | None


class CompletionOptions(SamplingOptions, total=False):
    """Everything that can be asked of one completion beside its length."""

    n: int
    after: str
    header: str
    stop: str | Sequence[str]
    max_words: int | None
    max_chars: int | None
    at_sentence: bool
    at_line: bool


_SAMPLING = frozenset(SamplingOptions.__annotations__)
_COMPLETION = frozenset(CompletionOptions.__annotations__)


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
    text: str, sampling: Sampling, max_tokens: int, options: CompletionOptions
) -> Request:
    """The request for `text`; raises `OptionError` for an option out of range."""
    stop = options.get("stop", ())
    if not isinstance(stop, Iterable):
        raise OptionError(f"stop is {stop!r}; it must be a str or several of them")
    for name, value in (("after", options.get("after", "")), ("header", options.get("header", ""))):
        to_bytes(value, name)
    return Request(
        context=Context(text, options.get("after", ""), options.get("header", "")),
        sampling=sampling_with(sampling, options, _COMPLETION),
        stopping=Stopping(
            max_tokens=max_tokens,
            max_words=options.get("max_words"),
            max_chars=options.get("max_chars"),
            stop=(stop,) if isinstance(stop, str) else tuple(stop),
            at_sentence=options.get("at_sentence", False),
            at_line=options.get("at_line", False),
        ),
        n=options.get("n", 1),
    )
