"""What a long document costs: per key in steady typing, and before the first answer.

1. *Steady typing*: the same passage is typed key by key behind 100, 1,000, 2,000, 4,000 and 8,000
   tokens of the book before it, which have been read. Milliseconds and evaluated tokens a key,
   and milliseconds a key that evaluated something; beside them one bare llama.cpp step at that
   length. Attention reads the whole KV memory, so a step cannot cost the same: the budget is
   that typing grows at most 1.3 times as much as the bare step does from 100 to 4,000 tokens.
2. *First answer* in a newly opened document of 2,000 tokens against one of 60: milliseconds until
   a suggestion is there, and how many tokens were evaluated twice (those of the short window).

Run: `python benchmarks/long.py [--text FILE] [--keys N] [--plot FILE.svg]`. FILE is any long
text; by default a book of the evaluation corpora beside the checkout. The last line is one JSON
object.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from functools import partial
from pathlib import Path

from tecla.engines.factory import LoadedModel, open_model
from tecla.engines.llama import LlamaEngine
from tecla.engines.native import native
from tecla.machine import physical_cores
from tecla.settings import load
from tecla.suggest.suggester import Suggester

LENGTHS = (100, 1000, 2000, 4000, 8000)
BOOK = (
    Path(__file__).resolve().parents[2] / "shared" / "corpora" / "books" / "austen-persuasion.txt"
)
CONTEXT_TOKENS = 10_240  # a session leaves an eighth of it for what is produced
OPENED, SMALL = 2000, 60
OPENINGS = 8
STEPS = 24


def bare_step_ms(loaded: LoadedModel, length: int) -> float:
    """Milliseconds of one llama.cpp decode step behind `length` tokens."""
    engine = loaded.engine
    assert isinstance(engine, LlamaEngine)
    params = native.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = length + STEPS + 8, 512, 256
    params.n_threads = params.n_threads_batch = physical_cores()
    params.flash_attn_type = native.LLAMA_FLASH_ATTN_TYPE_AUTO
    params.no_perf = True
    context = native.llama_init_from_model(engine.model.handle, params)
    for at in range(0, length, 512):
        count = min(512, length - at)
        ids = (native.llama_token * count)(*range(1000 + at, 1000 + at + count))
        native.llama_decode(context, native.llama_batch_get_one(ids, count))
    one = (native.llama_token * 1)(500)
    found = []
    for _ in range(STEPS):
        started = time.perf_counter()
        native.llama_decode(context, native.llama_batch_get_one(one, 1))
        native.llama_synchronize(context)
        found.append((time.perf_counter() - started) * 1000)
    native.llama_free(context)
    return statistics.median(found)


class Book:
    """A text, cut by tokens."""

    def __init__(self, loaded: LoadedModel, text: str) -> None:
        """Join hard-wrapped lines and find where every token begins."""
        paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
        data = "\n\n".join(part for part in paragraphs if part).encode()
        pieces = loaded.tokenizer.table.pieces
        self._data, self._starts, at = data, [], 0
        for token in loaded.tokenizer.encode(data):
            self._starts.append(at)
            at += len(pieces[token])

    def before(self, token: int, count: int) -> str:
        """The `count` tokens that end at `token`."""
        return self._text(self._starts[token - count], self._starts[token])

    def behind(self, token: int, chars: int) -> str:
        """The characters that begin at `token`."""
        return self._text(self._starts[token], self._starts[token] + 4 * chars)[:chars]

    def _text(self, start: int, end: int) -> str:
        return self._data[start:end].decode("utf-8", errors="ignore")


def steady(suggester: Suggester, book: Book, length: int, keys: int) -> dict[str, float]:
    """The cost of typing behind `length` tokens that have been read."""
    at = max(LENGTHS) + 100
    before, typed = book.before(at, length), book.behind(at, keys)
    with suggester.session(scope=("steady", length)) as session:
        session.suggest(before, max_tokens=8, deadline_ms=None)
        ms, tokens = [], []
        for end in range(1, len(typed) + 1):
            started = time.perf_counter()
            answer = session.suggest(before + typed[:end], max_tokens=8, deadline_ms=60_000)
            ms.append((time.perf_counter() - started) * 1000)
            tokens.append(answer.work.evaluated_tokens)
    costly = [cost / count for cost, count in zip(ms, tokens, strict=True) if count]
    return {
        "ms_per_key": statistics.fmean(ms),
        "ms_p50": statistics.median(ms),
        "ms_per_evaluated_token": statistics.fmean(costly),
        "evaluated_per_key": statistics.fmean(tokens),
    }


def opening(suggester: Suggester, book: Book) -> dict[str, float]:
    """Time to the first answer in new documents of two sizes."""
    found: dict[int, list[float]] = {OPENED: [], SMALL: []}
    twice = 0
    for number in range(OPENINGS):
        for size in (OPENED, SMALL):
            before = book.before(3000 + 500 * number, size).rstrip()
            counted = suggester.counters()["prefill_tokens"]
            with suggester.session(scope=("open", number, size)) as session:
                started = time.perf_counter()
                session.suggest(before, max_tokens=4, deadline_ms=60_000)
                found[size].append((time.perf_counter() - started) * 1000)
            if size == OPENED:
                twice += suggester.counters()["prefill_tokens"] - counted
    opened, small = statistics.median(found[OPENED]), statistics.median(found[SMALL])
    ratios = [one / other for one, other in zip(found[OPENED], found[SMALL], strict=True)]
    return {
        "opened_ms": opened,
        "small_ms": small,
        "ratio": statistics.median(ratios),
        "evaluated_twice_tokens": twice / OPENINGS,
    }


def plot(results: dict[int, dict[str, float]], file: Path) -> None:
    """Milliseconds a key and a bare step against the length of the text."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    lengths = list(results)
    for key, name in (
        ("bare_step_ms", "one bare llama.cpp step"),
        ("ms_per_evaluated_token", "tecla, per evaluated token"),
        ("ms_per_key", "tecla, per key (mean)"),
        ("ms_p50", "tecla, per key (median)"),
    ):
        axes.plot(lengths, [results[length][key] for length in lengths], marker="o", label=name)
    axes.set_xlabel("tokens before the caret")
    axes.set_ylabel("milliseconds")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def main() -> None:
    """Run both measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--text", type=Path, default=BOOK)
    parser.add_argument("--keys", type=int, default=80)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    if not arguments.text.is_file():
        sys.exit(f"{arguments.text} is no file; name a long text with --text FILE")
    loaded = open_model(load({"context_tokens": CONTEXT_TOKENS, "kv_tokens": 24_576}).settings)
    book = Book(loaded, arguments.text.read_text(encoding="utf-8"))
    with Suggester(loaded) as suggester:
        suggester.suggest("Warm up", deadline_ms=None)
        first = opening(suggester, book)
        results = {}
        for length in LENGTHS:
            figures = steady(suggester, book, length, arguments.keys)
            # On the engine's thread: OpenMP keeps a pool of workers for every thread that asks.
            bare_ms = suggester.on_engine_thread(partial(bare_step_ms, loaded, length))
            results[length] = {**figures, "bare_step_ms": bare_ms}
            print(
                f"{length:5d} tokens: {figures['ms_per_key']:.1f} ms a key (median "
                f"{figures['ms_p50']:.1f}), {figures['evaluated_per_key']:.2f} tokens a key, "
                f"{figures['ms_per_evaluated_token']:.1f} ms a token; bare step "
                f"{results[length]['bare_step_ms']:.1f} ms",
                flush=True,
            )
    if arguments.plot is not None:
        plot(results, arguments.plot)
    typing = results[4000]["ms_per_evaluated_token"] / results[100]["ms_per_evaluated_token"]
    bare = results[4000]["bare_step_ms"] / results[100]["bare_step_ms"]
    print(f"4000 against 100: typing {typing:.2f} times, bare step {bare:.2f} times")
    print(
        f"first answer: {first['opened_ms']:.0f} ms in {OPENED} tokens, {first['small_ms']:.0f} ms "
        f"in {SMALL}; ratio {first['ratio']:.2f} (budget 1.5), "
        f"{first['evaluated_twice_tokens']:.0f} tokens evaluated twice"
    )
    print(f"machine: {platform.machine()}, {physical_cores()} cores, {loaded.info.name}")
    growth = {"typing": typing, "bare": bare, "budget": 1.3}
    print(
        json.dumps(
            {"benchmark": "long", "steady": results, "growth": growth, "first_answer": first}
        )
    )


if __name__ == "__main__":
    main()
