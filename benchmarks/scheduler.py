"""What the scheduler costs over llama.cpp itself, with many sequences at once.

For 1, 4, 16 and 64 sequences: tokens per second of tecla (scheduler, exact caret, canonical
checks, word ends, text assembly) over tokens per second of the barest loop one can write on
llama.cpp: one `llama_decode` a step with a token of every sequence, and an argmax over each
row of scores. Same model, threads, KV layout, prompts and number of tokens, in turns, so that a
noisy machine hits both. Only decode steps count: the run of one token is taken off the run of
many. The ratio is the median over the rounds; 1 would be no overhead at all.

Run: `python benchmarks/scheduler.py [--rounds N] [--tokens N] [--plot FILE.svg]`. The last line
is one JSON object.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tecla.decode.request import Request, Stopping
from tecla.engines.base import Engine
from tecla.engines.factory import LoadedModel, open_model
from tecla.engines.llama import LlamaEngine
from tecla.engines.native import native
from tecla.engines.sampling import GREEDY
from tecla.machine import physical_cores
from tecla.settings import load
from tecla.suggest.suggester import Suggester
from tecla.text.context import Context

SEQUENCES = (1, 4, 16, 64)
BUDGET = 0.90
SUBJECTS = (
    "lighthouse", "river", "railway", "kitchen", "harbour", "garden", "library", "violin",
    "glacier", "market", "castle", "bridge", "forest", "island", "theatre", "school",
)  # fmt: skip
PLACES = ("in the north", "by the sea", "of the old town", "near the border")


def prompts(count: int) -> list[str]:
    """Different beginnings of about the same length, each ending with a whole word."""
    return [
        f"The history of the {SUBJECTS[at % 16]} {PLACES[at // 16]} begins in the year"
        for at in range(count)
    ]


class BareLoop:
    """The least code that decodes many sequences greedily on llama.cpp."""

    def __init__(self, engine: Engine) -> None:
        """Make a context like the engine's, over the same weights."""
        assert isinstance(engine, LlamaEngine)
        params = native.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = engine.kv_tokens, 512, 256
        params.n_seq_max = max(SEQUENCES)
        params.n_outputs_max = params.n_outputs_max_per_seq = max(SEQUENCES)
        params.n_threads = params.n_threads_batch = physical_cores()
        params.flash_attn_type = native.LLAMA_FLASH_ATTN_TYPE_AUTO
        params.kv_unified = True
        params.no_perf = True
        self._n_vocab = engine.n_vocab
        self._context = native.llama_init_from_model(engine.model.handle, params)
        self._batch = native.llama_batch_init(512, 0, 1)

    def run(self, texts: Sequence[Sequence[int]], n_tokens: int) -> float:
        """Seconds for `n_tokens` steps of all sequences after the prompts are evaluated."""
        native.llama_memory_clear(native.llama_get_memory(self._context), True)
        following = []
        for sequence, ids in enumerate(texts):
            self._fill([(sequence, at, token) for at, token in enumerate(ids)], last_only=True)
            following.append(self._best(1)[0])
        started = time.perf_counter()
        for step in range(n_tokens):
            self._fill(
                [(at, len(texts[at]) + step, token) for at, token in enumerate(following)],
                last_only=False,
            )
            following = self._best(len(texts))
        return time.perf_counter() - started

    def close(self) -> None:
        """Free the context."""
        native.llama_batch_free(self._batch)
        native.llama_free(self._context)

    def _fill(self, entries: list[tuple[int, int, int]], *, last_only: bool) -> None:
        batch = self._batch
        batch.n_tokens = len(entries)
        for index, (sequence, position, token) in enumerate(entries):
            batch.token[index], batch.pos[index] = token, position
            batch.n_seq_id[index], batch.seq_id[index][0] = 1, sequence
            batch.logits[index] = not last_only or index == len(entries) - 1
        assert native.llama_decode(self._context, batch) == 0

    def _best(self, rows: int) -> list[int]:
        logits = native.llama_get_logits(self._context)
        table = np.ctypeslib.as_array(
            ctypes.cast(logits, ctypes.POINTER(ctypes.c_float)), shape=(rows, self._n_vocab)
        )
        best: list[int] = table.argmax(axis=1).tolist()
        return best


def seconds(suggester: Suggester, texts: Sequence[str], n_tokens: int) -> tuple[float, int]:
    """Seconds and produced tokens of greedy requests, all at once."""
    stopping = Stopping(max_tokens=n_tokens)
    requests = [Request(Context(text), GREEDY, stopping) for text in texts]
    started = time.perf_counter()
    answers = suggester.complete(requests)
    took = time.perf_counter() - started
    return took, sum(found.n_tokens for answer in answers for found in answer.continuations)


def compare(
    loaded: LoadedModel,
    suggester: Suggester,
    bare: BareLoop,
    count: int,
    rounds: int,
    n_tokens: int,
) -> dict[str, float]:
    """Tokens per second of both with `count` sequences, and their ratio."""
    texts = prompts(count)
    tokenizer = loaded.tokenizer
    ids = [[tokenizer.start_id or 0, *tokenizer.encode(text.encode())] for text in texts]
    seconds(suggester, texts, 2)
    bare.run(ids, 2)
    ratios, ours, theirs = [], [], []
    for _ in range(rounds):
        bare_s = bare.run(ids, n_tokens)
        first_s, first = seconds(suggester, texts, 1)
        whole_s, whole = seconds(suggester, texts, n_tokens + 1)
        ours.append((whole - first) / (whole_s - first_s))
        theirs.append(count * n_tokens / bare_s)
        ratios.append(ours[-1] / theirs[-1])
    return {
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "tecla_tokens_per_s": statistics.median(ours),
        "bare_tokens_per_s": statistics.median(theirs),
    }


def plot(results: dict[int, dict[str, float]], file: Path) -> None:
    """Tokens per second of both against the number of sequences."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    labels = [str(count) for count in results]
    for offset, key, name in (
        (-0.2, "bare_tokens_per_s", "bare llama.cpp"),
        (0.2, "tecla_tokens_per_s", "tecla"),
    ):
        heights = [figures[key] for figures in results.values()]
        bars = axes.bar([at + offset for at in range(len(labels))], heights, 0.38, label=name)
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.set_xticks(range(len(labels)), labels)
    axes.set_xlabel("sequences at once")
    axes.set_ylabel("tokens per second")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def main() -> None:
    """Measure every number of sequences and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--plot", type=Path)
    arguments = parser.parse_args()
    loaded = open_model(load().settings)
    bare = BareLoop(loaded.engine)
    results = {}
    with Suggester(loaded) as suggester:
        for count in SEQUENCES:
            figures = results[count] = compare(
                loaded, suggester, bare, count, arguments.rounds, arguments.tokens
            )
            print(
                f"{count:3d} sequences: {figures['ratio']:.3f} of the bare loop "
                f"({figures['ratio_min']:.3f} to {figures['ratio_max']:.3f}; "
                f"{figures['tecla_tokens_per_s']:.0f} against "
                f"{figures['bare_tokens_per_s']:.0f} tokens/s; budget {BUDGET})",
                flush=True,
            )
        bare.close()
    if arguments.plot is not None:
        plot(results, arguments.plot)
    print(f"machine: {platform.machine()}, {physical_cores()} cores, {loaded.info.name}")
    print(json.dumps({"benchmark": "scheduler", "budget": BUDGET, "results": results}))


if __name__ == "__main__":
    main()
