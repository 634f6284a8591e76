"""Text behind a prompt, token by token, as completion servers understand it.

A prompt is taken as it is: no caret is searched, no spelling is asked for, and text behind the
caret is told only to models that were trained to fill holes. What comes with every token, on
request, is how probable it was and what else could have been there.

A `Generation` is the request, a `Generator` the work on it, in the place of a `Search`: it names
the token paths whose scores it wants and takes them, from memory or from the model.

Penalties are those of OpenAI's interface: what a token loses is `presence` once it was produced
and `frequency` for each time it was (platform.openai.com, "Frequency and presence penalties").
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from tecla.checks import number, truth, whole
from tecla.decode.adjust import Adjustment, adjusted, built
from tecla.decode.drafting import MOST_DRAFTED, Drafting, Foreseen, drafted, made_drafter
from tecla.decode.request import (
    CaretWork,
    Completed,
    Continuation,
    StopReason,
    TokenScore,
)
from tecla.decode.streams import Stream
from tecla.engines.base import Scores
from tecla.engines.sampling import Sampling
from tecla.errors import OptionError, PromptTooLongError
from tecla.text.base import Tokenizer
from tecla.text.caret import Path
from tecla.text.unicode import incomplete_suffix_bytes, to_bytes

MOST_LOGPROBS: Final = 20
_MOST_PENALTY: Final = 2.0
_PROMPT_AT_ONCE: Final = 64  # positions of a prompt whose scores are asked for together


@dataclass(frozen=True, slots=True)
class Generation:
    """`n` independent continuations of a prompt, each of at most `max_tokens` tokens.

    first: the number of the first of them; with the same seed the same number is the same
    continuation. prompt: text, or token ids. after: what follows, for models that fill holes.
    stop: strings that end the text before them. presence, frequency: penalties, from -2 to 2.
    logprobs: how many alternatives of each token are told (`None`: not even its own probability);
    with `of_prompt` also of every token of the prompt. draft: what foresees tokens, so that several
    can be verified at once; it changes no result.
    """

    prompt: str | tuple[int, ...]
    after: str = ""
    sampling: Sampling = field(default_factory=Sampling)
    max_tokens: int = 16
    n: int = 1
    first: int = 0
    stop: tuple[str, ...] = ()
    presence: float = 0.0
    frequency: float = 0.0
    adjust: tuple[Adjustment, ...] = ()
    draft: Drafting | None = None
    logprobs: int | None = None
    of_prompt: bool = False

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError` or `InvalidTextError`."""
        if isinstance(self.prompt, str):
            to_bytes(self.prompt, "prompt")
        else:
            for token in self.prompt:
                whole("a token of the prompt", token, 0)
        to_bytes(self.after, "after")
        whole("max_tokens", self.max_tokens, 0)
        whole("n", self.n, 1)
        whole("first", self.first, 0)
        truth("of_prompt", self.of_prompt)
        if not all(self.stop):
            raise OptionError("a stop string is empty; every stop string needs a character")
        for name in ("presence", "frequency"):
            if not abs(number(name, getattr(self, name))) <= _MOST_PENALTY:
                raise OptionError(
                    f"{name} is {getattr(self, name)!r}; it must be from -{_MOST_PENALTY:g} to "
                    f"{_MOST_PENALTY:g}"
                )
        if self.logprobs is not None:
            whole("logprobs", self.logprobs, 0)
            if self.logprobs > MOST_LOGPROBS:
                raise OptionError(
                    f"logprobs is {self.logprobs!r}; at most {MOST_LOGPROBS} are told"
                )

    @property
    def branches(self) -> int:
        """Continuations that grow at once."""
        return self.n

    def tokens(self, tokenizer: Tokenizer) -> Path:
        """The tokens the model reads; raises `OptionError` for ids that the model does not have."""
        start = () if tokenizer.start_id is None else (tokenizer.start_id,)
        if isinstance(self.prompt, str):
            ids = tuple(tokenizer.encode(tokenizer.text_prefix + self.prompt.encode()))
        else:
            ids, n_vocab = self.prompt, len(tokenizer.table)
            if any(token >= n_vocab for token in ids):
                raise OptionError(f"token id {max(ids)} does not exist; ids are 0 to {n_vocab - 1}")
        fill = tokenizer.fill
        if self.after:
            if fill is None:
                raise OptionError("this model was not trained to fill holes; leave the suffix out")
            after = tokenizer.encode(tokenizer.text_prefix + self.after.encode())
            return (*start, fill.prefix, *ids, fill.suffix, *after, fill.middle)
        return (*start, *ids)


