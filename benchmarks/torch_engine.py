"""The transformers engine against `generate()`, llama.cpp and what the memory allows.

One run, one process, the same weights, in turns so that a noisy machine hits all alike:

With one thread on a processor (`--threads 1`) time is what the process computed, so that other
programs weigh less; else it is the time that passed.

1. *Decode*: milliseconds of a step of so many sequences, on this engine, in `generate()` of
   transformers (fused attention, its own cache), and on a processor on the llama.cpp engine with
   the file as shipped. The *floor* is the time in which the memory can be read that a step must
   read: all weights once and the keys and values of every sequence, at the bandwidth measured in
   this run by a product of a large matrix with a vector.
2. *Precision*: the same steps on this engine and in `generate()` in every precision there is for
   the device, and with `--compile` the model's own code compiled by PyTorch, which takes minutes
   and a C++ compiler.
3. *Prefill*: tokens per second of one text of 512 tokens.
4. *Keystrokes*: a text is typed key by key and every key asks for eight tokens: in a session of
   tecla, which keeps what it knows, and with the plain code of tutorials, which calls `generate()`
   for every key.
5. *Together*: suggestions per second of so many texts at once through the whole scheduler.
6. *Profile*, on CUDA: where the time between the floor and a decode step goes.

Run: `python benchmarks/torch_engine.py [--model NAME] [--device cuda:0] [--dtype float16]`, or with
`--model gpt2-random` for a GPT-2 of 124 million random weights; `--parts decode keystrokes` runs
some of it. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_model
from transformers import AutoConfig, AutoModelForCausalLM, StaticCache

from tecla.decode.request import Request, Stopping
from tecla.engines.base import Engine, Feed
from tecla.engines.factory import LoadedModel, open_model
from tecla.engines.sampling import GREEDY
from tecla.engines.torch_attention import NAME
from tecla.engines.torch_engine import TorchEngine
from tecla.machine import physical_cores
from tecla.settings import Settings, load
from tecla.suggest.suggester import Suggester
from tecla.text.context import Context

RANDOM_GPT2 = "gpt2-random"
TEXT = (
    "Thank you for your letter of the third. I have read it with great interest, and I would "
    "like to answer your questions one by one, as far as I am able to. "
)
PARTS = ("decode", "precision", "prefill", "keystrokes", "together", "profile")
PROMPT_TOKENS, PREFILL_TOKENS, ANSWER_TOKENS = 100, 512, 8


def settings_for(
    model: str, engine: str, arguments: argparse.Namespace, dtype: str | None = None
) -> Settings:
    """Room for the largest batch, on the device and in the precision that were asked for."""
    most = max(arguments.sequences)
    return load({
        "model": model,
        "engine": engine,
        "device": arguments.device,
        "dtype": dtype or arguments.dtype,
        "threads": arguments.threads,
        "context_tokens": 1024,
        "kv_tokens": max(4096, most * 256),
        "slots": max(16, min(256, most)),
    }).settings  # fmt: skip


def write_random_gpt2(folder: Path) -> Path:
    """GPT-2's smallest size with random weights and the default model's tokenizer."""
    from tecla.engines.torch_convert import converted
    from tecla.models.resolve import resolve

    paths = load().settings.paths
    found = resolve("default", models_dir=paths.models_dir, cache_dir=paths.cache_dir)
    source = converted(found.path, paths.cache_dir, found.name)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    factory: Any = AutoModelForCausalLM
    torch.manual_seed(0)
    model = factory.from_config(AutoConfig.for_model("gpt2"), dtype=torch.float16)
    save_model(model, str(folder / "model.safetensors"), metadata={"format": "pt"})
    model.config.save_pretrained(folder)
    return folder


def now_s() -> float:
    """A stopwatch: with one thread on a processor the time this process computed."""
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    return time.process_time() if alone else time.perf_counter()


def synchronise(device: torch.device) -> None:
    """Wait for the device."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bandwidth_bytes_per_s(device: torch.device, dtype: torch.dtype, rounds: int) -> float:
    """How fast memory is read by a product with a vector; the best of some rounds."""
    rows = 20_000 if device.type == "cpu" else 100_000
    matrix = torch.ones((rows, 4096), dtype=dtype, device=device)
    vector = torch.ones(4096, dtype=dtype, device=device)
    best = 0.0
    for _ in range(rounds + 2):
        synchronise(device)
        started = now_s()
        matrix.mv(vector)
        synchronise(device)
        best = max(best, matrix.nbytes / (now_s() - started))
    return best


def engine_step_s(engine: Engine, ids: Sequence[int], n: int, steps: int) -> float:
    """Seconds of a greedy step of `n` sequences on an engine."""
    for slot in range(n):
        engine.eval([Feed(slot, ids, 0)])
    tokens = [ids[-1]] * n
    started = 0.0
    for step in range(steps + 2):
        if step == 2:  # after what happens once
            started = now_s()
        scores = engine.eval([Feed(slot, [token]) for slot, token in enumerate(tokens)])
        tokens = scores.top_k(1).ids[:, 0].tolist()
    elapsed_s = now_s() - started
    for slot in range(n):
        engine.clear(slot)
    return elapsed_s / steps


