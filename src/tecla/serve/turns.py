"""Turns: what asks for an answer waits in one line, and one is worked out in each turn of the loop.

Without it every connection would do its work as soon as it woke up: with two hundred at once
nothing could be read or sent before the last of them is done. Between two turns the loop reads
what has come and sends what is ready, so a key waits for those before it and for nothing else, and
how long it has waited is known to the millisecond when its turn comes. That is the measure of load
by which work is given up (`tecla.serve.pressure`).
"""

from __future__ import annotations

import asyncio
from collections import deque


class Turns:
    """A line, first come first served; used from the thread of one event loop."""

    def __init__(self) -> None:
        """Nobody waits."""
        self._line: deque[asyncio.Future[None]] = deque()
        self._is_called = False

    def __len__(self) -> int:
        """How many wait."""
        return len(self._line)

    async def mine(self) -> float:
        """Wait for a turn; milliseconds that took. What is done until the next await is the turn.

        Whoever is cancelled leaves the line.
        """
        loop = asyncio.get_running_loop()
        came, turn = loop.time(), loop.create_future()
        self._line.append(turn)
        if not self._is_called:
            self._is_called = True
            loop.call_soon(self._next, loop)
        await turn
        return 1000 * (loop.time() - came)

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give one turn, and come again if more wait."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(None)
                break
        self._is_called = bool(self._line)
        if self._is_called:
            loop.call_soon(self._next, loop)
