"""OpenAI's completions: their request as generations, and generations as their answer.

Knows no HTTP. Field names and their meaning are those of OpenAI's API reference for
`POST /v1/completions`; `top_k`, `min_p` and `repetition_penalty` are there besides, as in other
servers of the kind. What `best_of` ranks by is the mean log-probability of a token.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from tecla.decode.adjust import TokenBias
from tecla.decode.generation import MOST_LOGPROBS, Generation
from tecla.decode.request import Completed, Continuation, StopReason, TokenScore
from tecla.engines.sampling import Sampling
from tecla.errors import OptionError
from tecla.serve.wire import Name, Text

MOST_PROMPTS: Final = 64
MOST_CHOICES: Final = 128
_MOST_TOKENS: Final = 1 << 20  # of a prompt; the model's window is far less
_Tokens: TypeAlias = Annotated[
    list[Annotated[int, Field(ge=0, lt=1 << 31)]], Field(min_length=1, max_length=_MOST_TOKENS)
]
_Prompts: TypeAlias = Annotated[
    list[Text] | list[_Tokens], Field(min_length=1, max_length=MOST_PROMPTS)
]
_Penalty: TypeAlias = Annotated[float, Field(ge=-2, le=2)]
_LENGTH: Final[frozenset[StopReason]] = frozenset({"max_tokens", "context_full"})


class StreamOptions(BaseModel):
    """What a stream tells besides."""

    model_config = ConfigDict(extra="ignore")

    include_usage: bool = False


class CompletionRequest(BaseModel):
    """A request as OpenAI's clients send it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default="default", max_length=500)
    prompt: Text | _Tokens | _Prompts = ""
    suffix: Text | None = None
    max_tokens: Annotated[int, Field(ge=0, le=_MOST_TOKENS)] | None = 16
    temperature: Annotated[float, Field(ge=0, le=2)] | None = 1.0
    top_p: Annotated[float, Field(gt=0, le=1)] | None = 1.0
    n: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = 1
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    logprobs: Annotated[int, Field(ge=0, le=MOST_LOGPROBS)] | None = None
    echo: bool | None = False
    stop: Text | Annotated[list[Text], Field(max_length=16)] | None = None
    presence_penalty: _Penalty | None = 0.0
    frequency_penalty: _Penalty | None = 0.0
    best_of: Annotated[int, Field(ge=1, le=MOST_CHOICES)] | None = None
    logit_bias: (
        Annotated[
            dict[Annotated[int, Field(ge=0, lt=1 << 31)], Annotated[float, Field(ge=-100, le=100)]],
            Field(max_length=1024),
        ]
        | None
    ) = None
    seed: int | None = None
    user: Name | None = None
    top_k: Annotated[int, Field(ge=0)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0)] | None = None

    @property
    def choices(self) -> int:
        """How many are wanted for each prompt."""
        return self.n or 1

    @property
    def tried(self) -> int:
        """How many are made for each prompt; raises `OptionError` for fewer than are wanted."""
        best_of = self.best_of or self.choices
        if best_of < self.choices:
            raise OptionError(f"best_of is {best_of}; it must be n, {self.choices}, or more")
        return best_of

    def check_stream(self) -> None:
        """Raise `OptionError` for what can only be told at the end."""
        if self.tried > self.choices:
            raise OptionError("best_of above n cannot be streamed; leave one of the two out")
        if self.echo and (self.logprobs is not None or self._has_tokens):
            raise OptionError(
                "echo with logprobs, or of a prompt of tokens, cannot be streamed; leave echo out"
            )

    @property
    def _has_tokens(self) -> bool:
        return any(not isinstance(each, str) for each in self.prompts())

    def prompts(self) -> list[str | tuple[int, ...]]:
        """Each prompt, as text or as tokens."""
        given = self.prompt
        if isinstance(given, str):
            return [given]
        tokens = tuple(each for each in given if isinstance(each, int))
        if tokens:
            return [tokens]
        return [
            each if isinstance(each, str) else tuple(each)
            for each in given
            if not isinstance(each, int)
        ]

    def generations(self) -> list[Generation]:
        """One for each prompt; raises `OptionError` or `InvalidTextError`."""
        tells = self.logprobs
        if tells is None and (self.tried > self.choices):
            tells = 0  # to rank them
        prompts = self.prompts()
        made = []
        for at, prompt in enumerate(prompts):
            seed = secrets.randbits(62) if self.seed is None else abs(self.seed) + at
            needs_text = bool(self.echo) and not isinstance(prompt, str)
            made.append(
                Generation(
                    prompt,
                    after=self.suffix or "",
                    sampling=Sampling(
                        temperature=1.0 if self.temperature is None else self.temperature,
                        top_p=1.0 if self.top_p is None else self.top_p,
                        top_k=self.top_k or 0,
                        min_p=self.min_p or 0.0,
                        repetition_penalty=self.repetition_penalty or 1.0,
                        seed=seed,
                    ),
                    max_tokens=16 if self.max_tokens is None else self.max_tokens,
                    n=self.tried,
                    stop=self._stops(),
                    presence=self.presence_penalty or 0.0,
                    frequency=self.frequency_penalty or 0.0,
                    adjust=self._bias(),
                    logprobs=0 if needs_text and tells is None else tells,
                    of_prompt=bool(self.echo) and (self.logprobs is not None or needs_text),
                )
            )
        return made

    def _stops(self) -> tuple[str, ...]:
        if self.stop is None:
            return ()
        return (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)

    def _bias(self) -> tuple[TokenBias, ...]:
        if not self.logit_bias:
            return ()
        return (TokenBias(tuple(self.logit_bias.items())),)


