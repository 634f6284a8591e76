"""Reading a given text: the engine's own probabilities, whatever else it holds and serves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from running import Runner
from tecla.decode.request import Request, Stopping
from tecla.engines.base import Feed
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer
from tecla.engines.sampling import GREEDY
from tecla.errors import EngineFailedError, InvalidTextError
from tecla.models.info import ModelInfo
from tecla.scheduler.reading import Reading
from tecla.suggest.suggester import Suggester
from tecla.text.context import Context

TOKENIZER = FakeTokenizer()
TEXT = "she would think of the future and of the art of helping then"


def tokens(text: str) -> list[int]:
    assert TOKENIZER.start_id is not None
    return [TOKENIZER.start_id, *TOKENIZER.encode(text.encode())]


def one_by_one(ids: Sequence[int], first: int) -> list[float]:
    """The same, a token a step, on an engine of its own."""
    engine = FakeEngine(TOKENIZER, context_tokens=4096, kv_tokens=4096)
    found = []
    for at, token in enumerate(ids[:-1], 1):
        scores = engine.eval([Feed(0, [token])])
        if at >= first:
            found.append(float(scores.gather(0, np.array([ids[at]], np.int32))[0]))
    return found


def read(runner: Runner, ids: Sequence[int], first: int) -> tuple[list[float], int]:
    reading = Reading(runner.scheduler.memory, ids, first)
    steps = 0
    while not reading.done:
        reading.step()
        runner.scheduler.memory.check_integrity()
        steps += 1
    reading.end()
    reading.end()
    runner.scheduler.memory.check_integrity()
    return reading.logprobs, steps


@pytest.mark.parametrize("first", [1, 5, 11, -1])
@pytest.mark.parametrize("batch_tokens", [4, 7, 512])
def test_it_is_what_the_engine_says(batch_tokens: int, first: int) -> None:
    ids = tokens(TEXT)
    first %= len(ids)
    engine = FakeEngine(TOKENIZER, batch_tokens=batch_tokens, score_rows=5)
    found, steps = read(Runner(engine, TOKENIZER), ids, first)
    assert found == pytest.approx(one_by_one(ids, first))
    assert engine.evaluated_tokens == len(ids) - 1
    assert steps >= (len(ids) - first) / 5


def test_nothing_is_found_and_nothing_left_behind() -> None:
    runner = Runner(FakeEngine(TOKENIZER), TOKENIZER)
    request = Request(Context(TEXT), GREEDY, Stopping(max_tokens=2))
    runner.submit(request)
    runner.run()
    before = runner.scheduler.counters()
    read(runner, tokens(TEXT), 1)
    after = runner.scheduler.counters()
    assert after["evaluated_tokens"] - before["evaluated_tokens"] == len(tokens(TEXT)) - 1
    for held in ("kv_cells", "used_slots", "kept_rows"):
        assert after[held] == before[held]


def test_others_may_take_its_slots_between_two_steps() -> None:
    engine = FakeEngine(TOKENIZER, n_slots=2, batch_tokens=4, context_tokens=64, kv_tokens=64)
    runner = Runner(engine, TOKENIZER)
    ids = tokens(TEXT)
    reading = Reading(runner.scheduler.memory, ids, 1)
    while not reading.done:
        reading.step()
        runner.submit(Request(Context("hello and help " * 4), GREEDY, Stopping(max_tokens=3)))
        runner.run()
    reading.end()
    runner.scheduler.memory.check_integrity()
    assert engine.evaluated_tokens > 2 * len(ids)  # what was taken away was read again
    assert reading.logprobs == pytest.approx(one_by_one(ids, 1))


def opened(info: ModelInfo, **limits: int) -> Suggester:
    return Suggester(LoadedModel(FakeEngine(TOKENIZER, **limits), TOKENIZER, info))


@pytest.mark.parametrize("cut", [0, 9, 26, len(TEXT)])
def test_a_text_behind_another(fake_info: ModelInfo, cut: int) -> None:
    with opened(fake_info) as suggester:
        found = suggester.logprob(TEXT[:cut], TEXT[cut:])
        ids = tokens(TEXT)
        whole = math.fsum(one_by_one(ids, 1))
        lead = math.fsum(one_by_one(tokens(TEXT[:cut]), 1))
        assert found == pytest.approx(whole - lead)
        assert suggester.counters()["kv_cells"] == 0


def test_a_cut_inside_a_token_takes_back_what_the_lead_alone_would_be(fake_info: ModelInfo) -> None:
    lead, rest = " Agu", "st"
    assert tokens(lead + rest)[: len(tokens(lead))] != tokens(lead)
    with opened(fake_info) as suggester:
        found = suggester.logprob(lead, rest)
    whole, part = one_by_one(tokens(lead + rest), 1), one_by_one(tokens(lead), 1)
    assert found == pytest.approx(math.fsum(whole) - math.fsum(part))


def test_a_text_longer_than_the_context_is_read_in_windows(fake_info: ModelInfo) -> None:
    text = TEXT * 3
    with opened(fake_info, context_tokens=33, kv_tokens=64) as suggester:
        found = suggester.logprob("", text)
    start, *ids = tokens(text)
    expected, first = 0.0, 0
    while first < len(ids):
        begin = max(0, first - 16)
        window = [start, *ids[begin : begin + 32]]
        expected += math.fsum(one_by_one(window, 1 + first - begin))
        first = begin + len(window) - 1
    assert found == pytest.approx(expected)


def test_what_cannot_be_read(fake_info: ModelInfo) -> None:
    with opened(fake_info) as suggester:
        assert suggester.logprob("some", "") == 0.0
        with pytest.raises(InvalidTextError):
            suggester.logprob("", "\ud800")
    with pytest.raises(EngineFailedError):
        suggester.logprob("", "text")
