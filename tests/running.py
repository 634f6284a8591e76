"""Runs requests on a scheduler step by step, in the test's own thread, checking as it goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tecla.decode.caret import CaretDistribution
from tecla.decode.prompt import Prompt
from tecla.decode.request import Completed, Request, Stopping
from tecla.decode.search import Search
from tecla.engines.base import Engine, Feed
from tecla.engines.fake import FakeEngine
from tecla.engines.sampling import GREEDY
from tecla.scheduler.scheduler import Scheduler
from tecla.scheduler.terms import Terms
from tecla.scheduler.ticket import SessionKey, TextStream, Ticket
from tecla.text.base import Tokenizer
from tecla.text.context import Context


class Clock:
    """A clock that stands still until it is moved; seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_ms(self, ms: float) -> None:
        self.now += ms / 1000


class Runner:
    """A scheduler without a thread; `check_integrity` after every step."""

    def __init__(
        self,
        engine: Engine,
        tokenizer: Tokenizer,
        *,
        terms: Terms | None = None,
        clock: Clock | None = None,
        checks: bool = True,
    ) -> None:
        self.engine, self.tokenizer = engine, tokenizer
        self.clock = clock or Clock()
        self.scheduler = Scheduler(engine, tokenizer, terms, self.clock)
        self.checks = checks
        self.steps = 0

    def submit(
        self,
        request: Request,
        *,
        session: SessionKey | None = None,
        revision: int = 0,
        deadline_ms: float | None = None,
        stream: bool = False,
        scope: str = "",
    ) -> Ticket:
        deadline = None if deadline_ms is None else self.clock() + deadline_ms / 1000
        seed = request.sampling.seed or 0
        text = TextStream() if stream else None
        ticket = Ticket(request, session, revision, deadline, scope, seed, text)
        self.scheduler.submit(ticket)
        return ticket

    def step(self) -> None:
        self.scheduler.step()
        self.steps += 1
        if self.checks:
            self.check()

    def check(self) -> None:
        memory = self.scheduler.memory
        memory.check_integrity()
        if isinstance(self.engine, FakeEngine):
            assert self.engine.used_cells() == memory.cells

    def run(self, *tickets: Ticket, steps: int = 10_000) -> None:
        """Step until the tickets are answered; all of them and all idle work if none is given."""
        for _ in range(steps):
            if tickets and all(ticket.answer.done() for ticket in tickets):
                return
            if self.scheduler.idle:
                return
            self.step()
        raise AssertionError(f"not answered within {steps} steps")

    def complete(self, requests: Sequence[Request]) -> list[Completed]:
        """Whole answers; raises the first error."""
        tickets = [self.submit(request) for request in requests]
        self.run(*tickets)
        return [ticket.answer.result(0) for ticket in tickets]

    def pieces(self, request: Request) -> Iterator[str]:
        """Certain text step by step."""
        ticket = self.submit(request, stream=True)
        assert ticket.stream is not None
        while not ticket.answer.done():
            self.step()
            if ticket.stream._waiting:
                yield ticket.stream._waiting
                ticket.stream._waiting = ""
        assert ticket.answer.result(0) is not None


def solve_caret(
    engine: Engine, tokenizer: Tokenizer, before: str, tolerance: float = 0.0
) -> tuple[Search, CaretDistribution]:
    """The caret search alone, every position evaluated from nothing in slot 0."""
    request = Request(Context(before), GREEDY, Stopping(max_tokens=1), tolerance=tolerance)
    planned = Prompt(tokenizer, engine.context_tokens).plan(request.context)
    search = Search(request, planned, tokenizer, seed=0, context_tokens=engine.context_tokens)
    while search.is_ordered:
        path = search.wants()[0]
        tokens = [*search.head, *path]
        engine.clear(0)
        for at in range(0, len(tokens), engine.batch_tokens):
            chunk = tokens[at : at + engine.batch_tokens]
            scores = engine.eval([Feed(0, chunk)])
        search.take(path, scores, 0)
    engine.clear(0)
    assert search.distribution is not None
    return search, search.distribution
