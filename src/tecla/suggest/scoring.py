"""The probability a model gives a text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from tecla.scheduler.reading import Reading
from tecla.scheduler.worker import Worker


def text_logprob(worker: Worker, before: str, text: str) -> float:
    """Give ln P(text | before) in nats, of the spelling that the tokenizer gives the whole text.

    Other spellings of the same bytes are left out, so it is a lower bound. A text longer than
    the context is read in windows that overlap by half. Others are served between two steps.
    """
    tokenizer = worker.loaded.tokenizer
    lead = tokenizer.encode(tokenizer.text_prefix + before.encode())
    whole = tokenizer.encode(tokenizer.text_prefix + (before + text).encode())
    common = next(
        (at for at, (one, other) in enumerate(zip(lead, whole, strict=False)) if one != other),
        min(len(lead), len(whole)),
    )
    given = _logprobs(worker, lead, common) if common < len(lead) else []
    return math.fsum(_logprobs(worker, whole, common)) - math.fsum(given)


def _logprobs(worker: Worker, tokens: Sequence[int], first: int) -> list[float]:
    """Give ln P of every token from `first` on; without anything before it, each is as likely."""
    loaded = worker.loaded
    start = loaded.tokenizer.start_id
    found: list[float] = []
    if start is None and first == 0 and tokens:
        found.append(-math.log(loaded.engine.n_vocab))
        first = 1
    lead = [] if start is None else [start]
    room = min(loaded.engine.context_tokens, loaded.engine.kv_tokens) - len(lead)
    for begin, scored, end in _windows(len(tokens), first, room):
        found += _read(worker, [*lead, *tokens[begin:end]], len(lead) + scored - begin)
    return found


def _windows(count: int, first: int, room: int) -> Iterator[tuple[int, int, int]]:
    """Where each window begins, from where on it is scored, and where it ends."""
    while first < count:
        begin = max(0, first - room // 2) if count > room else 0
        end = min(count, begin + room)
        yield begin, first, end
        first = end


def _read(worker: Worker, tokens: Sequence[int], first: int) -> list[float]:
    reading = worker.call(lambda scheduler: Reading(scheduler.memory, tokens, first))
    try:
        while not reading.done:
            worker.call(lambda _: reading.step())
        return reading.logprobs
    finally:
        worker.call(lambda _: reading.end())