class _Sample:
    """One continuation as it grows."""

    def __init__(self, stop: Sequence[str], stream: Stream) -> None:
        self.path: Path = ()
        self.stop: StopReason | None = None
        self.tokens: list[TokenScore] = []
        self.stream = stream
        self.counts: Counter[int] = Counter()
        self.logprob = 0.0
        self._stop_texts = stop
        self._data = b""
        self._cut: int | None = None

    @property
    def text(self) -> str:
        """The text so far, up to a stop string; half a character at its end is left out."""
        whole_bytes = len(self._data) - incomplete_suffix_bytes(self._data)
        text = self._data[:whole_bytes].decode("utf-8", errors="replace")
        return text if self._cut is None else text[: self._cut]

    @property
    def certain(self) -> str:
        """The beginning of the text that no stop string can take back."""
        text = self.text
        if self.stop is not None:
            return text
        held = 0
        for stop in self._stop_texts:
            held = max(
                held,
                next((n for n in range(len(stop) - 1, 0, -1) if text.endswith(stop[:n])), 0),
            )
        return text[: len(text) - held]

    def push(self, scored: TokenScore) -> None:
        """Append a token; note where a stop string begins."""
        self.path = (*self.path, scored.token)
        self.counts[scored.token] += 1
        self.logprob += scored.logprob or 0.0
        self._data += scored.piece
        text = self.text
        self.tokens.append(scored._replace(end=len(text)))
        found = [at for stop in self._stop_texts if (at := text.find(stop)) >= 0]
        if found:
            self._cut, self.stop = min(found), "stop"

    def shown_tokens(self, chars: int) -> tuple[TokenScore, ...]:
        """The tokens that spell the first characters of the text, the last one perhaps beyond."""
        if self.stop is not None and self._cut is None and chars == len(self.text):
            return tuple(self.tokens)
        ends = [0, *(each.end for each in self.tokens)]
        return tuple(each for each, start in zip(self.tokens, ends, strict=False) if start < chars)


