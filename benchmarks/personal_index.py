"""The personal index: time to build, bytes, time of a question, memory that stays resident.

The text is all training documents and books as the default model's tokens (4 million); larger ones
are spliced of it, spans of 8 tokens on average from anywhere, so that what follows what stays that
of text. Questions are places in mail that is in none of it: the 64 tokens before, `LEVELS` ends.

1. *Segments* of 1, 10 and (with `--large`) 100 million tokens, each in a process of its own: time
   to build, bytes a token, time to open (every byte is summed); questions at random places, from
   the disk (pages dropped before), for the first time and again; then token by token through a
   text. Time on the clock, and of the processor, which other programs do not lengthen. Resident:
   pages of the file that are in memory after all questions, and what the process holds beside it.
2. *An index* into which the same million tokens come in 200 additions, merged after each: time to
   merge beside time to build at once, segments left, a question.
3. *What grows*: one more token, one less, and a question, at 2,000 and 100,000 tokens; beside it a
   suffix automaton with counts.

    .venv/bin/python benchmarks/personal_index.py [--large] [--corpora FOLDER]

The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tecla.engines.factory import open_model
from tecla.machine import usable_cores
from tecla.personal.index import Index
from tecla.personal.online import Online
from tecla.personal.segment import Row, Segment, write_segment
from tecla.personal.vocabulary import Vocabulary
from tecla.settings import load
from tecla.text.documents import read_documents

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"
TRAIN = ("mail/*.train.jsonl", "dialogue/*.train.txt", "prose/ewt.train.*.txt", "books/*.txt")
HELD_OUT = ("mail/*.dev.jsonl",)
SEED = 8
LOOKED_AT = 64  # tokens before a place that a question has
N_QUESTIONS = 2000
Tokens = npt.NDArray[np.uint16]


def tokenised(corpora: Path, folder: Path) -> int:
    """Write the tokens of the texts and of the held-out mail; the size of the vocabulary."""
    loaded = open_model(load().settings)
    tokenizer = loaded.tokenizer
    for name, patterns in (("train", TRAIN), ("questions", HELD_OUT)):
        rows = [
            np.array(tokenizer.encode(text.encode()), np.uint16)
            for pattern in patterns
            for path in sorted(corpora.glob(pattern))
            for text in read_documents(
                path,
                wrapped=path.parent.name == "books",
                fields=("body",) if path.suffix == ".jsonl" else (),
            )
        ]
        np.savez(folder / name, ids=np.concatenate(rows), ends=np.cumsum([len(r) for r in rows]))
    loaded.engine.close()
    return len(tokenizer.table)


def documents(ids: Tokens, ends: npt.NDArray[np.int64], n_tokens: int) -> Iterator[Row]:
    """Documents of `n_tokens` tokens together: the text's own first, spliced ones beyond."""
    start, number = 0, 0
    for end in ends.tolist():
        end = min(end, n_tokens)
        if end > start:
            yield Row(number, ids[start:end])
            number += 1
        start = end
    chooser, left = np.random.default_rng(SEED), n_tokens - start
    while left > 0:
        lengths = chooser.geometric(1 / 8, 150)
        places = chooser.integers(0, len(ids) - 200, 150)
        spliced = [
            ids[place : place + length] for place, length in zip(places, lengths, strict=True)
        ]
        row = np.concatenate(spliced)[:left]
        yield Row(number, row)
        number, left = number + 1, left - len(row)


def questions(folder: Path) -> list[list[int]]:
    """The ends of held-out mail at places chosen by chance."""
    found = np.load(folder / "questions.npz")["ids"]
    places = np.random.default_rng(SEED).integers(LOOKED_AT, len(found), N_QUESTIONS)
    return [found[place - LOOKED_AT : place].tolist() for place in places]


def timed(
    work: Callable[[Sequence[int]], object], asked: Sequence[Sequence[int]]
) -> dict[str, float]:
    """Percentiles of the time of each call, in microseconds, on the clock and of this thread."""
    wall, processor = [], []
    for each in asked:
        began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
        work(each)
        processor.append(time.thread_time_ns() - began_cpu)
        wall.append(time.perf_counter_ns() - began)
    return {
        f"{name}_p{share}_us": round(float(np.percentile(times, share)) / 1000, 1)
        for name, times in (("clock", wall), ("cpu", processor))
        for share in (50, 99)
    }


def resident_mb() -> dict[str, float]:
    """What this process has in memory: of files, and of its own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if line.startswith("Rss"))
    return {
        name: round(int(found[key].split()[0]) / 1024, 1)
        for name, key in (("file", "RssFile"), ("own", "RssAnon"))
    }


def drop_pages(path: Path) -> None:
    """Have the next reader read the file from the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def segment(folder: Path, n_tokens: int, vocabulary: Vocabulary) -> dict[str, Any]:
    """Build one, and ask it."""
    source = np.load(folder / "train.npz")
    rows = list(documents(source["ids"], source["ends"], n_tokens))
    path = folder / f"{n_tokens}.segment"
    began, began_cpu = time.perf_counter(), time.process_time()
    write_segment(path, rows, vocabulary)
    built, built_cpu = time.perf_counter() - began, time.process_time() - began_cpu
    del rows, source
    asked = questions(folder)
    before = resident_mb()
    began = time.perf_counter()
    opened = Segment.open(path, vocabulary)
    opening_s = time.perf_counter() - began
    drop_pages(path)
    cold = timed(opened.matches, asked[:200])
    first = timed(opened.matches, asked)
    again = timed(opened.matches, asked)
    found = np.load(folder / "questions.npz")["ids"][:N_QUESTIONS].tolist()
    following = [found[max(0, end - LOOKED_AT) : end] for end in range(1, len(found))]
    by_token = timed(opened.matches, following)
    after = resident_mb()
    levels = [opened.matches(each) for each in asked[:500]]
    result = {
        "tokens": n_tokens,
        "build_s_per_million": round(built / n_tokens * 1e6, 3),
        "build_cpu_s_per_million": round(built_cpu / n_tokens * 1e6, 3),
        "bytes_per_token": round(path.stat().st_size / n_tokens, 3),
        "open_s": round(opening_s, 3),
        "from_disk": cold,
        "first": first,
        "again": again,
        "token_by_token": by_token,
        "resident_mb": {name: round(after[name] - before[name], 1) for name in after},
        "mean_levels": round(float(np.mean([len(row) for row in levels])), 2),
        "mean_longest": round(float(np.mean([row[0].length if row else 0 for row in levels])), 2),
    }
    path.unlink()
    return result


