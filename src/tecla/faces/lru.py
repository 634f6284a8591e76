"""A least-recently-used cache in which equal concurrent requests are computed once.

Thread-safe. Whoever asks first for a key computes it; the others wait for that result. An error
goes to everybody who waited and is not kept. What is computed while the cache is cleared is
handed out but not kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from typing import Generic, NamedTuple, TypeVar

from tecla.checks import whole

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class CacheInfo(NamedTuple):
    """The same fields as `functools.lru_cache`'s; joining a running computation is a hit."""

    hits: int
    misses: int
    maxsize: int
    currsize: int


class SingleFlightCache(Generic[K, V]):
    """LRU cache of at most `maxsize` values; 0 keeps none but still computes equal keys once."""

    def __init__(self, maxsize: int) -> None:
        """Begin empty. Raises `OptionError` for a negative size."""
        whole("cache_size", maxsize, 0, " (keep nothing)")
        self._maxsize = maxsize
        self._lock = threading.Lock()
        self._values: OrderedDict[K, V] = OrderedDict()
        self._running: dict[K, Future[V]] = {}
        self._hits = self._misses = self._clearings = 0

    def get(
        self,
        keys: Sequence[K],
        compute: Callable[[Sequence[K]], Mapping[K, V]],
        *,
        fresh: bool = False,
    ) -> list[V]:
        """The values of `keys`, in their order; missing ones come from one call of `compute`.

        With `fresh` all of them are computed anew and replace what was kept.
        """
        found, waiting, mine, clearings = self._claim(keys, fresh)
        if mine:
            found |= self._compute(mine, compute, clearings, fresh)
        for key, future in waiting.items():  # after computing, so that two batches cannot lock
            found[key] = future.result()
        return [found[key] for key in keys]

    def info(self) -> CacheInfo:
        """Hits, misses and sizes."""
        with self._lock:
            return CacheInfo(self._hits, self._misses, self._maxsize, len(self._values))

    def clear(self) -> None:
        """Forget every value and the counts."""
        with self._lock:
            self._values.clear()
            self._running.clear()
            self._hits = self._misses = 0
            self._clearings += 1

    def _claim(
        self, keys: Sequence[K], fresh: bool
    ) -> tuple[dict[K, V], dict[K, Future[V]], dict[K, Future[V]], int]:
        """Sort keys into kept values, computations of others, and those to compute here."""
        found: dict[K, V] = {}
        waiting: dict[K, Future[V]] = {}
        mine: dict[K, Future[V]] = {}
        with self._lock:
            for key in keys:
                if key in found or key in waiting or key in mine:
                    self._hits += 1
                elif not fresh and key in self._values:
                    self._values.move_to_end(key)
                    found[key] = self._values[key]
                    self._hits += 1
                elif not fresh and key in self._running:
                    waiting[key] = self._running[key]
                    self._hits += 1
                else:
                    mine[key] = Future()
                    if not fresh:
                        self._running[key] = mine[key]
                    self._misses += 1
            return found, waiting, mine, self._clearings

    def _compute(
        self,
        mine: Mapping[K, Future[V]],
        compute: Callable[[Sequence[K]], Mapping[K, V]],
        clearings: int,
        fresh: bool,
    ) -> dict[K, V]:
        try:
            values = compute(list(mine))
        except BaseException as error:
            self._retire(mine)
            for future in mine.values():
                future.set_exception(error)
            raise
        with self._lock:
            if clearings == self._clearings:
                for key, value in values.items():
                    self._values[key] = value
                    self._values.move_to_end(key)
                while len(self._values) > self._maxsize:
                    self._values.popitem(last=False)
        self._retire(mine)
        for key, future in mine.items():
            future.set_result(values[key])
        return {key: values[key] for key in mine}

    def _retire(self, mine: Mapping[K, Future[V]]) -> None:
        with self._lock:
            for key, future in mine.items():
                if self._running.get(key) is future:
                    del self._running[key]