class Generator:
    """A generation at work, in the place of a `Search`."""

    def __init__(
        self, asked: Generation, tokenizer: Tokenizer, *, seed: int, context_tokens: int
    ) -> None:
        """Raises `PromptTooLongError` if the prompt leaves no room for output."""
        prompt = asked.tokens(tokenizer)
        if not prompt:
            raise OptionError("the prompt is empty, and this model has no token that begins a text")
        if len(prompt) + max(1, asked.max_tokens) > context_tokens:
            raise PromptTooLongError(
                f"the prompt has {len(prompt)} tokens and max_tokens is {asked.max_tokens}; "
                f"together they must be at most {context_tokens}"
            )
        self._asked, self._tokenizer, self._prompt = asked, tokenizer, prompt
        self._reads_prompt = asked.of_prompt and asked.logprobs is not None
        self.head: Path = prompt[:1] if self._reads_prompt else prompt
        self._lead = prompt[len(self.head) :]
        self._adjusters = built(asked.adjust, tokenizer)
        self._drafter = made_drafter(asked.draft, tokenizer)
        self._prompt_scores: dict[int, TokenScore] = {}
        data = repr(prompt).encode()
        numbers = range(asked.first, asked.first + asked.n)
        self._samples = [_Sample(asked.stop, Stream(seed, data, number)) for number in numbers]
        self._halted: StopReason | None = None
        self._streamed_chars = self._streamed_tokens = 0
        if not asked.max_tokens:
            for sample in self._samples:
                sample.stop = "max_tokens"

    @property
    def done(self) -> bool:
        """Whether nothing more is wanted."""
        if self._halted is not None:
            return True
        return all(sample.stop for sample in self._samples) and not self._missing

    @property
    def is_ordered(self) -> bool:
        """Whether scores must be taken in the order of `wants`."""
        return False

    @property
    def can_answer(self) -> bool:
        """Whether there is something to show."""
        return self.has_answer

    @property
    def has_answer(self) -> bool:
        """Whether some text is there."""
        return bool(self._samples[0].path)

    @property
    def _missing(self) -> list[int]:
        """Tokens of the prompt whose probability is wanted and not known."""
        if not self._reads_prompt:
            return []
        return [at for at in range(1, len(self._prompt)) if at not in self._prompt_scores]

    def wants(self) -> list[Path]:
        """Token paths behind the head whose scores are needed next."""
        missing = self._missing
        if missing:
            return [self._lead[: at - 1] for at in missing[:_PROMPT_AT_ONCE]]
        running = (sample for sample in self._samples if sample.stop is None)
        return list(dict.fromkeys(self._lead + sample.path for sample in running))

    def foreseen(self) -> list[Foreseen]:
        """Paths beyond those that are wanted now, which the drafts of the request foresee."""
        if self._drafter is None or self._missing:
            return []
        greedy = self._asked.sampling.temperature == 0
        found: list[Foreseen] = []
        for sample in self._samples:
            if sample.stop is None:
                path = self._lead + sample.path
                left = self._asked.max_tokens - len(sample.path) - 1
                most = min(left, MOST_DRAFTED)
                found += drafted(self._drafter, self.head, path, most, greedy=greedy)
        return found

    def take(self, path: Path, scores: Scores, row: int) -> None:
        """Take the scores of the position after `path`."""
        at = len(path) + 1
        if self._reads_prompt and at < len(self._prompt) and at not in self._prompt_scores:
            self._prompt_scores[at] = self._scored(self._prompt[at], scores, row)
            return
        for sample in self._samples:
            if sample.stop is None and self._lead + sample.path == path:
                self._grow(sample, scores, row)

    def halt(self, reason: StopReason) -> None:
        """End the work with what there is."""
        if not self.done:
            self._halted = reason
            for sample in self._samples:
                sample.stop = sample.stop or reason

    def shorten(self, n_tokens: int, n: int) -> None:
        """Nothing: whoever asked for tokens gets as many; such requests have no deadline."""

    def new_text(self) -> str:
        """Text of the first continuation that became certain since the last call."""
        certain = self._samples[0].certain
        new = certain[self._streamed_chars :]
        self._streamed_chars = len(certain)
        return new

    def new_tokens(self) -> tuple[TokenScore, ...]:
        """The tokens of the text that `new_text` gave last."""
        known = [
            each
            for each in self._samples[0].shown_tokens(self._streamed_chars)
            if each.end <= self._streamed_chars or self._samples[0].stop is not None
        ]
        new = known[self._streamed_tokens :]
        self._streamed_tokens += len(new)
        return tuple(new)

    def result(self) -> Completed:
        """The continuations, in the order of their numbers."""
        found = tuple(
            Continuation(
                sample.text,
                math.exp(sample.logprob),
                sample.stop or self._halted or "cancelled",
                (),
                len(sample.path),
                tokens=sample.shown_tokens(len(sample.text)),
            )
            for sample in self._samples
        )
        prompt: tuple[TokenScore, ...] = ()
        if self._reads_prompt:
            known = [self._prompt_scores.get(at) for at in range(1, len(self._prompt))]
            first = TokenScore(self._prompt[0], self._piece(self._prompt[0]), None)
            prompt = (first, *(each for each in known if each is not None))
        return Completed(
            continuations=found,
            silence=None,
            prompt_tokens=len(self._prompt),
            caret=CaretWork(0.0, 0.0, 0),
            partial=self._halted is not None,
            prompt=prompt,
        )

    def _grow(self, sample: _Sample, scores: Scores, row: int) -> None:
        asked = self._asked
        weighed, at = self._weighed(sample, scores, row)
        sampling = asked.sampling
        key = sample.stream.key(len(sample.path)) if sampling.temperature > 0 else 0
        token, _ = weighed.sample(at, sampling, key)
        if token in self._tokenizer.end_ids:
            sample.stop = "end"
            return
        sample.push(self._scored(token, scores, row))
        if sample.stop is None and len(sample.path) >= asked.max_tokens:
            sample.stop = "max_tokens"

    def _weighed(self, sample: _Sample, scores: Scores, row: int) -> tuple[Scores, int]:
        """The scores with bias and penalties."""
        if self._adjusters:
            tokens = (*self._prompt, *sample.path)
            scores, row = adjusted(self._adjusters, tokens, scores, row)
        asked = self._asked
        if not sample.counts or not (asked.presence or asked.frequency):
            return scores, row
        ids = np.array(list(sample.counts), dtype=np.int32)
        counts = np.array(list(sample.counts.values()), dtype=np.float32)
        weighed = scores.detach([row])
        weighed.add(0, ids, -(np.float32(asked.presence) + np.float32(asked.frequency) * counts))
        return weighed, 0

    def _scored(self, token: int, scores: Scores, row: int) -> TokenScore:
        """How probable a token is by the model itself, and what else is."""
        most, piece = self._asked.logprobs, self._piece(token)
        if most is None:
            return TokenScore(token, piece, None)
        logprob = float(scores.gather(row, np.array([token], dtype=np.int32))[0])
        if not most:
            return TokenScore(token, piece, logprob)
        top = scores.top_k(most)
        best = zip(top.ids[row].tolist(), top.logprobs[row].tolist(), strict=True)
        return TokenScore(token, piece, logprob, tuple((self._piece(each), p) for each, p in best))

    def _piece(self, token: int) -> bytes:
        return self._tokenizer.table.pieces[token]
