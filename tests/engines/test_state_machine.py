"""Random work on slots: whatever came before, the scores are those of the tokens a slot holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tecla.engines.base import Feed
from tecla.engines.torch_engine import TorchEngine
from tecla.errors import EngineLimitError, KVFullError

if TYPE_CHECKING:
    from conftest import Case

SLOTS = 6
slot_numbers = st.integers(0, SLOTS - 1)


def machine_over(case: Case) -> type[RuleBasedStateMachine]:
    """A machine that works on the slots of `case.engine` and keeps the books itself."""

    class SlotMachine(RuleBasedStateMachine):
        states: Bundle[tuple[bytes, list[int]]] = Bundle("states")

        def __init__(self) -> None:
            super().__init__()
            self.held: list[list[int]] = [[] for _ in range(SLOTS)]
            for slot in range(case.engine.n_slots):
                case.engine.clear(slot)

        def _may_be_full(self, more: int) -> bool:
            """Without sharing, these tokens would fill KV memory."""
            return sum(map(len, self.held)) + more > case.engine.kv_tokens and case.has_cells

        @rule(
            slots=st.lists(slot_numbers, min_size=1, max_size=4, unique=True),
            count=st.integers(1, 12),
            start=st.integers(0, 300),
        )
        def feed(self, slots: list[int], count: int, start: int) -> None:
            feeds = [Feed(slot, case.tokens(count, start + slot)) for slot in slots]
            try:
                scores = case.engine.eval(feeds)
            except EngineLimitError:
                longest = max(len(self.held[slot]) for slot in slots)
                assert longest + count > case.engine.context_tokens
                return
            except KVFullError:
                assert self._may_be_full(count * len(slots))
                return
            rows, best = scores.numpy(), scores.top_k(1)
            for row, one in enumerate(feeds):
                self.held[one.slot] += one.tokens
                expected = case.fresh(self.held[one.slot])
                case.check_row(rows[row], self.held[one.slot])
                logprob = float(best.logprobs[row, 0])
                assert logprob == pytest.approx(
                    case.best_logprob(expected), abs=2 * case.tolerance + 1e-6
                )
                assert expected[best.ids[row, 0]] >= expected.max() - 2 * case.tolerance

        @rule(src=slot_numbers, dst=slot_numbers, kept=st.floats(0, 1))
        def fork(self, src: int, dst: int, kept: float) -> None:
            count = round(kept * len(self.held[src]))
            try:
                case.engine.fork(src, dst, count)
            except KVFullError:
                assert self._may_be_full(count)
            else:
                self.held[dst] = self.held[src][:count]

        @rule(slot=slot_numbers, kept=st.floats(0, 1))
        def trim(self, slot: int, kept: float) -> None:
            count = round(kept * len(self.held[slot]))
            try:
                case.engine.trim(slot, count)
            except KVFullError:
                assert self._may_be_full(count)
            else:
                del self.held[slot][count:]

        @rule(slot=slot_numbers)
        def clear(self, slot: int) -> None:
            case.engine.clear(slot)
            self.held[slot] = []

        @rule(target=states, slot=slot_numbers)
        def save(self, slot: int) -> Any:
            return multiple((case.engine.save(slot), list(self.held[slot])))

        @rule(slot=slot_numbers, saved=states)
        def restore(self, slot: int, saved: tuple[bytes, list[int]]) -> None:
            state, tokens = saved
            try:
                case.engine.restore(slot, state)
            except KVFullError:
                assert self._may_be_full(len(tokens))
            else:
                self.held[slot] = list(tokens)

        @invariant()
        def lengths_agree(self) -> None:
            assert case.lengths()[:SLOTS] == [len(tokens) for tokens in self.held]
            if isinstance(case.engine, TorchEngine):
                case.engine.check_integrity()

    return SlotMachine


def _run(case: Case, *, examples: int, steps: int, derandomize: bool) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine_over(case),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=derandomize,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "examples"),
    [
        *(("fake", 60), ("byte_pair", 20), ("mamba", 20), ("hybrid", 20)),
        *(("torch_gpt2", 8), ("torch_gemma3_text", 8), ("torch_padded", 8)),
    ],
    indirect=["case"],
)
def test_random_work_leaves_every_slot_right(case: Case, examples: int) -> None:
    _run(case, examples=examples, steps=25, derandomize=True)


@pytest.mark.soak
@pytest.mark.parametrize(
    "case",
    [
        *("fake", "byte_pair", "sentencepiece", "mamba", "hybrid", "window"),
        *("torch_gpt2", "torch_llama", "torch_qwen2", "torch_qwen3", "torch_gpt_neox"),
        *("torch_mistral", "torch_gemma3_text", "torch_padded"),
    ],
    indirect=True,
)
def test_much_random_work_leaves_every_slot_right(case: Case) -> None:
    _run(case, examples=400, steps=60, derandomize=False)