def merging(folder: Path, vocabulary: Vocabulary) -> dict[str, Any]:
    """Add a million tokens in 200 parts."""
    source = np.load(folder / "train.npz")
    rows = list(documents(source["ids"], source["ends"], 1_000_000))
    with Index(folder / "owner" / "print", vocabulary) as index:
        began_cpu = time.process_time()
        for part in range(200):
            index.add(rows[part::200])
            index.tidy()
        merged_cpu = time.process_time() - began_cpu
        return {
            "additions": 200,
            "cpu_s": round(merged_cpu, 3),
            "segments": [each.n_tokens for each in index.segments],
            "question": timed(index.matches, questions(folder)),
        }


class Automaton:
    """A suffix automaton (Blumer et al., 1985) with the number of occurrences of every state."""

    def __init__(self) -> None:
        self.next: list[dict[int, int]] = [{}]
        self.link, self.length, self.count = [-1], [0], [0]
        self.last = 0

    def _state(self, length: int, after: dict[int, int], link: int, count: int) -> int:
        self.next.append(after)
        self.length.append(length)
        self.link.append(link)
        self.count.append(count)
        return len(self.next) - 1

    def extend(self, token: int) -> None:
        """One more token; occurrences are carried up the links at once."""
        new = self._state(self.length[self.last] + 1, {}, 0, 0)
        at = self.last
        while at >= 0 and token not in self.next[at]:
            self.next[at][token] = new
            at = self.link[at]
        if at >= 0:
            seen = self.next[at][token]
            if self.length[at] + 1 == self.length[seen]:
                self.link[new] = seen
            else:
                copy = self._state(
                    self.length[at] + 1, dict(self.next[seen]), self.link[seen], self.count[seen]
                )
                while at >= 0 and self.next[at].get(token) == seen:
                    self.next[at][token] = copy
                    at = self.link[at]
                self.link[seen] = self.link[new] = copy
        self.last = at = new
        while at > 0:
            self.count[at] += 1
            at = self.link[at]


def growing(folder: Path, vocabulary: Vocabulary, n_tokens: int) -> dict[str, Any]:
    """One more, one less, and a question, at a size; and the automaton."""
    ids = np.load(folder / "train.npz")["ids"][: n_tokens + N_QUESTIONS].tolist()
    asked = questions(folder)[:500]
    tracemalloc.start()
    online = Online(vocabulary)
    online.extend(ids[:n_tokens])
    own_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    one_more = timed(online.extend, [[token] for token in ids[n_tokens:]])
    question = timed(online.matches, asked)
    sizes = [[online.n_newest - number - 1] for number in range(N_QUESTIONS)]
    one_less = timed(lambda size: online.trim(size[0]), sizes)
    tracemalloc.start()
    automaton = Automaton()
    for token in ids[:n_tokens]:
        automaton.extend(token)
    automaton_bytes = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    automaton_more = timed(
        lambda token: automaton.extend(token[0]), [[token] for token in ids[n_tokens:]]
    )
    return {
        "tokens": n_tokens,
        "bytes_per_token": round(own_bytes / n_tokens, 1),
        "one_more": one_more,
        "one_less": one_less,
        "question": question,
        "automaton_bytes_per_token": round(automaton_bytes / n_tokens, 1),
        "automaton_one_more": automaton_more,
    }


def apart(folder: Path, size: int, *arguments: object) -> dict[str, Any]:
    """A part in a process of its own."""
    command = [sys.executable, __file__, "--child", str(folder), "--vocabulary", str(size)]
    done = subprocess.run(
        [*command, "--part", *map(str, arguments)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(found), flush=True)
    return found


def main() -> None:
    """Run all parts, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    parser.add_argument("--large", action="store_true", help="100 million tokens too")
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--vocabulary", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--part", nargs=2, default=(), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        vocabulary, (part, n_tokens) = Vocabulary(options.vocabulary), options.part
        parts: dict[str, Callable[[], dict[str, Any]]] = {
            "segment": lambda: segment(options.child, int(n_tokens), vocabulary),
            "merging": lambda: merging(options.child, vocabulary),
            "growing": lambda: growing(options.child, vocabulary, int(n_tokens)),
        }
        print(json.dumps(parts[part]()))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = tokenised(options.corpora, folder)
        sizes = [1_000_000, 10_000_000, *([100_000_000] if options.large else [])]
        result = {
            "machine": f"{platform.processor() or platform.machine()}, {usable_cores()} cores",
            "text_tokens": len(np.load(folder / "train.npz")["ids"]),
            "segments": [apart(folder, size, "segment", n_tokens) for n_tokens in sizes],
            "merging": apart(folder, size, "merging", 0),
            "growing": [apart(folder, size, "growing", n) for n in (2_000, 100_000)],
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
