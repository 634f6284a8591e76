"""Counting n-grams of a long row of tokens in bounded memory.

The n-grams of one order are a level of a trie: entry `i` is a context (an entry of the level
below) and the word behind it, entries sorted by both. A level is therefore told by one number
an entry, `context * words + word`, and the next level needs only the entry at every position of
the text. Positions are worked through in chunks; every chunk is sorted and added up alone and
written to disk as a run, and the runs are merged range by range. Beside its count an entry keeps
its `suffix`: the entry of the level below that it is without its first word. Suffixes are what a
model backs off to, and counting them gives Kneser and Ney's continuation counts.

Levels live in memory-mapped files in a working folder and are let go of piece by piece, so what is
in memory at once is a few dozen times `chunk` numbers. Source of the idea of sorted runs:
Heafield et al. 2013, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tecla.sections import unload

Array = npt.NDArray[Any]

NOWHERE = np.uint32(0xFFFFFFFF)  # no n-gram of this order ends at a position
CHUNK = 1 << 21

_RUN = np.dtype([("key", np.uint64), ("count", np.uint32), ("suffix", np.uint32)])


@dataclass(frozen=True, slots=True)
class Level:
    """All n-grams of one order, sorted by context and word.

    keys: context * words + word  # [entries] uint64
    counts: occurrences  # [entries] uint32
    suffix: entry one order below without the first word  # [entries] uint32
    """

    order: int
    words: int
    keys: Array
    counts: Array
    suffix: Array

    def __len__(self) -> int:
        return len(self.keys)

    def pieces(self, chunk: int) -> Iterator[slice]:
        """Slices of about `chunk` entries that cover all and never part those of one context."""
        start = 0
        while start < len(self):
            stop = min(start + chunk, len(self))
            if stop < len(self):
                context = int(self.keys[stop - 1]) // self.words
                past = np.searchsorted(self.keys[stop:], np.uint64((context + 1) * self.words))
                stop += int(past)
            yield slice(start, stop)
            unload(self.keys, self.counts, self.suffix)
            start = stop

    def context(self, piece: slice) -> Array:
        """Contexts of some entries."""
        return (self.keys[piece] // np.uint64(self.words)).astype(np.uint32)

    def word(self, piece: slice) -> Array:
        """Last words of some entries."""
        return (self.keys[piece] % np.uint64(self.words)).astype(np.uint32)


def count_levels(
    tokens: Array,
    words: int,
    order: int,
    start: int,
    folder: Path,
    progress: Callable[[float], None],
    chunk: int = CHUNK,
) -> list[Level]:
    """Levels 1 to `order` of `tokens`, ids below `words`; level 1 has an entry for every id.

    No n-gram runs over a `start` token, it may only begin with one. `progress` gets the share of
    the work that has been done.
    """
    counts = np.zeros(words, np.int64)
    for first in range(0, len(tokens), chunk):
        counts += np.bincount(tokens[first : first + chunk], minlength=words)
        unload(tokens)
    ids = np.arange(words)
    levels = [Level(1, words, ids.astype(np.uint64), counts.astype(np.uint32), ids * 0)]
    ends = tokens  # the entry of the level below that ends at each position
    for n in range(2, order + 1):
        runs = _runs(tokens, ends, words, start, folder, chunk)
        level = _merge(runs, n, words, folder, chunk)
        for run in runs:
            run.unlink()
        levels.append(level)
        if n < order:
            ends = _ends(tokens, ends, level, start, folder, chunk)
        progress((n - 1) / (order - 1))
    return levels


def _keys(
    tokens: Array, ends: Array, words: int, start: int, first: int, chunk: int
) -> tuple[Array, Array]:
    """Positions of a chunk at which an n-gram ends, and their keys."""
    stop = min(first + chunk, len(tokens))
    begin = max(first, 1)
    contexts = ends[begin - 1 : stop - 1]
    last = tokens[begin:stop]
    at = np.flatnonzero((contexts != NOWHERE) & (last != start))
    keys = contexts[at].astype(np.uint64) * np.uint64(words) + last[at].astype(np.uint64)
    return at + begin, keys


def _runs(
    tokens: Array, ends: Array, words: int, start: int, folder: Path, chunk: int
) -> list[Path]:
    """Every chunk's n-grams, sorted and added up, each in a file."""
    runs = []
    for number, first in enumerate(range(0, len(tokens), chunk)):
        at, keys = _keys(tokens, ends, words, start, first, chunk)
        if not len(keys):
            continue
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        heads = _heads(keys)
        run = np.empty(len(heads), _RUN)
        run["key"] = keys[heads]
        run["count"] = np.diff(heads, append=len(keys))
        run["suffix"] = ends[at[order[heads]]]
        path = folder / f"run{number}"
        run.tofile(path)
        runs.append(path)
        unload(tokens, ends)
    return runs


