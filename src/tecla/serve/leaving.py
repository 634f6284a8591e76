"""Clients that go away before they have their answer: what was begun for them ends at once.

A route that answers as a whole is not told by the framework that nobody waits any more; one that
streams is, but what it streams from ends only when it is collected. Both are seen to here, so that
the model is not at work for nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any, Final, TypeVar

from anyio import CancelScope
from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

_CLIENT_CLOSED: Final = 499  # read by nobody, but for a proxy's log
Result = TypeVar("Result")


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result | Response:
    """What `work` gives; once the client is gone, `work` is cancelled and the answer is empty."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    both: list[asyncio.Future[Any]] = [working, leaving]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return Response(status_code=_CLIENT_CLOSED)
    finally:
        for each in both:
            each.cancel()
        with CancelScope(shield=True):
            await asyncio.gather(*both, return_exceptions=True)


class Events(StreamingResponse):
    """Server-sent events from a generator that is closed with the response, whatever ends it."""

    def __init__(self, events: AsyncGenerator[str, None]) -> None:
        """Send each of `events`, which are complete."""
        super().__init__(events, media_type="text/event-stream")
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and then let go of what made the answer."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with CancelScope(shield=True):  # also where the answer itself was cancelled
                await self._events.aclose()


async def _gone(request: Request) -> None:
    """Return when the client has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
