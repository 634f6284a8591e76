"""Looking for passages without anybody waiting: one thread for all sessions, a bounded row.

Whoever asks gets a future, or `None` where too many wait already: then nothing is found this time.
Knows no session and no header.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, TypeVar

from tecla.closing import Closing
from tecla.errors import StoreError
from tecla.retrieval.retriever import Retriever

MOST_WAITING: Final = 64
Answer = TypeVar("Answer")


class Lookout(Closing):
    """Runs a retriever on a thread of its own. Any thread may ask."""

    def __init__(self, retriever: Retriever, *, most_waiting: int = MOST_WAITING) -> None:
        """The thread starts with the first question; the retriever's store is not closed here."""
        self.retriever = retriever
        self._most = most_waiting
        self._lock = threading.Lock()
        self._waiting = 0
        self._closed = False
        self._pool: ThreadPoolExecutor | None = None

    def begin(self, look: Callable[[Retriever], Answer]) -> Future[Answer] | None:
        """Ask; never blocks. Raises `StoreError` once it is closed."""
        with self._lock:
            if self._closed:
                raise StoreError("nothing is looked for any more: it was closed")
            if self._waiting >= self._most:
                return None
            if self._pool is None:
                self._pool = ThreadPoolExecutor(1, thread_name_prefix="tecla-retrieval")
            self._waiting += 1
            asked = self._pool.submit(look, self.retriever)
        asked.add_done_callback(self._ended)
        return asked

    def prepare(self) -> None:
        """Load the embedding in passing, so that the first text to be opened need not wait."""
        embedding = self.retriever.embedding
        if embedding is not None:
            self.begin(lambda _: embedding.embed(["."]))

    def close(self) -> None:
        """Drop what waits and end the thread; safe to call twice."""
        with self._lock:
            self._closed, pool, self._pool = True, self._pool, None
        if pool is not None:
            pool.shutdown(cancel_futures=True)

    def _ended(self, _: object) -> None:
        with self._lock:
            self._waiting -= 1
