"""How fast the classical predictors answer.

Every predictor answers at every caret of real text, typed key by key: sentences for words, queries
for the query log, of which every fourth begins with a word that no query has (so that it goes back
to a suffix). Beside that the empty prefix alone, which has the most candidates to choose from.

1. *Answers*: milliseconds for an answer of five candidates, p50, p95, p99, and answers a second.
2. *Empty prefix*: the same where nothing is typed.
3. *Opening*: milliseconds to open, and the size of the file on disk.
4. *Recording*: milliseconds to add one query to the log, on disk and in memory.
5. *Rejected*: a trie of whole entries listed by `keys`, and binary search over the entries of the
   file, for the same prefixes as the dictionary.

The dictionary holds the 50,000 commonest English words of wordfreq, the log 50,000 queries: lines
of `--queries FILE`, or else made from the same words with a fixed seed. The time at a caret is the
least of all rounds, so that what other programs do on the same cores is left out: percentiles are
over carets, not over moments.

Run: `python benchmarks/classic.py [--queries FILE] [--rounds N]`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tecla.classic.dictionary import Dictionary
from tecla.classic.dictionary_file import save_dictionary
from tecla.classic.frequency import Frequency
from tecla.classic.query_tables import QueryTables
from tecla.classic.querylog import QueryLog
from tecla.classic.querylog_file import Asked
from tecla.predict.base import Budget, Predictor
from tecla.text.context import Context

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
SEED = 20
ENTRIES = 50_000
BUDGET = Budget(n=5, max_words=3)
SENTENCES = 40
QUERIES_TYPED = 200
RECORDED = 200
NOW = 1_800_000_000.0


class Subject(NamedTuple):
    """A predictor to measure: how it is opened, its file, and where its carets stand."""

    name: str
    open: Callable[[], Predictor]
    path: Path | None
    carets: Sequence[str]


def percentiles(times_ms: list[float]) -> dict[str, float]:
    """What is said about a row of times."""
    cuts = statistics.quantiles(times_ms, n=100, method="inclusive")
    return {
        "p50_ms": cuts[49],
        "p95_ms": cuts[94],
        "p99_ms": cuts[98],
        "per_second": 1000 / statistics.fmean(times_ms),
    }


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of one call."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def measure(subject: Subject, rounds: int) -> dict[str, Any]:
    """Everything about one predictor."""
    opening_ms = [timed(lambda: subject.open().close()) for _ in range(3)]
    predictor = subject.open()
    contexts = [Context(before) for before in subject.carets]
    predictor.predict(contexts[0], BUDGET)
    nothing = Context("")
    times = [
        min(timed(lambda: predictor.predict(context, BUDGET)) for _ in range(rounds))  # noqa: B023
        for context in contexts
    ]
    empty = [
        min(timed(lambda: predictor.predict(nothing, BUDGET)) for _ in range(rounds))
        for _ in range(100)
    ]
    predictor.close()
    return {
        "carets": len(contexts),
        **percentiles(times),
        "empty_prefix": percentiles(empty),
        "open_ms": statistics.median(opening_ms),
        "file_bytes": None if subject.path is None else subject.path.stat().st_size,
    }


def typed(texts: Sequence[str]) -> list[str]:
    """Every caret of every text."""
    return [text[:at] for text in texts for at in range(1, len(text) + 1)]


def queries(words: Sequence[str], file: Path | None) -> list[str]:
    """The queries of the log."""
    if file is not None:
        lines = file.read_text(encoding="utf-8").splitlines()
        return [line.split("\t")[0] for line in lines if line.strip()][:ENTRIES]
    seeded = random.Random(SEED)
    ranks = range(1, len(words) + 1)
    weights = [1 / rank for rank in ranks]
    return [
        " ".join(seeded.choices(words, weights, k=seeded.randint(1, 6))) for _ in range(ENTRIES)
    ]


def subjects(folder: Path, asked: Sequence[str], words: dict[str, float]) -> Iterator[Subject]:
    """The predictors to measure. Another one is added by yielding it."""
    seeded = random.Random(SEED)
    sentences = (DATA / "english.txt").read_text(encoding="utf-8").splitlines()
    carets = typed([text[:80] for text in seeded.sample(sentences, SENTENCES)])
    save_dictionary(folder / "dictionary", words)
    with QueryLog.create(folder / "querylog", clock=lambda: NOW) as log:
        for _ in log.file.record(Asked(text, NOW - 60 * at) for at, text in enumerate(asked)):
            pass
    some = seeded.sample(list(asked), QUERIES_TYPED)
    some = [f"qqxz {text}" if at % 4 == 0 else text for at, text in enumerate(some)]
    yield Subject("frequency", lambda: Frequency.open("en"), None, carets)
    path = folder / "dictionary"
    yield Subject("dictionary", lambda: Dictionary.open(path), path, carets)
    log_path = folder / "querylog"
    yield Subject(
        "querylog", lambda: QueryLog.open(log_path, clock=lambda: NOW), log_path, typed(some)
    )


def recording_ms(path: Path, asked: Sequence[str]) -> tuple[list[float], list[float]]:
    """Milliseconds to record one query, half of them new: in all, and in memory alone."""
    new = [f"how to measure {at // 2}" for at in range(RECORDED)]
    with QueryLog.open(path, clock=lambda: NOW) as log:
        whole = [timed(partial(log.record, query)) for query in new]
    tables = QueryTables(dict.fromkeys(asked, 1.0))
    return whole, [timed(partial(tables.add, query, 1.0)) for query in new]


def rejected(words: dict[str, float]) -> dict[str, float]:
    """Median milliseconds of the ways that were not taken, for the prefixes "" and "th"."""
    import marisa_trie  # type: ignore[import-not-found]  # ships no types

    trie = marisa_trie.Trie(list(words))
    ordered = sorted(words)
    found = {}
    for name, prefix in (("empty", ""), ("th", "th")):
        listed = [
            timed(lambda: sorted(trie.keys(prefix), key=words.__getitem__)[-5:])  # noqa: B023
            for _ in range(20)
        ]
        found[f"trie_of_entries_{name}_ms"] = statistics.median(listed)
    restored = [trie.key_id(word) for word in ordered]

    class Entries(Sequence[str]):
        """The entries in order, each spelt from the trie when it is looked at."""

        def __len__(self) -> int:
            return len(restored)

        def __getitem__(self, at: Any) -> Any:
            return trie.restore_key(restored[at])

    entries = Entries()
    searches = [timed(lambda: bisect_left(entries, "th")) for _ in range(500)]
    found["binary_search_ms"] = statistics.median(searches)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    from wordfreq import get_frequency_dict

    listed = get_frequency_dict("en", "best")
    words = {word: share for word, share in listed.items() if word.isalpha()}
    words = dict(list(words.items())[:ENTRIES])
    asked = queries(list(words), arguments.queries)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for subject in subjects(folder, asked, words):
            result = found[subject.name] = measure(subject, arguments.rounds)
            empty = result["empty_prefix"]
            print(
                f"{subject.name:<12} p50 {result['p50_ms']:.3f} ms, p95 {result['p95_ms']:.3f}, "
                f"p99 {result['p99_ms']:.3f}, {result['per_second']:,.0f} answers/s; empty prefix "
                f"p50 {empty['p50_ms']:.3f} ms, p99 {empty['p99_ms']:.3f}; opens in "
                f"{result['open_ms']:.1f} ms"
            )
        on_disk, in_memory = map(percentiles, recording_ms(folder / "querylog", asked))
        print(
            f"recording    p50 {on_disk['p50_ms']:.2f} ms, p99 {on_disk['p99_ms']:.2f}; in memory "
            f"p50 {in_memory['p50_ms']:.2f} ms"
        )
    other = rejected(words)
    print("rejected     " + ", ".join(f"{key} {value:.3f}" for key, value in other.items()))
    print(
        json.dumps(
            {
                "benchmark": "classic",
                "machine": platform.processor() or platform.machine(),
                "entries": ENTRIES,
                "queries": "file" if arguments.queries else "made",
                "predictors": found,
                "recording": {"on_disk": on_disk, "in_memory": in_memory},
                "rejected": other,
            }
        )
    )


if __name__ == "__main__":
    main()
