"""One line for everybody: a turn at a time, in order, and how long each has waited."""

from __future__ import annotations

import asyncio

from tecla.serve.turns import Turns


def test_turns_come_in_order_and_one_in_each_round_of_the_loop() -> None:
    async def run() -> None:
        turns, seen, rounds = Turns(), list[tuple[int, int]](), 0

        async def one(number: int) -> None:
            assert await turns.mine() >= 0
            seen.append((number, rounds))

        asking = [asyncio.create_task(one(number)) for number in range(5)]
        while len(seen) < 5:
            await asyncio.sleep(0)
            rounds += 1
        await asyncio.gather(*asking)
        assert [number for number, _ in seen] == [0, 1, 2, 3, 4]
        assert len({at for _, at in seen}) == 5
        assert len(turns) == 0

    asyncio.run(run())


def test_who_leaves_the_line_costs_nobody_a_turn() -> None:
    async def run() -> None:
        turns, seen = Turns(), list[int]()

        async def one(number: int) -> None:
            await turns.mine()
            seen.append(number)

        asking = [asyncio.create_task(one(number)) for number in range(4)]
        await asyncio.sleep(0)
        for number in (1, 2):
            asking[number].cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        assert seen == [0, 3]
        await turns.mine()  # the line is open again

    asyncio.run(run())
