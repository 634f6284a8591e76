"""OpenAI's clients against a service that listens: many at once, and those that leave."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from serve.conftest import SAID
from serve.serving import Live, live, until

MANY = 40


@pytest.fixture(scope="module")
def served() -> Iterator[Live]:
    with live(per_second=10_000) as found:
        yield found


def asked(number: int, **more: Any) -> dict[str, Any]:
    return {"model": "fake", "prompt": "she", "seed": number, "max_tokens": 12, **more}


def client_of(served: Live) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(
        api_key="none", base_url=f"http://127.0.0.1:{served.port}/v1", max_retries=0
    )


def test_many_at_once_get_what_each_gets_alone(served: Live) -> None:
    async def streamed(client: openai.AsyncOpenAI, number: int) -> str:
        stream = await client.completions.create(stream=True, **asked(number))
        return "".join([part.choices[0].text async for part in stream])

    async def whole(client: openai.AsyncOpenAI, number: int) -> str:
        found = await client.completions.create(**asked(number))
        return str(found.choices[0].text)

    async def together() -> tuple[list[str], list[str]]:
        async with client_of(served) as client:
            alone = [await whole(client, number) for number in range(MANY)]
            ways = [(streamed, whole)[number % 2] for number in range(MANY)]
            at_once = [way(client, number) for number, way in enumerate(ways)]
            return alone, list(await asyncio.gather(*at_once))

    alone, at_once = asyncio.run(together())
    assert at_once == alone
    assert len(set(alone)) > MANY // 2  # the seeds make a difference


@pytest.mark.parametrize("stream", [False, True])
def test_who_cancels_ends_the_work(served: Live, stream: bool) -> None:
    async def cancelled() -> None:
        async with client_of(served) as client:
            more = asked(1, max_tokens=400, stream=stream, temperature=0)
            task = asyncio.ensure_future(client.completions.create(**more))
            await asyncio.to_thread(until, lambda: served.engine.steps > steps, "a step")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    while served.suggester.left.acquire(blocking=False):  # of those that were answered
        pass
    steps = served.engine.steps
    served.engine.hold_after(1)
    try:
        asyncio.run(cancelled())
        assert served.suggester.left.acquire(timeout=30)
    finally:
        served.engine.let_go()
    until(lambda: served.suggester.counters()["pending"] == 0, "the end")
    assert served.engine.steps <= steps + 3  # the one at work, and one that was being built


def test_after_all_that_it_answers(served: Live) -> None:
    with openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{served.port}/v1") as client:
        found = client.completions.create(model="fake", prompt="the future", temperature=0)
        assert SAID.startswith(found.choices[0].text)
