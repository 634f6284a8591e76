"""Which KV layout: what a step costs beside neighbours, and what a fork costs.

Four layouts of llama.cpp, on the embedded default model: unified (all sequences in one buffer,
forks share cells) or separate streams (one buffer a sequence, a fork copies), each with and
without flash attention. For each:

1. *Step*: one token appended to a sequence of 100 tokens while others hold 0, 4,000 or 30,000
   tokens, in sequences of 1,000 (one is evaluated, its state is restored into the rest).
   Medians over the rounds.
2. *Step at length*: one token appended to a sequence of 1,000, beside no neighbour.
3. *Fork*: a copy of a 500-token sequence and one token appended to the copy, less a step alone.
4. *Prefill*: 256 tokens into an empty sequence, beside no neighbour.
5. *State*: 1,000 tokens saved and restored.

Run: `python benchmarks/kv_layout.py [--rounds N]`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import statistics
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from tecla.engines.factory import open_model
from tecla.engines.llama import LlamaEngine
from tecla.engines.native import native
from tecla.machine import physical_cores
from tecla.settings import load

NEIGHBOURS = (0, 4000, 30000)
_PART = 1000  # tokens of one neighbouring sequence
_TYPIST, _FORK, _FIRST_NEIGHBOUR = 0, 1, 2
_SEQUENCES = _FIRST_NEIGHBOUR + max(NEIGHBOURS) // _PART
_BATCH = 512


class Layout:
    """One native context; sequence 0 is the typist, 1 a fork of it, the others neighbours."""

    def __init__(self, model: Any, *, unified: bool, flash: bool) -> None:
        """Make the context and find its memory."""
        self.name = f"{'unified' if unified else 'streams'}{', flash' if flash else ''}"
        params = native.llama_context_default_params()
        params.n_ctx = max(NEIGHBOURS) + 2048 if unified else _SEQUENCES * 1280
        params.n_batch, params.n_ubatch, params.n_seq_max = _BATCH, 256, _SEQUENCES
        params.n_threads = params.n_threads_batch = physical_cores()
        params.flash_attn_type = (
            native.LLAMA_FLASH_ATTN_TYPE_ENABLED if flash else native.LLAMA_FLASH_ATTN_TYPE_DISABLED
        )
        params.kv_unified = unified
        params.no_perf = True
        self._context = native.llama_init_from_model(model, params)
        self._memory = native.llama_get_memory(self._context)
        self._batch = native.llama_batch_init(_BATCH, 0, 1)
        self._lengths = [0] * _SEQUENCES

    def append(self, sequence: int, tokens: Sequence[int]) -> None:
        """Evaluate `tokens` behind what `sequence` holds."""
        for at in range(0, len(tokens), _BATCH):
            chunk = tokens[at : at + _BATCH]
            self._batch.n_tokens = len(chunk)
            for index, token in enumerate(chunk):
                self._batch.token[index] = token
                self._batch.pos[index] = self._lengths[sequence] + index
                self._batch.n_seq_id[index] = 1
                self._batch.seq_id[index][0] = sequence
                self._batch.logits[index] = index == len(chunk) - 1
            assert native.llama_decode(self._context, self._batch) == 0
            self._lengths[sequence] += len(chunk)
        native.llama_synchronize(self._context)

    def cut(self, sequence: int, length: int) -> None:
        """Keep the first `length` tokens of `sequence`."""
        native.llama_memory_seq_rm(self._memory, sequence, length, -1)
        self._lengths[sequence] = min(length, self._lengths[sequence])

    def fork(self, source: int, target: int) -> None:
        """Make `target` hold what `source` holds."""
        native.llama_memory_seq_cp(self._memory, source, target, -1, -1)
        self._lengths[target] = self._lengths[source]

    def save(self, sequence: int) -> Any:
        """The state of `sequence` as a native buffer."""
        size = native.llama_state_seq_get_size(self._context, sequence)
        buffer = (ctypes.c_uint8 * size)()
        native.llama_state_seq_get_data(self._context, buffer, size, sequence)
        return buffer

    def restore(self, sequence: int, state: Any, length: int) -> None:
        """Make `sequence` hold a saved state of `length` tokens."""
        assert native.llama_state_seq_set_data(self._context, state, len(state), sequence)
        self._lengths[sequence] = length

    def close(self) -> None:
        """Free the context."""
        native.llama_batch_free(self._batch)
        native.llama_free(self._context)


def milliseconds(job: Any) -> float:
    """How long `job` takes."""
    started = time.perf_counter()
    job()
    return (time.perf_counter() - started) * 1000


def steps(layout: Layout, sequence: int, length: int, count: int) -> list[float]:
    """Milliseconds of single steps behind the first `length` tokens of `sequence`."""
    found = [milliseconds(lambda: layout.append(sequence, [100])) for _ in range(count)]
    layout.cut(sequence, length)
    return found


def fork_and_step(layout: Layout) -> None:
    """Fork the typist's sequence and append a token to the fork."""
    layout.fork(_TYPIST, _FORK)
    layout.append(_FORK, [100])


