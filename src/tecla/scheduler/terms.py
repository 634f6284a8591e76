"""The sizes and aims of a scheduler."""

from __future__ import annotations

from dataclasses import dataclass

DEADLINE_MS = 150.0  # of a request, unless it says otherwise


@dataclass(frozen=True, slots=True)
class Terms:
    """What a scheduler holds itself to.

    deadline_ms: what load is measured against. step_ms: a step aims to be this short while many
    with a deadline wait; one alone gets `lone_step_ms`, text read ahead half of that.
    short_tokens: the window a newly opened long text is first answered from; 0 reads the whole
    text first. score_mb: memory for scores that are kept. most_jobs, most_waiting: requests at
    work at once, and waiting to be. most_sessions: sessions remembered. common: a header that
    stands above most texts, whoever they belong to, and is read once for all of them.
    """

    deadline_ms: float = DEADLINE_MS
    step_ms: float = 25.0
    lone_step_ms: float = 100.0
    short_tokens: int = 32
    score_mb: int = 48
    most_jobs: int = 128
    most_waiting: int = 256
    most_sessions: int = 4096
    common: str = ""
