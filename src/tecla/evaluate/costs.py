"""What answers cost: time, processor, model and memory.

*Latency*: milliseconds from question to answer, nearest-rank percentiles over all carets, and
over those that needed the model (a token was evaluated for them). A figure is of one typist alone
on an otherwise idle machine. *CPU seconds per 1,000 keys*, of all processes of the system; every
caret counts as a key. *Model calls per key*: the share of carets for which a token was evaluated,
and the tokens evaluated for a key; `None` for systems that do not count. *Peak memory*, of the
process that asked and loaded the system, in bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from tecla.evaluate.answers import Record

PERCENTS: Final = (50, 90, 99)


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The nearest-rank percentile; `None` of nothing."""
    ranked = sorted(values)
    return ranked[math.ceil(percent / 100 * len(ranked)) - 1] if ranked else None


def latency_ms(records: Sequence[Record], *, model_only: bool) -> dict[str, float | None]:
    """p50, p90 and p99 over all carets, or over those that needed the model."""
    values = [
        answer.latency_ms
        for record in records
        for answer in record.answers
        if not model_only or answer.tokens
    ]
    return {f"p{percent}": percentile(values, percent) for percent in PERCENTS}


def cpu_s_per_1000_keys(records: Sequence[Record]) -> float | None:
    """CPU seconds for a thousand carets."""
    carets = sum(len(record.answers) for record in records)
    return 1000 * sum(record.cpu_s for record in records) / carets if carets else None


def model_calls_per_key(records: Sequence[Record]) -> float | None:
    """The share of carets for which a model evaluated a token."""
    counts = _token_counts(records)
    return sum(count > 0 for count in counts) / len(counts) if counts else None


def tokens_per_key(records: Sequence[Record]) -> float | None:
    """Tokens evaluated for a caret."""
    counts = _token_counts(records)
    return sum(counts) / len(counts) if counts else None


def peak_bytes(records: Sequence[Record]) -> int:
    """The most memory that was held."""
    return max((record.peak_bytes for record in records), default=0)


def _token_counts(records: Sequence[Record]) -> list[int]:
    return [
        answer.tokens
        for record in records
        for answer in record.answers
        if answer.tokens is not None
    ]
