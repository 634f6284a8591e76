"""How well passages are found, and how fast: by words, by meaning, and by both.

*recall*: passages of at least 24 words are cut in half. Every second half is learnt; a first half
is the query, and the one passage that counts is its other half. Given are how often it is among the
best 1, 5 and 10, and the mean reciprocal rank (MRR) within the best 50, for each list and for
several ways to make one of them: reciprocal rank fusion with k of 10 and 60, the same with half the
weight for one list, and the mean of both scores, each stretched to run from 0 to 1.

*times*: sentences drawn from the same halves fill stores of several sizes, all of one owner; given
are the milliseconds that the processor works (p50, p95) on a query, on its vector, on vectors for
what is learnt, and on loading the embedding; how long one waits for that depends on who else works.

Run: `python benchmarks/retrieval.py recall|times [--kind book] [--queries N] [--most N] FILE ...`.
The last line is one JSON object. Without files it uses the sentences in tests/data. Fixed seed.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from tecla.evaluate.corpora import KINDS, read_passages
from tecla.machine import usable_cores
from tecla.retrieval.base import Embedding
from tecla.retrieval.embedding import DEFAULT, open_embedding
from tecla.retrieval.fusion import fused
from tecla.retrieval.retriever import Retriever
from tecla.retrieval.vectors import index_passages
from tecla.store.documents import DocumentBook, Hit, NewDocument
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

SEED: Final = 29
DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
OWNER: Final = Owner("user", "somebody")
LEAST_WORDS: Final = 24
DEPTH: Final = 50
AT_ONCE: Final = 1000  # passages of one document


def halves(texts: Sequence[str], most: int) -> list[tuple[str, str]]:
    """Passages cut in half at a space, in a seeded order."""
    found = []
    for text in texts:
        words = text.split(" ")
        if len(words) >= LEAST_WORDS:
            at = len(words) // 2
            found.append((" ".join(words[:at]), " ".join(words[at:])))
    random.Random(SEED).shuffle(found)
    return found[:most]


def opened(folder: str) -> SqliteStore:
    """A new store."""
    return SqliteStore.open(Path(folder) / "tecla.db")


def learn(book: DocumentBook, passages: Sequence[str]) -> None:
    """Keep passages, in documents of `AT_ONCE`."""
    for start in range(0, len(passages), AT_ONCE):
        some = tuple(passages[start : start + AT_ONCE])
        book.put(
            [
                NewDocument(
                    owner=OWNER,
                    source=f"{start}",
                    kind="text",
                    digest=b"%d" % start,
                    time_s=0.0,
                    size_bytes=sum(map(len, some)),
                    passages=some,
                )
            ]
        )


def stretched(hits: Sequence[Hit]) -> dict[int, float]:
    """Scores by passage, from 0 to 1."""
    if not hits:
        return {}
    top, low = hits[0].score, hits[-1].score
    return {hit.passage.id: (hit.score - low) / ((top - low) or 1) for hit in hits}


def mixed(words: Sequence[Hit], meaning: Sequence[Hit]) -> list[int]:
    """By the mean of stretched scores."""
    one, other = stretched(words), stretched(meaning)
    score = {each: one.get(each, 0) + other.get(each, 0) for each in one | other}
    return sorted(score, key=lambda each: -score[each])


def rankings(words: Sequence[Hit], meaning: Sequence[Hit]) -> dict[str, list[int]]:
    """The ids of passages in the order of each way."""
    lists = [[hit.passage.id for hit in hits] for hits in (words, meaning)]

    def order(weights: Sequence[float], k: int) -> list[int]:
        return [each for each, _ in fused(lists, weights, flattens=k)]

    return {
        "words": lists[0],
        "meaning": lists[1],
        "rrf 60": order((1, 1), 60),
        "rrf 10": order((1, 1), 10),
        "rrf 60, meaning half": order((1, 0.5), 60),
        "rrf 60, words half": order((0.5, 1), 60),
        "mean of scores": mixed(words, meaning),
    }


def recall(given: argparse.Namespace, embedding: Embedding) -> Iterator[dict[str, object]]:
    """One row for each way to rank."""
    texts = [each.text for each in read_passages(given.kind, given.files)]
    pairs = halves(texts, given.most)
    ranks: dict[str, list[int | None]] = {}
    with tempfile.TemporaryDirectory() as folder, opened(folder) as store:
        book = store.documents
        learn(book, [second for _, second in pairs])
        index_passages(book, embedding)
        wanted = {each.text: each.id for each in book.passages(OWNER)}
        for first, second in pairs[: given.queries]:
            vector = embedding.embed([first])[0]
            words = book.by_words(first, [OWNER], limit=DEPTH)
            meaning = book.by_vector(vector, [OWNER], limit=DEPTH)
            for name, ids in rankings(words, meaning).items():
                right = wanted[second]
                ranks.setdefault(name, []).append(ids.index(right) + 1 if right in ids else None)
    for name, found in ranks.items():
        row: dict[str, object] = {"by": name, "passages": len(pairs), "queries": len(found)}
        for k in (1, 5, 10):
            hits = sum(rank is not None and rank <= k for rank in found)
            row[f"recall@{k}"] = round(hits / len(found), 3)
        row["mrr"] = round(sum(1 / rank for rank in found if rank) / len(found), 3)
        yield row


def ms(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1000


def spread(asked: Iterable[Callable[[], object]]) -> dict[str, float]:
    """Percentiles of the time of calls."""
    found = [ms(each) for each in asked]
    cuts = statistics.quantiles(found, n=20)
    return {"p50_ms": round(statistics.median(found), 2), "p95_ms": round(cuts[18], 2)}


def timed(
    book: DocumentBook, embedding: Embedding, passages: Sequence[str], queries: Sequence[str]
) -> dict[str, object]:
    """What one store of these passages costs."""
    share = 1000 / len(passages)
    put_ms = ms(partial(learn, book, passages))
    made_ms = ms(partial(index_passages, book, embedding))
    retriever = Retriever(book, embedding)
    vectors = list(embedding.embed(queries))
    words = partial(book.by_words, owners=[OWNER], limit=DEPTH)
    meaning = partial(book.by_vector, owners=[OWNER], limit=DEPTH)
    find = partial(retriever.find, owners=[OWNER])
    find(queries[0])
    return {
        "passages": len(passages),
        "put_ms_per_1000": round(share * put_ms, 1),
        "vectors_ms_per_1000": round(share * made_ms, 1),
        "words": spread(partial(words, each) for each in queries),
        "meaning": spread(partial(meaning, each) for each in vectors),
        "find": spread(partial(find, each) for each in queries),
    }


def times(given: argparse.Namespace, embedding: Embedding) -> Iterator[dict[str, object]]:
    """One row for each size."""
    texts = [each.text for each in read_passages(given.kind, given.files)]
    pairs = halves(texts, len(texts))
    draw = random.Random(SEED)
    words = [word for _, second in pairs for word in second.split(" ")]
    length = max(1, len(words) // max(1, len(pairs)))
    queries = [first for first, _ in pairs[: given.queries]]
    embed = embedding.embed
    yield {"what": "loading the embedding", "ms": round(ms(partial(embed, ["."])), 1)}
    yield {"what": "a vector", **spread(partial(embed, [each]) for each in queries)}
    for size in given.sizes:
        starts = [draw.randrange(max(1, len(words) - length)) for _ in range(size)]
        passages = [" ".join(words[at : at + length]) for at in starts]
        with tempfile.TemporaryDirectory() as folder, opened(folder) as store:
            yield timed(store.documents, embedding, passages, queries)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("what", choices=("recall", "times"))
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--kind", default="lines", choices=KINDS)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--most", type=int, default=2000, help="passages that are learnt")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 50_000])
    parser.add_argument("--embedding", default=DEFAULT)
    given = parser.parse_intermixed_args()
    given.files = given.files or [DATA / "english.txt"]
    embedding = open_embedding(given.embedding)
    assert embedding is not None, "an embedding is what is measured"
    rows = []
    for row in {"recall": recall, "times": times}[given.what](given, embedding):
        rows.append(row)
        print(row, flush=True)
    print(
        json.dumps(
            {
                "benchmark": f"retrieval {given.what}",
                "machine": f"{platform.processor() or platform.machine()}, {usable_cores()} cores",
                "files": [each.name for each in given.files],
                "embedding": embedding.name,
                "rows": rows,
            }
        )
    )


if __name__ == "__main__":
    main()
