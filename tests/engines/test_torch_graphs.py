"""Padded steps of prepared shapes: which is chosen, and that they give what packed ones give."""

from __future__ import annotations

from pathlib import Path

import pytest

import tiny_torch
from tecla.engines.base import Feed
from tecla.engines.slots import Limits
from tecla.engines.torch_engine import TorchEngine
from tecla.engines.torch_ladder import Ladder, StepShape
from tecla.engines.torch_model import TorchModel

LIMITS = Limits(n_vocab=99, n_slots=100, context_tokens=2048, kv_tokens=9999, batch_tokens=512,
                score_rows=64)  # fmt: skip


def chosen(*feeds: tuple[int, int], cells: int = 100) -> StepShape | None:
    """The shape for feeds of so many tokens and rows."""
    batch = [Feed(slot, range(tokens), rows) for slot, (tokens, rows) in enumerate(feeds)]
    return Ladder(LIMITS).smallest(batch, cells)


def test_the_smallest_shape_that_holds_a_batch_is_chosen() -> None:
    assert chosen((1, 1)) == StepShape(1, 1, 256)
    assert chosen(*[(1, 1)] * 5) == StepShape(8, 1, 256)
    assert chosen(*[(1, 0)] * 100, cells=257) == StepShape(128, 1, 1024)
    assert chosen((1, 1), cells=2048) == StepShape(1, 1, 2048)
    assert chosen((3, 3), (2, 1)) == StepShape(4, 4, 256)
    assert chosen((60, 1)) == StepShape(1, 64, 256)
    assert chosen((200, 0)) == StepShape(1, 256, 256)


def test_what_fits_no_shape_or_would_be_mostly_padding_runs_packed() -> None:
    assert chosen((60, 60)) is None  # scores of every token, which long shapes do not give
    assert chosen((257, 1)) is None
    assert chosen((60, 1), (60, 1)) is None
    assert chosen((16, 1), *[(1, 1)] * 3) == StepShape(4, 16, 256)  # 64 for 19
    assert chosen((9, 1), (1, 1)) is None  # 64 for 10


def test_no_shape_is_larger_than_the_engine() -> None:
    small = Ladder(Limits(99, 6, 96, 256, 256, 8))
    shapes = small.shapes()
    assert {shape.cells for shape in shapes} == {96}
    assert max(shape.batch for shape in shapes if shape.tokens == 1) == 8  # holds six slots
    works = [shape.batch * shape.tokens * shape.cells for shape in shapes]
    assert works == sorted(works, reverse=True)
    assert len(set(shapes)) == len(shapes)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> tuple[TorchEngine, TorchEngine]:
    """One that packs and one that pads."""
    folder = tiny_torch.write(tmp_path_factory.mktemp("graphs") / "tiny", "mistral")
    packed, padded = (
        TorchEngine(
            TorchModel(folder, device="cpu"),
            context_tokens=300,
            n_slots=8,
            n_threads=1,
            graphs=graphs,
        )
        for graphs in (False, True)
    )
    return packed, padded


BATCHES = [
    [Feed(0, range(40, 60), 1)],
    [Feed(1, range(50, 53), 3), Feed(2, range(60, 61), 1), Feed(0, [70], 0)],
    [Feed(2, [5], 1), Feed(0, [6], 1), Feed(1, [7], 1)],
    [Feed(3, range(280), 1)],
    [Feed(3, [1], 1), Feed(1, [2], 0), Feed(0, [3], 1)],
    [Feed(4, range(10, 20), 10)],
    [Feed(1, range(100), 0)],
]


def test_padded_steps_give_what_packed_steps_give(
    engines: tuple[TorchEngine, TorchEngine],
) -> None:
    packed, padded = engines
    for feeds in BATCHES:
        expected, found = (engine.eval(feeds).numpy() for engine in engines)
        assert found.shape == expected.shape
        if expected.size:
            assert abs(found - expected).max() < 2e-5
    assert packed._graphs._made == {}
    assert StepShape(1, 1, 256) not in padded._graphs._made
    assert {StepShape(1, 64, 256), StepShape(4, 1, 256), StepShape(4, 1, 300)} <= set(
        padded._graphs._made
    )


def test_every_shape_can_be_prepared_ahead(engines: tuple[TorchEngine, TorchEngine]) -> None:
    packed, padded = engines
    assert packed.warm_up() == 0
    assert padded.warm_up() == len(padded._graphs._ladder.shapes())


def test_a_closed_engine_holds_no_step(tmp_path: Path) -> None:
    folder = tiny_torch.write(tmp_path / "tiny", "gpt2")
    model = TorchModel(folder, device="cpu")
    engine = TorchEngine(model, context_tokens=96, n_slots=2, n_threads=1, graphs=True)
    engine.eval([Feed(0, [1])])
    assert engine._graphs._made
    engine.close()
    assert not engine._graphs._made