def _merge(paths: list[Path], n: int, words: int, folder: Path, chunk: int) -> Level:
    """One level from its runs: ranges of keys small enough for memory, one after another."""
    runs = [np.memmap(path, _RUN, "r") for path in paths]
    columns = [folder / f"{name}{n}" for name in _RUN.names or ()]
    entries = 0
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in columns]
        for pieces in _ranges(runs, chunk):
            rows = np.concatenate(pieces)
            rows = rows[np.argsort(rows["key"], kind="stable")]
            heads = _heads(rows["key"])
            merged = rows[heads]
            merged["count"] = np.add.reduceat(rows["count"], heads)
            for name, file in zip(_RUN.names or (), files, strict=True):
                np.ascontiguousarray(merged[name]).tofile(file)
            entries += len(merged)
            unload(*runs)
    types = [_RUN[name] for name in _RUN.names or ()]
    keys, counts, suffix = (
        np.memmap(path, kind, "r") if entries else np.empty(0, kind)
        for path, kind in zip(columns, types, strict=True)
    )
    return Level(n, words, keys, counts, suffix)


def _heads(keys: Array) -> Array:
    """Where a new key begins in a sorted row that is not empty."""
    return np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))


def _ranges(runs: list[Any], chunk: int) -> Iterator[list[Array]]:
    """Matching slices of all runs, key range by key range, about `chunk` rows at a time."""
    if not runs:
        return
    total = sum(len(run) for run in runs)
    pieces = max(1, total // chunk)
    sample = np.sort(np.concatenate([run["key"][:: max(1, len(run) // 1000)] for run in runs]))
    bounds = np.unique(sample[np.linspace(0, len(sample) - 1, pieces + 1).astype(int)[1:-1]])
    places = [np.searchsorted(run["key"], bounds) for run in runs]
    cuts = [[0, *map(int, place), len(run)] for place, run in zip(places, runs, strict=True)]
    for number in range(len(bounds) + 1):
        found = [run[cut[number] : cut[number + 1]] for run, cut in zip(runs, cuts, strict=True)]
        if any(len(rows) for rows in found):
            yield found


def _ends(tokens: Array, ends: Array, level: Level, start: int, folder: Path, chunk: int) -> Array:
    """The entry of `level` that ends at each position of the text."""
    path = folder / f"ends{level.order}"
    found: Array = np.memmap(path, np.uint32, "w+", shape=(len(tokens),))
    for first in range(0, len(tokens), chunk):
        piece = np.full(min(chunk, len(tokens) - first), NOWHERE, np.uint32)
        at, keys = _keys(tokens, ends, level.words, start, first, chunk)
        order = np.argsort(keys)  # looked up in order, the level is read from one end to the other
        piece[at[order] - first] = np.searchsorted(level.keys, keys[order])
        found[first : first + chunk] = piece
        unload(tokens, ends, found, level.keys)
    (folder / f"ends{level.order - 1}").unlink(missing_ok=True)
    return found
