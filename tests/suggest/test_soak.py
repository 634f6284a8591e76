"""Sixty-four typists for minutes: they hang up, paste, cancel and reopen; nothing piles up."""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections import Counter

import psutil
import pytest

from tecla import Suggester
from tecla.errors import OverloadedError

TYPISTS = 64
WARM_UP_S, MEASURED_S = 60, 180
MOST_GROWTH_BYTES = 24 << 20
PASTED_CHARS = 50_000
SENTENCE = (
    "the train to the coast leaves at seven and I would like to know whether you can come with "
    "us because the house is large enough and the children have asked for you every day since "
    "we told them about the lake and the boat that belongs to my brother"
)
WORDS = tuple(SENTENCE.split())


class Typist:
    """One person: types, corrects, pastes, hangs up, comes back."""

    def __init__(self, suggester: Suggester, seed: int) -> None:
        self.suggester, self.chooser = suggester, random.Random(seed)
        self.session, self.text, self.coming = suggester.session(), "", ""
        self.outcomes: Counter[str] = Counter()

    async def type_for(self, until: float) -> None:
        while time.monotonic() < until:
            self.change_text()
            task = asyncio.create_task(self.ask())
            await asyncio.sleep(self.chooser.lognormvariate(-1.7, 0.35))
            if self.chooser.random() < 0.3:
                task.cancel()
            elif self.chooser.random() < 0.9:
                await task
            await asyncio.gather(task, return_exceptions=True)
            if self.chooser.random() < 0.01:
                self.session.close()
                self.session, self.text = self.suggester.session(), ""

    def change_text(self) -> None:
        chance = self.chooser.random()
        if chance < 0.002:
            pasted = self.chooser.choices(WORDS, k=PASTED_CHARS // 5)
            self.text += " ".join(pasted)[:PASTED_CHARS]
        elif chance < 0.1:
            self.text = self.text[: -self.chooser.randint(1, 8)]
        else:
            if not self.coming:
                self.coming = " " + self.chooser.choice(WORDS)
            self.text, self.coming = self.text + self.coming[0], self.coming[1:]
        if len(self.text) > 2 * PASTED_CHARS:
            self.text = ""

    async def ask(self) -> None:
        try:
            answer = await self.session.asuggest(
                self.text, max_tokens=8, deadline_ms=150, min_probability=0.1
            )
        except OverloadedError:
            self.outcomes["refused"] += 1
        else:
            assert answer.continuations or answer.silence
            self.outcomes[answer.silence or ("partial" if answer.partial else "whole")] += 1


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_nothing_piles_up_behind_64_typists() -> None:
    process = psutil.Process()

    async def work(suggester: Suggester) -> tuple[int, int, Counter[str]]:
        typists = [Typist(suggester, seed) for seed in range(TYPISTS)]
        await asyncio.gather(*(t.type_for(time.monotonic() + WARM_UP_S) for t in typists))
        gc.collect()
        warm = process.memory_info().rss
        await asyncio.gather(*(t.type_for(time.monotonic() + MEASURED_S) for t in typists))
        gc.collect()
        for typist in typists:
            typist.session.close()
        total = sum((typist.outcomes for typist in typists), Counter[str]())
        return warm, process.memory_info().rss, total

    with Suggester.open(kv_tokens=16_384) as suggester:
        warm, end, outcomes = asyncio.run(work(suggester))
        counters = suggester.counters()
        suggester._desk.worker.call(lambda scheduler: scheduler.memory.check_integrity())
        assert suggester.healthy
    print(dict(outcomes), counters, f"memory {warm >> 20} -> {end >> 20} MB")
    assert counters["pending"] == counters["sessions"] == counters["restarts"] == 0
    assert counters.get("failed", 0) == 0
    assert outcomes["whole"] + outcomes["partial"] > 0.5 * outcomes.total()
    assert end - warm < MOST_GROWTH_BYTES