def generate(module: Any, ids: torch.Tensor, n_tokens: int) -> torch.Tensor:
    """Exactly `n_tokens` greedy tokens by the library's own loop, attention and cache."""
    module.set_attn_implementation("sdpa")
    try:
        found: torch.Tensor = module.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            min_new_tokens=n_tokens,
            max_new_tokens=n_tokens,
            pad_token_id=0,
        )
        return found
    finally:
        module.set_attn_implementation(NAME)


def generate_step_s(engine: TorchEngine, ids: Sequence[int], n: int, steps: int) -> float:
    """Seconds of a step of `generate`: of a long run less a short one."""
    module, device = engine.model.module, engine.model.device
    batch = torch.tensor([list(ids)] * n, device=device)
    seconds = []
    for n_tokens in (2, 2, steps + 2):  # the first warms up
        synchronise(device)
        started = now_s()
        generate(module, batch, n_tokens)
        synchronise(device)
        seconds.append(now_s() - started)
    return (seconds[2] - seconds[1]) / steps


def decode(
    ours: TorchEngine, llama: Engine | None, ids: list[int], arguments: argparse.Namespace
) -> list[dict[str, float]]:
    """Milliseconds a step for each number of sequences, medians over the rounds."""
    model = ours.model
    read_bytes = sum(weight.nbytes for weight in model.module.parameters())
    found = []
    for n in arguments.sequences:
        contenders: dict[str, Callable[[], float]] = {
            "tecla": partial(engine_step_s, ours, ids, n, arguments.steps),
            "generate": partial(generate_step_s, ours, ids, n, arguments.steps),
        }
        if llama is not None:
            contenders["llama"] = partial(engine_step_s, llama, ids, n, arguments.steps)
        rounds = [
            {name: run() for name, run in contenders.items()} for _ in range(arguments.rounds)
        ]
        speed = bandwidth_bytes_per_s(model.device, model.dtype, arguments.rounds)
        floor = (read_bytes + n * len(ids) * model.kv_bytes_per_token) / speed
        row: dict[str, float] = {"sequences": n, "floor_ms": floor * 1000}
        for name in contenders:
            row[f"{name}_ms"] = statistics.median(each[name] for each in rounds) * 1000
        row["generate_over_tecla"] = statistics.median(
            each["generate"] / each["tecla"] for each in rounds
        )
        found.append(row)
        print("decode", {name: round(value, 3) for name, value in row.items()}, flush=True)
    return found


def prefill_tokens_per_s(engine: TorchEngine, ids: Sequence[int], rounds: int) -> float:
    """Tokens per second of one long text, the median."""
    seconds = []
    for _ in range(rounds + 1):
        started = now_s()
        for at in range(0, len(ids), engine.batch_tokens):
            chunk = ids[at : at + engine.batch_tokens]
            scores = engine.eval([Feed(0, chunk, 1)])
        scores.top_k(1)
        seconds.append(now_s() - started)
        engine.clear(0)
    return len(ids) / statistics.median(seconds[1:])


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """The middle and the end of a distribution."""
    ordered = sorted(seconds)
    return {
        "p50_ms": statistics.median(ordered) * 1000,
        "p99_ms": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] * 1000,
    }


def keystrokes(suggester: Suggester, engine: TorchEngine, n_keys: int) -> dict[str, Any]:
    """Latency of every key: in a session, and by the plain code of tutorials."""
    ours, plain = [], []
    with suggester.session() as session:
        for end in range(20, 20 + n_keys):
            started = now_s()
            session.suggest(TEXT[:end], deadline_ms=None, max_tokens=ANSWER_TOKENS)
            ours.append(now_s() - started)
    for end in range(20, 20 + n_keys):
        started = now_s()
        ids = suggester.tokenizer.encode(TEXT[:end].encode())
        batch = torch.tensor([ids], device=engine.model.device)
        generate(engine.model.module, batch, ANSWER_TOKENS).tolist()
        plain.append(now_s() - started)
    return {"tecla": percentiles_ms(ours), "plain": percentiles_ms(plain)}


def together_per_s(suggester: Suggester, n: int) -> float:
    """Suggestions per second of `n` different texts at once."""
    texts = [f"{number} {TEXT}{TEXT[: 20 + number % 60]}" for number in range(n)]
    requests = [
        Request(Context(text), GREEDY, Stopping(max_tokens=ANSWER_TOKENS)) for text in texts
    ]
    started = now_s()
    suggester.complete(requests)
    return n / (now_s() - started)


def profile(engine: TorchEngine, ids: Sequence[int]) -> str:
    """Where a decode step of one sequence goes, kernel by kernel."""
    engine.eval([Feed(0, ids, 0)])
    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profiler:
        for _ in range(5):
            engine.eval([Feed(0, [ids[-1]])]).top_k(1)
    engine.clear(0)
    table: str = profiler.key_averages().table(sort_by="cuda_time_total", row_limit=15)
    return table