def fork_cost(layout: Layout, rounds: int) -> float:
    """Milliseconds a fork of 500 tokens adds to the step that follows it."""
    forked, alone = [], []
    for _ in range(rounds + 1):
        alone += steps(layout, _TYPIST, 500, 1)
        forked.append(milliseconds(lambda: fork_and_step(layout)))
        layout.cut(_FORK, 0)
    return statistics.median(forked[1:]) - statistics.median(alone[1:])


def measure(layout: Layout, text: list[int], rounds: int) -> dict[str, float]:
    """All figures of one layout."""
    figures: dict[str, float] = {}
    prefill = []
    for _ in range(4):
        prefill.append(milliseconds(lambda: layout.append(_TYPIST, text[:256])))
        layout.cut(_TYPIST, 0)
    figures["prefill_256_ms"] = statistics.median(prefill[1:])
    layout.append(_TYPIST, text[:500])
    figures["fork_500_ms"] = fork_cost(layout, rounds)
    layout.append(_TYPIST, text[500:_PART])
    figures["step_at_1000_ms"] = statistics.median(steps(layout, _TYPIST, _PART, rounds))
    state = layout.save(_TYPIST)
    figures["save_1000_ms"] = milliseconds(lambda: layout.save(_TYPIST))
    layout.cut(_TYPIST, 0)
    figures["restore_1000_ms"] = milliseconds(lambda: layout.restore(_TYPIST, state, _PART))
    layout.cut(_TYPIST, 0)
    layout.append(_TYPIST, text[:100])
    held = 0
    for neighbour in NEIGHBOURS:
        while held < neighbour:
            layout.restore(_FIRST_NEIGHBOUR + held // _PART, state, _PART)
            held += _PART
        figures[f"step_beside_{neighbour}_ms"] = statistics.median(
            steps(layout, _TYPIST, 100, rounds)
        )
    return figures


def main() -> None:
    """Measure every layout and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=12)
    rounds = parser.parse_args().rounds
    loaded = open_model(load({"context_tokens": 64, "kv_tokens": 256}).settings)
    assert isinstance(loaded.engine, LlamaEngine)
    model = loaded.engine.model.handle
    text = np.random.default_rng(7).integers(1000, 40000, _PART).tolist()
    results: dict[str, dict[str, float]] = {}
    for unified in (True, False):
        for flash in (False, True):
            layout = Layout(model, unified=unified, flash=flash)
            figures = results[layout.name] = measure(layout, text, rounds)
            layout.close()
            print(layout.name, {key: round(value, 2) for key, value in figures.items()}, flush=True)
    loaded.engine.close()
    print(f"machine: {platform.machine()}, {physical_cores()} cores, {loaded.info.name}")
    print(json.dumps({"benchmark": "kv_layout", "results": results}))


if __name__ == "__main__":
    main()
