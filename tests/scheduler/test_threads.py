"""The number of threads follows the machine."""

from __future__ import annotations

from tecla.engines.fake import FakeEngine
from tecla.scheduler.threads import ThreadTuner


class Cores(FakeEngine):
    """An engine whose steps take a time given by the threads it is told to use."""

    def __init__(self, costs: dict[int, float]) -> None:
        super().__init__()
        self.most_threads = max(costs)
        self.costs, self.in_use, self.changes = costs, self.most_threads, 0

    def use_threads(self, count: int) -> None:
        self.in_use = count
        self.changes += 1


def run(tuner: ThreadTuner, engine: Cores, steps: int) -> float:
    """Mean cost of the steps."""
    total = 0.0
    for _ in range(steps):
        total += engine.costs[engine.in_use]
        tuner.observe(engine.costs[engine.in_use], 10.0)
    return total / steps


def test_all_threads_stay_while_they_are_fastest_and_trials_become_rare() -> None:
    engine = Cores({1: 17.0, 2: 10.0})
    tuner = ThreadTuner(engine)
    assert run(tuner, engine, 2000) < 10.4
    assert tuner.threads == engine.in_use == 2 or engine.changes % 2
    changes = engine.changes
    run(tuner, engine, 2000)
    assert engine.changes - changes <= 6


def test_it_changes_soon_when_the_machine_gets_busy_and_back_when_it_is_free() -> None:
    engine = Cores({1: 17.0, 2: 10.0})
    tuner = ThreadTuner(engine)
    run(tuner, engine, 1000)
    engine.costs = {1: 30.0, 2: 90.0}
    run(tuner, engine, 60)
    assert tuner.threads == 1
    engine.costs = {1: 17.0, 2: 10.0}
    run(tuner, engine, 1500)
    assert tuner.threads == 2


def test_half_the_cores_are_tried_as_well() -> None:
    engine = Cores({1: 40.0, 4: 12.0, 8: 25.0})
    tuner = ThreadTuner(engine)
    run(tuner, engine, 1000)
    assert tuner.threads == 4


def test_one_thread_is_never_changed() -> None:
    engine = Cores({1: 10.0})
    tuner = ThreadTuner(engine)
    run(tuner, engine, 500)
    assert engine.changes == 0
