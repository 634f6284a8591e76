"""Random typing, cancelling, closing and failing, with everything checked after every step."""

from __future__ import annotations

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from running import Runner
from scheduler.guessing import Eager, Guesses
from tecla.decode.request import Request, Stopping
from tecla.engines.base import Engine
from tecla.engines.fake import FakeEngine, FakeTokenizer
from tecla.engines.sampling import Sampling
from tecla.errors import EngineFailedError, OverloadedError
from tecla.scheduler.terms import Terms
from tecla.scheduler.ticket import SessionKey, Ticket
from tecla.text.base import Tokenizer
from tecla.text.context import Context

PIECES = [
    "the ",
    "future ",
    "of ",
    "art",
    "ificial ",
    "she ",
    "would ",
    "I'l",
    "l ",
    "ñ",
    "\n\n",
    " ",
]
TOKENIZER = FakeTokenizer()


class Typists(RuleBasedStateMachine):
    """Several carets in two scopes on one small engine."""

    def __init__(self) -> None:
        super().__init__()
        self.tickets: list[Ticket] = []
        self.texts: dict[SessionKey, str] = {}
        self.revisions: dict[SessionKey, int] = {}
        self.numbers = iter(range(10_000))
        self.runner: Runner | None = None

    def open_engine(self) -> tuple[Engine, Tokenizer]:
        limits = self.limits
        return FakeEngine(TOKENIZER, seed=1, **limits), TOKENIZER

    @initialize(
        n_slots=st.integers(3, 12),
        kv_tokens=st.integers(64, 200),
        batch_tokens=st.sampled_from([3, 8, 64]),
        short=st.sampled_from([0, 20]),
        rows_kept=st.sampled_from([0, 1]),
        most_jobs=st.integers(1, 8),
        common=st.sampled_from(["", "the future of art"]),
        drafts=st.booleans(),
    )
    def begin(
        self,
        n_slots: int,
        kv_tokens: int,
        batch_tokens: int,
        short: int,
        rows_kept: int,
        most_jobs: int,
        common: str,
        drafts: bool,
    ) -> None:
        self.limits = {
            "n_slots": n_slots,
            "kv_tokens": kv_tokens,
            "context_tokens": 64,
            "batch_tokens": batch_tokens,
            "score_rows": 4,
        }
        self.terms = Terms(
            short_tokens=short,
            score_mb=rows_kept,
            most_jobs=most_jobs,
            most_waiting=6,
            common=common,
        )
        self.draft = Guesses() if drafts else None
        self.start()

    def start(self) -> None:
        engine, tokenizer = self.open_engine()
        self.runner = Runner(engine, tokenizer, terms=self.terms)
        self.runner.scheduler.cost = Eager()

    @property
    def running(self) -> Runner:
        assert self.runner is not None
        return self.runner

    def submit(self, text: str, key: SessionKey | None, deadline: bool, n: int, depth: int) -> None:
        request = Request(
            Context(text, "", "" if key is None else self.terms.common),
            Sampling(temperature=0.0 if depth > 1 or n == 1 else 0.8, seed=3),
            Stopping(max_tokens=4),
            n=n,
            width=n + 1 if depth > 1 else None,
            depth=depth,
            draft=self.draft,
        )
        revision = 0
        if key is not None:
            revision = self.revisions[key] = self.revisions.get(key, 0) + 1
        try:
            ticket = self.running.submit(
                request,
                session=key,
                revision=revision,
                deadline_ms=150 if deadline else None,
            )
        except OverloadedError:
            return
        self.tickets.append(ticket)

    @rule(scope=st.sampled_from(["a", "b"]))
    def open(self, scope: str) -> None:
        self.texts[SessionKey(next(self.numbers), scope)] = ""

    @precondition(lambda self: self.texts)
    @rule(data=st.data(), piece=st.sampled_from(PIECES), deadline=st.booleans())
    def extend(self, data: st.DataObject, piece: str, deadline: bool) -> None:
        key = data.draw(st.sampled_from(sorted(self.texts, key=lambda key: key.number)))
        self.texts[key] += piece
        self.submit(self.texts[key], key, deadline, 1, 1)

    @precondition(lambda self: self.texts)
    @rule(data=st.data(), count=st.integers(1, 12))
    def delete_back(self, data: st.DataObject, count: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.texts, key=lambda key: key.number)))
        self.texts[key] = self.texts[key][:-count]
        self.submit(self.texts[key], key, True, 2, 1)

    @rule(pieces=st.lists(st.sampled_from(PIECES), max_size=20), n=st.integers(1, 2))
    def paste_and_ask(self, pieces: list[str], n: int) -> None:
        self.submit("".join(pieces), None, False, n, 1)

    @rule(pieces=st.lists(st.sampled_from(PIECES), max_size=4), depth=st.integers(2, 3))
    def ask_for_a_beam(self, pieces: list[str], depth: int) -> None:
        if self.limits["n_slots"] > 4:
            self.submit("".join(pieces), None, False, 1, depth)

    @precondition(lambda self: self.tickets)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.running.scheduler.cancel(data.draw(st.sampled_from(self.tickets)))

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.texts, key=lambda key: key.number)))
        del self.texts[key]
        self.running.scheduler.close_session(key)

    @rule(scope=st.sampled_from(["a", "b"]))
    def forget_what_is_held(self, scope: str) -> None:
        if self.running.scheduler.pending == 0:
            for key in [key for key in self.texts if key.scope == scope]:
                self.running.scheduler.close_session(key)
                del self.texts[key]
            self.running.scheduler.forget_scope(scope)

    @rule(count=st.integers(1, 5))
    def step(self, count: int) -> None:
        for _ in range(count):
            self.running.step()

    @rule(ms=st.sampled_from([10, 100, 1000]))
    def time_passes(self, ms: int) -> None:
        self.running.clock.pass_ms(ms)

    @rule()
    def fail(self) -> None:
        self.running.scheduler.fail_all(EngineFailedError("the engine failed"))
        assert self.running.scheduler.pending == 0
        self.start()

    @invariant()
    def everything_agrees(self) -> None:
        if self.runner is not None:
            self.running.check()

    def teardown(self) -> None:
        if self.runner is None:
            return
        for key in self.texts:
            self.running.scheduler.close_session(key)
        self.running.run()
        for ticket in self.tickets:
            assert ticket.answer.done()
            error = ticket.answer.exception()
            assert error is None or isinstance(error, EngineFailedError)
            if error is None:
                completed = ticket.answer.result()
                assert completed.continuations or completed.silence
        self.check_nothing_leaks()

    def check_nothing_leaks(self) -> None:
        scheduler = self.running.scheduler
        assert scheduler.idle
        assert scheduler.counters()["sessions"] == 0
        for scope in ("a", "b", ""):
            scheduler.forget_scope(scope)
        self.running.check()
        memory = scheduler.memory
        assert memory.kept_rows == len(memory.scopes) == 0
        held = [slot for slot in range(scheduler.engine.n_slots) if scheduler.engine.length(slot)]
        assert memory.used_slots == len(held)
        for slot in held:  # what is nobody's may stay
            tip = memory._tips[slot]
            assert tip is not None
            assert memory.scopes.is_common(tip)


def run(machine: type[Typists], examples: int, steps: int) -> None:
    """Without shrinking, which takes minutes where a failure is rare; the seed is printed."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=[Phase.reuse, Phase.generate],
            report_multiple_bugs=False,
        ),
    )


@pytest.mark.slow
def test_typists_on_the_fake_engine() -> None:
    run(Typists, examples=60, steps=40)


@pytest.mark.soak
def test_typists_on_the_fake_engine_for_long() -> None:
    run(Typists, examples=1500, steps=80)