class Usage(BaseModel):
    """Tokens that were read and produced."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, answers: Sequence[Completed]) -> Usage:
        """What several answers cost together."""
        read = sum(each.prompt_tokens for each in answers)
        made = sum(found.n_tokens for each in answers for found in each.continuations)
        return cls(prompt_tokens=read, completion_tokens=made, total_tokens=read + made)


class Envelope:
    """What all parts of one answer have in common."""

    def __init__(self, model: str) -> None:
        """A new id, now."""
        self._model, self._created = model, int(time.time())
        self._id = f"cmpl-{secrets.token_urlsafe(18)}"

    def document(self, choices: list[dict[str, Any]], usage: Usage | None = None) -> dict[str, Any]:
        """An answer, or a part of it."""
        document: dict[str, Any] = {
            "id": self._id,
            "object": "text_completion",
            "created": self._created,
            "model": self._model,
            "choices": choices,
        }
        if usage is not None:
            document["usage"] = usage.model_dump()
        return document


def choices(asked: CompletionRequest, answers: Sequence[Completed]) -> list[dict[str, Any]]:
    """The choices of all prompts, in order."""
    found: list[dict[str, Any]] = []
    for prompt, answer in zip(asked.prompts(), answers, strict=True):
        ranked = list(answer.continuations)
        if asked.tried > asked.choices:
            ranked.sort(key=_mean_logprob, reverse=True)
        for each in ranked[: asked.choices]:
            found.append(_choice(asked, prompt, answer, each, len(found)))
    return found


def lead_of(asked: CompletionRequest, prompt: str | tuple[int, ...], answer: Completed) -> str:
    """The text of a prompt that is echoed."""
    if not asked.echo:
        return ""
    return prompt if isinstance(prompt, str) else _text(answer.prompt)


def part(
    index: int,
    text: str,
    logprobs: dict[str, Any] | None = None,
    stop: StopReason | None = None,
) -> dict[str, Any]:
    """A choice, or a part of one."""
    reason: Literal["length", "stop"] | None = None
    if stop is not None:
        reason = "length" if stop in _LENGTH else "stop"
    return {"text": text, "index": index, "logprobs": logprobs, "finish_reason": reason}


def logprobs_of(tokens: Sequence[TokenScore], most: int, start: int = 0) -> dict[str, Any]:
    """Tokens as OpenAI's answers list them; `start` is where the first one begins."""
    offsets = []
    for each in tokens:
        offsets.append(start)
        start = max(start, each.end)
    return {
        "tokens": [_spelt(each.piece) for each in tokens],
        "token_logprobs": [_finite(each.logprob) for each in tokens],
        "top_logprobs": [
            {_spelt(piece): _finite(logprob) for piece, logprob in each.top[:most]} or None
            for each in tokens
        ],
        "text_offset": offsets,
    }


def _choice(
    asked: CompletionRequest,
    prompt: str | tuple[int, ...],
    answer: Completed,
    found: Continuation,
    index: int,
) -> dict[str, Any]:
    lead = lead_of(asked, prompt, answer)
    told = None
    if asked.logprobs is not None:
        echoed = _ended([each for each in answer.prompt if each.piece]) if asked.echo else []
        behind = [each._replace(end=each.end + len(lead)) for each in found.tokens]
        if asked.echo:
            told = logprobs_of([*echoed, *behind], asked.logprobs)
        else:
            told = logprobs_of(found.tokens, asked.logprobs)
    return part(index, lead + found.text, told, found.stop)


def _ended(tokens: Sequence[TokenScore]) -> list[TokenScore]:
    """The tokens of a prompt, each with where it ends."""
    data, found = b"", []
    for each in tokens:
        data += each.piece
        found.append(each._replace(end=len(data.decode("utf-8", errors="ignore"))))
    return found


def _text(tokens: Sequence[TokenScore]) -> str:
    return b"".join(each.piece for each in tokens).decode("utf-8", errors="replace")


def _mean_logprob(found: Continuation) -> float:
    if not found.tokens:
        return -math.inf
    return sum(each.logprob or 0.0 for each in found.tokens) / len(found.tokens)


def _spelt(piece: bytes) -> str:
    """A token as text; one that is no whole character as OpenAI writes it."""
    try:
        return piece.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece)


def _finite(logprob: float | None) -> float | None:
    """JSON has no infinity."""
    return None if logprob is None else max(logprob, -9999.0)


def single(made: Generation, number: int) -> Generation:
    """One of the continuations of a generation, alone: for a stream."""
    return replace(made, n=1, first=number)
