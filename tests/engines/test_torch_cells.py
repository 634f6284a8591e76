"""The cells of KV memory: counted, shared and given back, close to one another."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tecla.engines.base import Feed
from tecla.engines.slots import Limits
from tecla.engines.torch_cells import CellTable
from tecla.errors import KVFullError

LIMITS = Limits(n_vocab=100, n_slots=5, context_tokens=40, kv_tokens=64, batch_tokens=64,
                score_rows=8)  # fmt: skip


def table(kv_tokens: int = 64) -> CellTable:
    return CellTable(Limits(100, 5, 40, kv_tokens, 64, 8))


def held(cells: CellTable, slot: int) -> list[int]:
    return list(map(int, cells.cells(slot)))


def put(cells: CellTable, slot: int, count: int) -> list[int]:
    cells.extend([Feed(slot, range(count))])
    return held(cells, slot)


def test_a_slot_grows_in_cells_that_follow_one_another() -> None:
    made = table()
    put(made, 0, 10)
    put(made, 1, 10)
    for _ in range(5):
        put(made, 0, 1)
        put(made, 1, 1)
    for slot in (0, 1):
        first = held(made, slot)[0]
        assert held(made, slot) == list(range(first, first + 15))


def test_the_branches_of_a_fork_lie_side_by_side() -> None:
    made = table()
    put(made, 0, 10)
    for slot in (1, 2, 3):
        made.share(0, slot, 10)
    for slot in range(4):
        put(made, slot, 1)
    spanned = set().union(*(held(made, slot) for slot in range(4)))
    assert max(spanned) - min(spanned) + 1 == len(spanned) == made.used_cells() == 14


def test_a_cell_is_free_when_its_last_holder_lets_go() -> None:
    made = table()
    put(made, 0, 10)
    made.share(0, 1, 8)
    made.cut(0, 4)
    assert made.used_cells() == 8
    assert made.used_cells(apart_from=1) == 4
    made.cut(1, 0)
    assert made.used_cells() == 4
    assert made.free_cells == 60


def test_a_fork_onto_itself_keeps_its_beginning() -> None:
    made = table()
    before = put(made, 2, 12)
    made.share(2, 2, 5)
    assert held(made, 2) == before[:5]
    assert made.used_cells() == 5


def test_cells_are_found_to_the_last_one_wherever_they_are() -> None:
    made = table(kv_tokens=20)
    put(made, 0, 10)
    put(made, 1, 10)
    made.cut(0, 7)
    made.cut(1, 8)
    assert len(put(made, 2, 5)) == 5
    assert made.free_cells == 0
    made.check_integrity()


def test_what_does_not_fit_is_refused_with_the_figure_and_holds_nothing() -> None:
    made = table(kv_tokens=20)
    put(made, 0, 15)
    with pytest.raises(KVFullError, match="5 cells free and the batch needs 6; clear or trim"):
        made.reserve([Feed(1, range(3)), Feed(2, range(3))])
    assert made.free_cells == 5
    reserved = made.reserve([Feed(1, range(2)), Feed(2, range(3))])
    assert made.free_cells == 0
    made.release(reserved)
    assert made.free_cells == 5
    made.check_integrity()


class Cells(RuleBasedStateMachine):
    """Random work, beside lists of what every slot holds."""

    def __init__(self) -> None:
        super().__init__()
        self.made = CellTable(LIMITS)
        self.held: list[list[int]] = [[] for _ in range(LIMITS.n_slots)]

    slots = st.integers(0, LIMITS.n_slots - 1)

    @rule(slot=slots, count=st.integers(0, 20))
    def feed(self, slot: int, count: int) -> None:
        free = self.made.free_cells
        if len(self.held[slot]) + count > LIMITS.context_tokens:
            return  # which an engine refuses before
        try:
            self.made.extend([Feed(slot, range(count))])
        except KVFullError:
            assert count > free
        else:
            self.held[slot] += range(count)

    @rule(src=slots, dst=slots, kept=st.floats(0, 1))
    def fork(self, src: int, dst: int, kept: float) -> None:
        count = round(kept * len(self.held[src]))
        before = held(self.made, src)[:count]
        self.made.share(src, dst, count)
        self.held[dst] = self.held[src][:count]
        assert held(self.made, dst) == before

    @rule(slot=slots, kept=st.floats(0, 1))
    def trim(self, slot: int, kept: float) -> None:
        count = round(kept * len(self.held[slot]))
        self.made.cut(slot, count)
        del self.held[slot][count:]

    @rule(slot=slots, count=st.integers(0, 20))
    def replace(self, slot: int, count: int) -> None:
        room = LIMITS.kv_tokens - self.made.used_cells(apart_from=slot)
        if count <= min(room, LIMITS.context_tokens):
            self.made.replace(slot, range(count))
            self.held[slot] = list(range(count))

    @invariant()
    def all_is_counted(self) -> None:
        self.made.check_integrity()
        tokens = [self.made.tokens(slot) for slot in range(LIMITS.n_slots)]
        assert tokens == self.held
        cells = [held(self.made, slot) for slot in range(LIMITS.n_slots)]
        assert self.made.used_cells() == len(set().union(*cells))


TestCells = Cells.TestCase
TestCells.settings = settings(max_examples=60, stateful_step_count=25)
