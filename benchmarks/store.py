"""What keeping feedback costs: on the path of a keystroke, and beside it.

1. *Recording*: transactions of 1 to 1000 events, each on the disk when it returns; with the disk's
   own time of a write that is waited for (`fsync`) beside them.
2. *Adding*: what a keystroke waits for, `FeedbackBuffer.add`, while its thread writes without a
   pause and another thread erases text (which writes the whole file anew) again and again; beside
   it the same loop with nothing in it but the clock, in the same minute.
3. *Reading* all events and summing them, bytes of the file for an event, the peak of memory that
   Python held meanwhile, and the time to open the file.
4. *Erasing* the text of one user of 50 from a file of that size.
5. *Documents* of made-up text, of three owners: putting 1,000 passages as one transaction; queries
   by words (three words of a passage, and a question of thirty common and rare ones) and by vector
   (256 numbers), of one owner with half of the passages and of all three; forgetting an owner. In
   processor time, which other programs on the machine change little.

Run: `python benchmarks/store.py [--events N] [--passages N]`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from tecla.errors import StoreError
from tecla.machine import usable_cores
from tecla.store.base import Owner, Store
from tecla.store.buffer import FeedbackBuffer
from tecla.store.documents import NewDocument, VectorModel
from tecla.store.events import FeedbackEvent, Place, Retention, SuggestedText
from tecla.store.sqlite import SqliteStore

USERS = 50
OWNERS = [Owner("user", "user-1"), Owner("user", "user-2"), Owner("collection", "letters")]
NO_LIMIT = Retention(max_age_s=None, max_events=None)  # the limits are not what is measured


def events(count: int, chooser: random.Random) -> list[FeedbackEvent]:
    """Events as sessions make them, one in five with text."""
    text = SuggestedText("x" * 100, " looking forward to it")
    return [
        FeedbackEvent(
            kind=chooser.choice(["shown", "rejected"]),
            suggestion=f"{chooser.getrandbits(64):016x}",
            time_s=time.time(),
            user=f"user-{chooser.randrange(USERS)}",
            source="neural",
            language="en",
            place=Place(2, 5),
            raw_probability=chooser.random(),
            calibrated_probability=chooser.random(),
            shown_chars=12,
            shown_words=3,
            text=text if chooser.random() < 0.2 else None,
        )
        for _ in range(count)
    ]


def opened(folder: Path) -> SqliteStore:
    """A store in which everybody has consented, or nobody would have text."""
    store = SqliteStore.open(folder / "tecla.db", retention=NO_LIMIT, busy_s=60)
    for user in range(USERS):
        store.consent.give(f"user-{user}")
    return store


def ms(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def cpu_ms(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def spread(times: list[float]) -> dict[str, float]:
    """Percentiles."""
    ordered = sorted(times)
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1.0}
    return {name: ordered[int(share * (len(ordered) - 1))] for name, share in at.items()}


def fsync_ms(folder: Path) -> float:
    """Median time of 4 KiB written and waited for."""
    with (folder / "probe").open("wb", buffering=0) as file:

        def once() -> None:
            file.write(bytes(4096))
            os.fsync(file.fileno())

        return statistics.median(ms(once) for _ in range(50))


def recording(folder: Path, chooser: random.Random) -> dict[str, dict[str, float]]:
    """Transactions of several sizes."""
    found = {}
    with opened(folder) as store:
        for size in (1, 10, 100, 1000):
            batches = [events(size, chooser) for _ in range(30)]
            times = [ms(partial(store.feedback.record, batch)) for batch in batches]
            found[str(size)] = {"p50_ms": statistics.median(times), "max_ms": max(times)}
    return found


def adding(folder: Path, chooser: random.Random, keys: int = 20_000) -> dict[str, object]:
    """A key every 100 µs while the disk is busy."""
    given, over, erased = events(1000, chooser), threading.Event(), 0

    def erase(store: Store) -> None:
        nonlocal erased
        while not over.is_set():
            try:
                store.consent.withdraw("user-1")
                erased += 1
            except StoreError:
                pass

    def loop(work: Callable[[int], object]) -> list[float]:
        times = []
        for at in range(keys):
            until = time.perf_counter() + 1e-4
            times.append(ms(partial(work, at)) * 1000)
            while time.perf_counter() < until:
                time.sleep(5e-5)
        return times

    with opened(folder) as store:
        eraser = threading.Thread(target=erase, args=(store,))
        with FeedbackBuffer(store.feedback, interval_s=0.001, capacity=1 << 16) as buffer:
            eraser.start()
            empty = loop(lambda at: None)
            times = loop(lambda at: buffer.add(given[at % 1000]))
            over.set()
            eraser.join()
            buffer.flush(60)
            status = buffer.status()
    return {
        "us": spread(times), "empty_us": spread(empty), "erased_times": erased,
        "written": status.written, "dropped": status.dropped, "failures": status.failures,
    }  # fmt: skip


def reading_and_erasing(folder: Path, chooser: random.Random, count: int) -> dict[str, float]:
    """A file of many events."""
    with opened(folder) as store:
        for _ in range(0, count, 1000):
            store.feedback.record(events(1000, chooser))
        found = {"totals_ms": ms(lambda: store.feedback.totals(("user", "source")))}
        found["all_events_ms"] = ms(lambda: sum(1 for _ in store.feedback.events()))
        tracemalloc.start()
        sum(1 for _ in store.feedback.events())
        found["reading_peak_mb"] = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        found["prune_ms"] = ms(lambda: store.feedback.prune(Retention()))
        found["withdraw_ms"] = ms(lambda: store.consent.withdraw("user-7"))
        found["check_ms"] = ms(store.check)
    found["bytes_an_event"] = (folder / "tecla.db").stat().st_size / count
    found["open_ms"] = ms(lambda: SqliteStore.open(folder / "tecla.db").close())
    return found


def documents(count: int, chooser: random.Random) -> list[NewDocument]:
    """Documents of ten passages of about 120 words, which are as common as in any text (Zipf)."""
    names = [f"{chooser.getrandbits(32):x}"[: 2 + at % 8] for at in range(30_000)]
    common = [1 / (rank + 2) for rank in range(len(names))]
    return [
        NewDocument(
            owner=OWNERS[(0, 0, 1, 2)[at % 4]],
            source=f"s{at}",
            kind="text",
            digest=b"digest",
            time_s=0.0,
            size_bytes=8000,
            passages=tuple(
                " ".join(chooser.choices(names, common, k=chooser.randrange(90, 150)))
                for _ in range(10)
            ),
        )
        for at in range(count // 10)
    ]


def learning(folder: Path, chooser: random.Random, count: int) -> dict[str, object]:
    """Putting, asking and forgetting documents."""
    given, model = documents(count, chooser), VectorModel("random", 256)
    draws = np.random.default_rng(1)
    with SqliteStore.open(folder / "tecla.db", busy_s=60) as store:
        book = store.documents
        book.use_vectors_of(model)
        puts = [
            cpu_ms(partial(book.put, given[start : start + 100]))
            for start in range(0, len(given), 100)
        ]
        vectors = []
        while missing := book.without_vector():
            made = draws.standard_normal((len(missing), 256), np.float32)
            found = {each.id: row for each, row in zip(missing, made, strict=True)}
            vectors.append(cpu_ms(partial(book.put_vectors, model, found)))
        result: dict[str, object] = {
            "put_1000_ms": statistics.median(puts),
            "put_1000_vectors_ms": statistics.median(vectors),
        }
        for who, owners in (("half", OWNERS[:1]), ("all", OWNERS)):
            texts = [chooser.choice(chooser.choice(given).passages).split() for _ in range(60)]
            three = [" ".join(chooser.sample(words, 3)) for words in texts]
            thirty = [" ".join(words[:30]) for words in texts]
            asked = draws.standard_normal((60, 256), np.float32)
            for name, queries in (("three_words", three), ("thirty_words", thirty)):
                times = [cpu_ms(partial(book.by_words, text, owners)) for text in queries]
                result[f"{name}_{who}_ms"] = spread(times)
            times = [cpu_ms(partial(book.by_vector, vector, owners)) for vector in asked]
            result[f"vector_{who}_ms"] = spread(times)
        result["owner_passages"] = sum(each.passages for each in book.all(OWNERS[:1]))
        result["bytes_a_passage"] = (folder / "tecla.db").stat().st_size / count
        result["chars_a_passage"] = sum(each.chars for each in book.all()) / count
        result["remove_one_ms"] = cpu_ms(lambda: book.remove(OWNERS[0], [given[0].source]))
        result["forget_half_ms"] = cpu_ms(lambda: store.forget_user(OWNERS[0].name))
        result["check_ms"] = cpu_ms(store.check)
    return result


def main() -> None:
    """Measure and print all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--passages", type=int, default=10_000)
    options = parser.parse_args()
    count = options.events
    chooser = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result: dict[str, object] = {"fsync_ms": fsync_ms(folder)}
        for part in ("recording", "adding", "reading", "learning"):
            (folder / part).mkdir()
        result["recording"] = recording(folder / "recording", chooser)
        result["adding"] = adding(folder / "adding", chooser)
        result["reading"] = reading_and_erasing(folder / "reading", chooser, count)
        result["learning"] = learning(folder / "learning", chooser, options.passages)
    for name, value in result.items():
        print(f"{name:10} {value}")
    print(f"machine    {platform.machine()}, {usable_cores()} cores")
    print(
        json.dumps({"benchmark": "store", "events": count, "passages": options.passages, **result})
    )


if __name__ == "__main__":
    main()
