"""Who learns for the service: a process of its own, and the row of tasks before it.

Reading, cleaning, tokenising and sorting take seconds of one core, and no key of anybody may wait
for that. The process is started when there is something to do, gives way to whoever types, and ends
when nothing was to be done for a while. Tasks are done one after the other (`scribe.py`); so many
may wait, and of one key fewer. One that was taken is done, whether or not its client still waits.
If the process dies over a task it is given to another process once: all tasks may be done twice.

Used from the thread of the event loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from tecla import background
from tecla.errors import OverloadedError, RateLimitedError, StoreBusyError, TeclaError
from tecla.learning.given import Given
from tecla.serve.scribe import Forgotten, Learnt, Scribe, scribe_of
from tecla.serve.tally import Quota
from tecla.settings import Settings
from tecla.store.owners import Owner

MOST_WAITING: Final = 32
MOST_OF_A_KEY: Final = 8
_RETRY_MS: Final = 1000.0
_NICER: Final = 15  # than whoever answers; the engine runs at 10
_log = logging.getLogger(__name__)


class Learning:
    """Has tasks done, in the order they come."""

    def __init__(
        self,
        settings: Settings,
        executor: Callable[[], Executor] | None = None,
        scribe: Scribe | None = None,
    ) -> None:
        """In a process of its own, or in the one worker of `executor` with a `scribe`."""
        self._settings = settings
        self._make = executor or self._process
        self._scribe = scribe
        self._executor: Executor | None = None
        self._waiting: Counter[str] = Counter()
        self._work: set[asyncio.Future[Any]] = set()
        self._catching_up: asyncio.Task[None] | None = None
        self.tokens: dict[Owner, int] = {}  # of indexes, as far as they were looked at

    @property
    def waiting(self) -> int:
        """Tasks of keys that are at work or wait."""
        return self._waiting.total()

    def begin(self) -> None:
        """Finish what was begun in another life, and bring indexes up to date; in passing."""
        self._catching_up = asyncio.get_running_loop().create_task(self._catch_up())

    async def learn(
        self, owner: Owner, key_id: str, given: Sequence[Given], quota: Quota
    ) -> Learnt:
        """See `Scribe.learn`. Raises `OverloadedError` too, where many tasks wait already."""
        with self._room(key_id):
            learnt: Learnt = await self._done("learn", owner, key_id, given, quota)
        self.tokens[owner] = learnt.tokens
        return learnt

    async def forget(self, owner: Owner, key_id: str, sources: Sequence[str] | None) -> Forgotten:
        """See `Scribe.forget`. Raises `OverloadedError` too, where many tasks wait already."""
        with self._room(key_id):
            forgotten: Forgotten = await self._done("forget", owner, key_id, sources)
        self.tokens[owner] = forgotten.tokens
        if not forgotten.tokens:
            del self.tokens[owner]
        return forgotten

    def adopt(self, settings: Settings) -> None:
        """Learn by other settings from the next task on."""
        if settings != self._settings:
            self._settings = settings
            self._let_go()
            self.begin()

    async def close(self) -> None:
        """Let what is at work end, for as long as the loop has patience; safe to call twice."""
        if self._catching_up is not None:
            self._catching_up.cancel()
            with suppress(asyncio.CancelledError):
                await self._catching_up
        await asyncio.gather(*self._work, return_exceptions=True)
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.to_thread(executor.shutdown)

    @contextmanager
    def _room(self, key_id: str) -> Iterator[None]:
        """One more task of a key waits; it does so until it is done, also where its client left."""
        if self.waiting >= MOST_WAITING:
            raise OverloadedError(
                f"{MOST_WAITING} tasks of learning wait, the most there may be; try again in "
                f"{_RETRY_MS:.0f} ms",
                retry_after_ms=_RETRY_MS,
            )
        if self._waiting[key_id] >= MOST_OF_A_KEY:
            raise RateLimitedError(
                f"{MOST_OF_A_KEY} tasks of learning of this key wait, the most it may have; try "
                f"again in {_RETRY_MS:.0f} ms",
                retry_after_ms=_RETRY_MS,
            )
        self._waiting[key_id] += 1
        try:
            yield
        finally:
            self._waiting[key_id] -= 1
            self._waiting += Counter()  # what is 0 is let go of

    async def _done(self, task: str, *arguments: object) -> Any:
        """What a task gives; raises what it raises."""
        work = asyncio.ensure_future(self._twice(task, *arguments))
        self._work.add(work)
        work.add_done_callback(self._work.discard)
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_heard)
            raise

    async def _twice(self, task: str, *arguments: object) -> Any:
        for _ in range(2):
            if self._executor is None:
                self._executor = self._make()
            executor = self._executor
            scribe = self._scribe
            call = partial(background.call, task) if scribe is None else getattr(scribe, task)
            try:
                return await asyncio.wrap_future(executor.submit(call, *arguments))
            except BrokenExecutor:
                if self._executor is executor:
                    self._let_go()
        _log.error("the process that learns ended twice over one task (%s)", task)
        raise StoreBusyError("the process that learns has ended over this; send it again, in parts")

    async def _catch_up(self) -> None:
        try:
            for owner in await self._done("begin"):
                self.tokens[owner] = await self._done("follow", owner)
        except TeclaError as error:
            _log.error("what was learnt is not brought up to date: %s", error)

    def _process(self) -> Executor:
        return background.process(partial(scribe_of, self._settings), nicer=_NICER)

    def _let_go(self) -> None:
        """The next task begins another process."""
        if self._executor is not None:
            self._executor.shutdown(wait=False)
        self._executor = None


def _heard(work: asyncio.Future[Any]) -> None:
    """Somebody has seen how it ended, though its client is gone."""
    if not work.cancelled():
        work.exception()
