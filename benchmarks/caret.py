"""What the exact caret reaches, what it leaves out, and what it costs, on real text.

For carets in the middle of words (at least one letter typed, at least one to come), seeded:

1. *Reachable*: the share of carets at which the text as it really goes on is among the
   continuations the method considers; beside it the same for two usual methods: the typed word's
   own tokens with any token behind them, and "token healing" (the last token taken back and the
   next one made to begin with its bytes).
2. *Non-canonical*: how much of the probability of what is typed is held by spellings that the
   tokenizer itself would not produce. The method leaves these out; every way to cut the typed
   word into tokens is evaluated to get the figure, on fewer carets.
3. *Work*: nodes evaluated and milliseconds for each caret, with 48 bytes of text before it.

Run: `python benchmarks/caret.py [FILE ...]`; without files, the sentences of the tests. A file
has one sentence a line. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from pathlib import Path

import numpy as np

from tecla.decode.prompt import Prompt
from tecla.decode.request import Request, Stopping
from tecla.decode.search import Search
from tecla.engines.base import Engine, Feed
from tecla.engines.factory import LoadedModel, open_model
from tecla.engines.sampling import GREEDY
from tecla.settings import load
from tecla.suggest.suggester import Suggester
from tecla.text.base import Tokenizer
from tecla.text.caret import plan_caret
from tecla.text.context import Context

DATA = Path(__file__).resolve().parent.parent / "tests" / "data"
SEED = 20
CARETS = 2000
SPELT_CARETS = 30
WORK_CARETS = 100
CONTEXT_BYTES = 48
NEGLIGIBLE = math.log(1e-5)  # a spelling this much rarer than the best is not followed


def mid_word_carets(lines: list[str]) -> list[tuple[str, int]]:
    """Every (line, char offset) with a letter on both sides."""
    return [
        (line, at)
        for line in lines
        for at in range(1, len(line))
        if line[at - 1].isalpha() and line[at].isalpha()
    ]


def reaches(tokenizer: Tokenizer, line: str, at: int) -> tuple[bool, bool, bool]:
    """Whether ours, own tokens and token healing reach the line's own tokens at a caret."""
    before = line[:at].encode()
    whole = tokenizer.encode(line.encode())
    position = count = 0
    while position + len(tokenizer.table.pieces[whole[count]]) <= len(before):
        position += len(tokenizer.table.pieces[whole[count]])
        count += 1
    true_path, crosses = whole[:count], position < len(before)
    plan = plan_caret(tokenizer, before)
    ours = any([*plan.head, *cut.path] == true_path for cut in plan.cuts)
    typed = tokenizer.encode(before)
    own = not crosses and typed == true_path
    healing = own or typed[:-1] == true_path
    return ours, own, healing


def exhaustive(engine: Engine, tokenizer: Tokenizer, before: str) -> tuple[Search, float]:
    """A caret search that leaves nothing out, and the log-probability of what is typed."""
    request = Request(Context(before), GREEDY, Stopping(max_tokens=1), tolerance=0.0)
    planned = Prompt(tokenizer, engine.context_tokens).plan(request.context)
    search = Search(request, planned, tokenizer, seed=0, context_tokens=engine.context_tokens)
    while search.is_ordered:
        path = search.wants()[0]
        engine.clear(0)
        search.take(path, engine.eval([Feed(0, [*search.head, *path])]), 0)
    assert search.distribution is not None
    return search, search.distribution.log_typed


def spelling_share(engine: Engine, tokenizer: Tokenizer, before: str) -> float:
    """Share of the typed text's probability that non-canonical spellings hold."""
    table = tokenizer.table
    search, canonical = exhaustive(engine, tokenizer, before)
    plan, head = search.plan, search.head
    engine.clear(0)
    if len(head) > 1:
        engine.eval([Feed(0, head[:-1], rows=0)])
    total = -math.inf
    frontier: list[tuple[tuple[int, ...], int, float]] = [((), 0, 0.0)]
    while frontier:
        path, done, logprob = frontier.pop()
        engine.fork(0, 1, len(head) - 1)
        row = engine.eval([Feed(1, [head[-1], *path])])
        rest = plan.tail[done:]
        beyond = row.gather(0, table.going_beyond(rest)).astype(np.float64) + logprob
        if len(beyond):
            total = float(np.logaddexp(total, np.logaddexp.reduce(beyond)))
        inside = [
            token
            for length in range(1, len(rest) + 1)
            for token in [table.exact(rest[:length])]
            if token is not None
        ]
        if inside:
            step = row.gather(0, np.array(inside, dtype=np.int32)).tolist()
            for token, value in zip(inside, step, strict=True):
                if logprob + value > max(total, canonical) + NEGLIGIBLE:
                    size = len(table.pieces[token])
                    frontier.append(((*path, token), done + size, logprob + value))
    engine.clear(0)
    engine.clear(1)
    return max(0.0, 1 - math.exp(canonical - total))


def measure(loaded: LoadedModel, suggester: Suggester, lines: list[str]) -> dict[str, float]:
    """All figures for one text."""
    generator = np.random.default_rng(SEED)
    carets = mid_word_carets(lines)
    order = generator.permutation(len(carets))
    chosen = [carets[index] for index in order[:CARETS]]
    found = np.array([reaches(loaded.tokenizer, line, at) for line, at in chosen])
    shares = [
        spelling_share(loaded.engine, loaded.tokenizer, line[max(0, at - CONTEXT_BYTES) : at])
        for line, at in chosen[:SPELT_CARETS]
    ]
    milliseconds, nodes = [], []
    for line, at in chosen[:WORK_CARETS]:
        request = Request(Context(line[max(0, at - CONTEXT_BYTES) : at]), GREEDY, Stopping(1))
        started = time.perf_counter()
        completed = suggester.complete([request])[0]
        milliseconds.append((time.perf_counter() - started) * 1000)
        nodes.append(completed.caret.evaluated_nodes)
    return {
        "carets": len(chosen),
        "reachable": float(found[:, 0].mean()),
        "reachable_own_tokens": float(found[:, 1].mean()),
        "reachable_token_healing": float(found[:, 2].mean()),
        "non_canonical_mean": statistics.fmean(shares),
        "non_canonical_median": statistics.median(shares),
        "non_canonical_max": max(shares),
        "nodes_mean": statistics.fmean(nodes),
        "ms_median": statistics.median(milliseconds),
    }


def main() -> None:
    """Measure every file and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path)
    files = parser.parse_args().files or [DATA / "english.txt", DATA / "spanish.txt"]
    loaded, suggester = open_model(load().settings), Suggester.open()
    results = {}
    for file in files:
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        figures = results[file.stem] = measure(loaded, suggester, lines)
        print(f"{file.stem}: {figures['carets']} mid-word carets")
        print(
            f"  reachable       {figures['reachable']:.2%} (own tokens "
            f"{figures['reachable_own_tokens']:.2%}, token healing "
            f"{figures['reachable_token_healing']:.2%})"
        )
        print(
            f"  non-canonical   mean {figures['non_canonical_mean']:.3%}, median "
            f"{figures['non_canonical_median']:.4%}, most {figures['non_canonical_max']:.2%}"
        )
        print(
            f"  work            {figures['nodes_mean']:.1f} nodes, "
            f"{figures['ms_median']:.0f} ms with {CONTEXT_BYTES} characters before the caret"
        )
    suggester.close()
    loaded.engine.close()
    print(json.dumps({"benchmark": "caret", "model": loaded.info.name, "results": results}))


if __name__ == "__main__":
    main()