def compiled_step_s(engine: TorchEngine, ids: Sequence[int], n: int, steps: int) -> float:
    """Seconds of a step of the library's own code, compiled whole, over its static cache."""
    module, device = engine.model.module, engine.model.device
    module.set_attn_implementation("sdpa")
    length = len(ids) + steps + 3
    try:
        with torch.inference_mode():
            make_cache: Any = StaticCache  # not annotated
            cache = make_cache(config=module.config, max_cache_len=length)
            module(torch.tensor([list(ids)] * n, device=device), past_key_values=cache)
            run: Any = torch.compile(module.forward, dynamic=False)
            tokens = torch.full((n, 1), ids[-1], device=device)
            started = 0.0
            for step in range(steps + 3):
                if step == 3:  # after it was compiled
                    started = now_s()
                logits = run(tokens, past_key_values=cache, use_cache=True).logits
                tokens = logits[:, -1].argmax(-1, keepdim=True)
            synchronise(device)
        return (now_s() - started) / steps
    finally:
        module.set_attn_implementation(NAME)


def precisions(
    ids: list[int], arguments: argparse.Namespace, device: torch.device
) -> list[dict[str, float]]:
    """Milliseconds a step in every precision, ours and that of `generate`, and compiled."""
    kinds = ("float32", "bfloat16", "int8" if device.type == "cpu" else "float16")
    model = "default" if arguments.model == RANDOM_GPT2 else arguments.model
    engines: dict[str, TorchEngine] = {}
    for kind in kinds:
        engine = open_model(settings_for(model, "torch", arguments, kind)).engine
        assert isinstance(engine, TorchEngine)
        engines[kind] = engine
    contenders: dict[str, Callable[[int], float]] = {}
    for kind, engine in engines.items():
        contenders[f"tecla {kind}"] = partial(engine_step_s, engine, ids, steps=arguments.steps)
        if kind != "int8":
            contenders[f"generate {kind}"] = partial(
                generate_step_s, engine, ids, steps=arguments.steps
            )
    if arguments.compile:
        contenders["own code compiled"] = partial(
            compiled_step_s, engines["float32"], ids, steps=arguments.steps
        )
    found = []
    for n in arguments.sequences:
        rounds = [
            {name: run(n) for name, run in contenders.items()} for _ in range(arguments.rounds)
        ]
        row: dict[str, float] = {"sequences": n}
        for name in contenders:
            row[f"{name}_ms"] = statistics.median(each[name] for each in rounds) * 1000
        found.append(row)
        print("precision", {name: round(value, 2) for name, value in row.items()}, flush=True)
    for engine in engines.values():
        engine.close()
    return found


def measure(loaded: LoadedModel, settings: Settings, arguments: argparse.Namespace) -> None:
    """The parts that were asked for, on a loaded model."""
    engine, parts = loaded.engine, arguments.parts
    assert isinstance(engine, TorchEngine)
    device = engine.model.device
    tokens = loaded.tokenizer.encode((TEXT * 20).encode())
    ids = tokens[:PROMPT_TOKENS]
    place = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    print(f"machine {place}, {physical_cores()} cores, {loaded.info.name}, {engine.model.dtype}")
    result: dict[str, Any] = {
        "benchmark": "torch_engine", "device": place, "dtype": engine.model.precision,
        "model": loaded.info.name, "threads": arguments.threads,
    }  # fmt: skip
    if "decode" in parts:
        other = None
        if device.type == "cpu" and arguments.model == "default":
            other = open_model(settings_for("default", "llama", arguments)).engine
        result["decode"] = decode(engine, other, ids, arguments)
        if other is not None:
            other.close()
    if "precision" in parts:
        result["precision"] = precisions(ids, arguments, device)
    if "prefill" in parts:
        result["prefill_tokens_per_s"] = prefill_tokens_per_s(
            engine, tokens[:PREFILL_TOKENS], arguments.rounds
        )
        print(f"prefill {result['prefill_tokens_per_s']:.0f} tokens/s", flush=True)
    if "profile" in parts and device.type == "cuda":
        print(profile(engine, ids))
    suggester = Suggester(loaded, settings)
    if "keystrokes" in parts:
        result["keystrokes"] = keystrokes(suggester, engine, arguments.keys)
        print("keystrokes", result["keystrokes"], flush=True)
    if "together" in parts:
        result["suggestions_per_s"] = {n: together_per_s(suggester, n) for n in arguments.sequences}
        print("together", result["suggestions_per_s"], "suggestions/s")
    suggester.close()
    print(json.dumps(result))


def main() -> None:
    """Load the model, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="default")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--sequences", type=int, nargs="+")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--keys", type=int, default=60)
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    if arguments.sequences is None:
        on_gpu = arguments.device != "cpu" and torch.cuda.is_available()
        arguments.sequences = [1, 8, 32, 128] if on_gpu else [1, 4, 16]
    torch.set_num_threads(arguments.threads)  # of generate(), which has no say of its own
    with tempfile.TemporaryDirectory() as folder:
        name = arguments.model
        if name == RANDOM_GPT2:
            name = str(write_random_gpt2(Path(folder)))
        settings = settings_for(name, "torch", arguments)
        measure(open_model(settings), settings, arguments)


if __name__ == "__main__":
    main()
