"""One admitted request: its search, the positions it wants, and what it has cost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from tecla.decode.generation import Generator
from tecla.decode.request import Completed, EvalWork, StopReason
from tecla.decode.search import Search
from tecla.engines.base import Scores
from tecla.scheduler.kvmemory import KVMemory
from tecla.scheduler.position import Position
from tecla.scheduler.ticket import Ticket
from tecla.text.caret import Path


class Job:
    """A ticket at work on one engine."""

    def __init__(
        self, ticket: Ticket, search: Search | Generator, memory: KVMemory, head: Position
    ) -> None:
        """Begin at `head`, the position of the search's head."""
        self.ticket, self.search = ticket, search
        self._memory = memory
        self.head = memory.pin(head)
        self._wanted: dict[Position, Path] = {}
        self._early: dict[Position, tuple[Scores, int]] = {}  # evaluated, waiting for their turn
        self._drafted: list[Position] = []  # evaluated in this step before they are wanted
        self._evaluated = self._known = self._steps = 0
        self.slots: set[int] = set()  # those this request was evaluated in

    @property
    def urgency(self) -> tuple[bool, bool, float, int]:
        """What is picked first: a deadline, nothing to show yet, the earliest deadline."""
        deadline = self.ticket.deadline_at
        if deadline is None:
            return True, False, 0.0, self.ticket.id
        return False, self.search.can_answer, deadline, self.ticket.id

    @property
    def keeps_scores(self) -> bool:
        """Whether what is learnt here will be asked for again: a typist's next key."""
        return self.ticket.session is not None

    def wishes(self) -> list[Position]:
        """Positions whose scores are needed and not known; takes the known ones on the way.

        While order matters the first is taken alone and the search is asked again, so that the
        answer does not depend on what happened to be known or came in one batch.
        """
        while True:
            wanted = {self.head.walk(path): path for path in self.search.wants()}
            for position in wanted.keys() - self._wanted.keys():
                self._memory.pin(position)
            for position in self._wanted.keys() - wanted.keys():
                self._memory.unpin(position)
            self._wanted = wanted
            if not self._take_known():
                return list(self._wanted)

    def drafts(self) -> list[tuple[Position, float]]:
        """Positions that are probably wanted next and not known, and how probably; in order.

        What is picked of them is named to `draft`.
        """
        found = []
        for path, probability in self.search.foreseen():
            position = self.head.walk(path)
            if position in self._wanted or position.scores is not None:
                continue
            found.append((self._memory.pin(position), probability))
        self._drafted += [position for position, _ in found]
        return found

    def drop_drafts(self) -> int:
        """Let go of drafts: the step is over, and what was right was taken; how many were not."""
        in_vain = 0
        for position in reversed(self._drafted):
            wrong = self._early.pop(position, None) is not None
            self._memory.unpin(position)
            if wrong:
                in_vain += 1
                self._memory.retract(position)
        self._drafted.clear()
        return in_vain

    def take(self, position: Position, scores: Scores, row: int) -> None:
        """Hand the scores of a position to the search, now or when its turn comes.

        While the search is ordered they must be a detached handle of one row.
        """
        if self.search.is_ordered or position not in self._wanted:
            self._early[position] = scores, row
        else:
            self._take(position, scores, row)

    def wants(self, position: Position) -> bool:
        """Whether this request waits for the scores of a position, or has drafted it."""
        return position in self._wanted or position in self._drafted

    def count(self, tokens: int) -> None:
        """Note that a step evaluates `tokens` for this request."""
        self._evaluated += tokens
        self._steps += 1

    def count_drafts(self, tokens: int) -> None:
        """Note that a step also evaluates `tokens` that were drafted for this request."""
        self._evaluated += tokens

    def result(self) -> Completed:
        """The answer so far with what it cost."""
        work = EvalWork(self._evaluated, self._known, self._steps)
        return replace(self.search.result(), work=work)

    def halt(self, reason: StopReason) -> None:
        """End the search with what there is."""
        self.search.halt(reason)

    def release(self, shared: Collection[int] = ()) -> None:
        """Let go of every position; nobody will type on behind a request without a session.

        `shared` are slots that other requests at work use as well.
        """
        self.drop_drafts()
        if not self.keeps_scores:
            self._memory.let_go(self.slots.difference(shared), self.head)
        for position in list(self._wanted):
            self._wanted.pop(position)
            self._memory.unpin(position)
        self._memory.unpin(self.head)

    def _take_known(self) -> bool:
        """Take wanted scores that are known; whether there were any."""
        found = False
        for position in list(self._wanted):
            scores, row = self._early.pop(position, (None, 0))
            if scores is None:
                scores = self._memory.scores_of(position)
                self._known += scores is not None
            if scores is not None:
                found = True
                ordered = self.search.is_ordered
                self._take(position, scores, row)
                if ordered:
                    break
            elif self.search.is_ordered:
                break
        return found

    def _take(self, position: Position, scores: Scores, row: int) -> None:
        path = self._wanted.pop(position)
        try:
            self.search.take(path, scores, row)
        finally:
            self._memory.unpin(position)
