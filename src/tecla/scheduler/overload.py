"""What is given up when more is asked than can be done: length, then choice, then the request.

The measure is the time it would take to give everybody who has a deadline and nothing to show
yet a first answer, against the deadline itself. Nothing here waits: a request is shortened,
answered with what it has, or refused at the door with a hint when to come again.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from tecla.errors import OverloadedError
from tecla.scheduler.cost import StepCost
from tecla.scheduler.job import Job

_SHORTER, _FEWER, _REFUSED = 0.25, 0.75, 3.0  # shares of the default deadline
SHORT_TOKENS = 4  # of an answer when answers are shorter


class Load(IntEnum):
    """How busy the scheduler is."""

    LIGHT = 0
    SHORTER = 1  # answers end after `SHORT_TOKENS`
    FEWER = 2  # and are single: the first alternative, as far as it has come
    REFUSED = 3  # new requests with a deadline that would have to be computed are refused


class Overload:
    """The state of load, worked out once a step."""

    def __init__(self, deadline_ms: float) -> None:
        """Measure against `deadline_ms`."""
        self._deadline_ms = deadline_ms
        self.load = Load.LIGHT
        self._backlog_ms = 0.0

    def measure(self, jobs: Sequence[Job], cost: StepCost) -> Load:
        """The load now."""
        waiting = [
            job for job in jobs if job.ticket.deadline_at is not None and not job.search.can_answer
        ]
        missing = sum(job.head.lacking + 1 for job in waiting)  # until each has something to show
        self._backlog_ms = cost.ms(missing) if len(waiting) > 1 else 0.0
        share = self._backlog_ms / self._deadline_ms
        self.load = Load(sum(share > limit for limit in (_SHORTER, _FEWER, _REFUSED)))
        return self.load

    def refuses(self, job: Job) -> bool:
        """Whether a job that was just admitted must go again."""
        hurried = job.ticket.deadline_at is not None
        return self.load == Load.REFUSED and hurried and not job.search.can_answer

    def relieve(self, job: Job) -> None:
        """Shorten the answer of a job with a deadline as the load asks for."""
        if self.load >= Load.FEWER:
            job.search.shorten(1, 1)
        elif self.load == Load.SHORTER:
            job.search.shorten(SHORT_TOKENS, job.ticket.request.branches)

    def refusal(self, waiting: int) -> OverloadedError:
        """The error for a request that cannot be taken."""
        after_ms = max(50.0, self._backlog_ms)
        return OverloadedError(
            f"{waiting} requests are waiting, some {self._backlog_ms:.0f} ms of work; try again "
            f"in {after_ms:.0f} ms, or run more engines",
            retry_after_ms=after_ms,
        )
