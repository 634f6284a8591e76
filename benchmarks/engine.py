"""How much tecla's decoding costs over llama.cpp itself, and what a half-typed word costs.

Two figures, on the embedded default model, all in one process and on the same threads:

1. *Greedy loop*: tokens per second of tecla (scheduler, exact caret, canonical checks, word ends,
   text assembly) over tokens per second of the barest loop one can write on llama.cpp: one
   `llama_decode` a token and an argmax over its logits. Both start from the same prompt and
   produce the same number of tokens, in turns, so that a noisy machine hits both. The ratio is
   the median over the rounds; 1 would be no overhead at all.
2. *First token*: time until the first token of a suggestion is known, prompt evaluation
   included, for prompts that end with a half-typed word and the same prompts that end with the
   word finished; with the caret nodes evaluated for each. The ratio of the medians says what
   exactness in the middle of a word costs.

Run: `python benchmarks/engine.py [--rounds N] [--tokens N]`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import statistics
import time

import numpy as np

from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.factory import LoadedModel, open_model
from tecla.engines.llama import LlamaEngine
from tecla.engines.native import native
from tecla.engines.sampling import GREEDY
from tecla.machine import physical_cores
from tecla.settings import load
from tecla.suggest.suggester import Suggester
from tecla.text.context import Context

PROMPT = "The history of the lighthouse begins in the year"
WORDS = [
    ("The future of artif", "The future of artificial"),
    ("Please let me know if you have any que", "Please let me know if you have any questions"),
    ("I am looking forw", "I am looking forward"),
    ("She said that she would th", "She said that she would think"),
    ("The results of the experi", "The results of the experiment"),
    ("We would like to inv", "We would like to invite"),
    ("Thank you very mu", "Thank you very much"),
    ("It was a dark and sto", "It was a dark and stormy"),
    ("Muchas gracias por su ay", "Muchas gracias por su ayuda"),
    ("The government announced a new pol", "The government announced a new policy"),
]


class BareLoop:
    """The least code that decodes greedily on llama.cpp."""

    def __init__(self, loaded: LoadedModel) -> None:
        params = native.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = 2048, 512, 256
        params.n_threads = params.n_threads_batch = physical_cores()
        params.flash_attn_type = native.LLAMA_FLASH_ATTN_TYPE_AUTO
        params.no_perf = True
        engine = loaded.engine
        assert isinstance(engine, LlamaEngine)
        self._n_vocab = engine.n_vocab
        self._context = native.llama_init_from_model(engine.model.handle, params)

    def run(self, prompt: list[int], n_tokens: int) -> float:
        """Seconds for `n_tokens` decode steps after the prompt is evaluated."""
        native.llama_memory_clear(native.llama_get_memory(self._context), True)
        ids = (native.llama_token * len(prompt))(*prompt)
        native.llama_decode(self._context, native.llama_batch_get_one(ids, len(prompt)))
        one = (native.llama_token * 1)()
        started = time.perf_counter()
        for _ in range(n_tokens):
            logits = native.llama_get_logits_ith(self._context, -1)
            row = np.ctypeslib.as_array(
                ctypes.cast(logits, ctypes.POINTER(ctypes.c_float)), shape=(self._n_vocab,)
            )
            one[0] = int(row.argmax())
            native.llama_decode(self._context, native.llama_batch_get_one(one, 1))
        native.llama_synchronize(self._context)
        return time.perf_counter() - started

    def close(self) -> None:
        """Free the context."""
        native.llama_free(self._context)


def complete(suggester: Suggester, text: str, n_tokens: int) -> tuple[float, Completed]:
    """Seconds and answer of one greedy request."""
    request = Request(Context(text), GREEDY, Stopping(max_tokens=n_tokens))
    started = time.perf_counter()
    completed = suggester.complete([request])[0]
    return time.perf_counter() - started, completed


def greedy_ratio(
    loaded: LoadedModel, suggester: Suggester, rounds: int, n_tokens: int
) -> dict[str, float]:
    """Tokens per second of both loops and their ratio, medians over the rounds."""
    bare = BareLoop(loaded)
    prompt = [loaded.tokenizer.start_id or 0, *loaded.tokenizer.encode(PROMPT.encode())]
    bare.run(prompt, 8)
    complete(suggester, PROMPT, 8)
    ratios, ours_ms, bare_ms = [], [], []
    for _ in range(rounds):
        bare_s = bare.run(prompt, n_tokens)
        # A token more than the first one costs a step: subtract the run of one token.
        first_s, _ = complete(suggester, PROMPT, 1)
        whole_s, answer = complete(suggester, PROMPT, n_tokens + 1)
        steps = answer.continuations[0].n_tokens - 1
        ours = (whole_s - first_s) / steps
        ratios.append(bare_s / n_tokens / ours)
        ours_ms.append(ours * 1000)
        bare_ms.append(bare_s / n_tokens * 1000)
    bare.close()
    return {
        "ratio": statistics.median(ratios),
        "ratio_min": min(ratios),
        "ratio_max": max(ratios),
        "tecla_ms_per_token": statistics.median(ours_ms),
        "bare_ms_per_token": statistics.median(bare_ms),
    }


def first_token(suggester: Suggester, rounds: int) -> dict[str, float]:
    """Time to the first token for half-typed and finished words, and the nodes it took."""
    half_ms, finished_ms, half_nodes, finished_nodes, ratios = [], [], [], [], []
    for _ in range(rounds):
        for half, finished in WORDS:
            half_s, half_answer = complete(suggester, half, 1)
            finished_s, finished_answer = complete(suggester, finished, 1)
            half_ms.append(half_s * 1000)
            finished_ms.append(finished_s * 1000)
            ratios.append(half_s / finished_s)
            half_nodes.append(half_answer.caret.evaluated_nodes)
            finished_nodes.append(finished_answer.caret.evaluated_nodes)
    return {
        "half_typed_ms": statistics.median(half_ms),
        "finished_ms": statistics.median(finished_ms),
        "half_over_finished": statistics.median(ratios),
        "half_typed_nodes": statistics.fmean(half_nodes),
        "finished_nodes": statistics.fmean(finished_nodes),
    }


def main() -> None:
    """Run both measurements and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tokens", type=int, default=64)
    arguments = parser.parse_args()
    loaded = open_model(load().settings)
    suggester = Suggester(loaded)
    greedy = greedy_ratio(loaded, suggester, arguments.rounds, arguments.tokens)
    first = first_token(suggester, max(3, arguments.rounds // 2))
    suggester.close()
    print(f"machine       {platform.machine()}, {physical_cores()} cores, {loaded.info.name}")
    print(
        f"greedy loop   {greedy['ratio']:.3f} of the bare loop's tokens per second "
        f"({greedy['ratio_min']:.3f} to {greedy['ratio_max']:.3f}; "
        f"{greedy['tecla_ms_per_token']:.2f} against {greedy['bare_ms_per_token']:.2f} ms)"
    )
    print(
        f"first token   half-typed {first['half_typed_ms']:.1f} ms "
        f"({first['half_typed_nodes']:.1f} nodes), "
        f"finished {first['finished_ms']:.1f} ms ({first['finished_nodes']:.1f} nodes), "
        f"ratio {first['half_over_finished']:.2f}"
    )
    print(json.dumps({"benchmark": "engine", "greedy": greedy, "first_token": first}))


if __name__ == "__main__":
    main()
