"""Real typing against systems that offer ghost text after each key, 1 to 64 typists at once.

Every key is a request, and the typist's request before it is dropped at that moment: typists hang
up. All systems get the same keys at the same times, in real time and whether or not they keep up
(`replay_typists.py`), on the same GGUF file, threads, number of generated tokens and greedy choice
(`replay_clients.py`). Each runs in a process of its own and is warmed up first with other texts;
loading is not measured. transformers gets one typist only: a call of `generate` serves one
prompt at a time and cannot be stopped, so more typists would measure nothing but its queue.

Every key has one outcome, and only the first is an answer:

- *ready*: two characters or more (white space at the end aside) before the next key;
- *short*: a reply in time with less; *silent*: a reply in time that gives a reason for silence;
  *refused*: the system says that it is overloaded; *failed*: an error;
- *superseded*: nothing before the next key.

Figures, per system and number of typists:

1. *Milliseconds* from key to the first text that can be read (a streamed beginning, a ghost text
   that is shown before the model has answered), p50, p90, p99: over all keys, what is not ready
   being infinite; over the keys that needed the model (left out are those replied to with no token
   evaluated; no peer has any); and, in the JSON, `served_ms` from key to the last word of the
   system, over all answers that ever came, late ones too.
2. *Shares* of the outcomes, and the mean length of ready answers.
3. *Savings*: keystrokes saved by accepting what was ready, replayed afterwards.
4. *Work*: CPU seconds of the system's processes for 1,000 keys, and tokens evaluated for a key.
   llama-server's are its own count, which includes the last token of an answer, never evaluated.
5. *Lag*: p99 of how late the load generator itself was with a key; in the JSON, the cores it used.
   A row says so if other programs used the CPU: no figure holds then, as OpenMP's threads spin
   for one another (llama-server went from 82 % ready to none beside one busy core).

Run: `python benchmarks/replay.py [--typists 1,4,16,64] [--seconds 60] [--systems LIST]`;
`--plot FILE.svg` draws shares and milliseconds; `--python llama-server=PATH` names the interpreter
of an environment that has a peer's packages (llama-server: xllamacpp; transformers: torch,
transformers, gguf, accelerate). The last line is one JSON object, with null for what is infinite
or undefined.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import math
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
from replay_children import Child, MissingSystemError, Options
from replay_clients import OUTCOMES, Asked, client_of, type_all
from replay_typists import Corpora, Typist, savings, schedule

from tecla.machine import physical_cores
from tecla.models.resolve import resolve
from tecla.settings import load

CORPORA: Final = Path(__file__).resolve().parents[2] / "shared" / "corpora"
SYSTEMS: Final = ("tecla", "tecla-writer", "llama-server", "llama-server-deadline", "transformers")
MAX_TOKENS: Final = 8
WARM_UP_S: Final = 5.0
BUSY_CORES: Final = 0.1

Figures = dict[str, Any]


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time of a process and its children so far."""
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


def clocks(process: psutil.Process) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Seconds so far: wall time, CPU of a child, of this process and it, and of everything."""
    times = psutil.cpu_times()._asdict()
    waiting = ("idle", "iowait", "guest", "guest_nice")  # guests are part of the user's time
    busy_s = sum(seconds for name, seconds in times.items() if name not in waiting)
    mine_s = cpu_seconds(psutil.Process())
    return np.array([time.perf_counter(), cpu_seconds(process), mine_s, busy_s])


async def measure(
    system: str, python: str, options: Options, warm_up: list[Typist], typists: list[Typist]
) -> Figures:
    """Start a system, let the typists type, and end it."""
    child = Child(system, python, options)
    client = client_of(system, options)
    try:
        await client.connect((await child.ready())["port"], options.typists)
        process = psutil.Process(child.process.pid)
        await type_all(client, warm_up)
        started, tokens = clocks(process), await client.tokens()
        answers, lags_ms = await type_all(client, typists)
        wall_s, cpu_s, mine_s, busy_s = (clocks(process) - started).tolist()
        tokens = await client.tokens() - tokens
    except (psutil.Error, OSError) as error:
        raise MissingSystemError(f"died: {child.last_words()} ({error!r})") from None
    finally:
        await client.close()
        child.close()
    return figures(typists, answers, cpu_s, tokens) | {
        "lag_p99_ms": percentile(lags_ms, 99),
        "generator_cores": (mine_s - cpu_s) / wall_s,
        "other_cores": max(0.0, (busy_s - mine_s) / wall_s),
    }


def percentile(values: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile."""
    ranked = sorted(values)
    return ranked[math.ceil(percent / 100 * len(ranked)) - 1] if ranked else math.nan


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p90 and p99."""
    return {f"p{percent}": percentile(values, percent) for percent in (50, 90, 99)}


def figures(
    typists: list[Typist], answers: list[list[Asked]], cpu_s: float, tokens: int
) -> Figures:
    """Everything that is reported of one run."""
    keys = [asked for of_typist in answers for asked in of_typist]
    outcomes = [asked.outcome for asked in keys]
    texts = [asked.seen for asked in keys if asked.outcome == "ready"]
    used_model = [
        asked for asked in keys if asked.evaluated_tokens != 0 or asked.outcome == "superseded"
    ]
    saved = [
        savings(typist, {n: one.seen for n, one in enumerate(of) if one.outcome == "ready"})
        for typist, of in zip(typists, answers, strict=True)
    ]
    typed_chars = sum(each.typed_chars for each in saved)
    return {
        "keys": len(keys),
        "all_ms": percentiles([asked.ready_ms for asked in keys]),
        "model_ms": percentiles([asked.ready_ms for asked in used_model]),
        "served_ms": percentiles([asked.served_ms for asked in keys if asked.readable]),
        "shares": {name: outcomes.count(name) / len(keys) for name in OUTCOMES},
        "needed_model": len(used_model) / len(keys),
        "partial": sum(asked.partial for asked in keys) / len(keys),
        "failures": sorted({asked.failed for asked in keys if asked.failed}),
        "ready_chars": statistics.fmean(map(len, texts)) if texts else 0.0,
        "ready_words": statistics.fmean(len(text.split()) for text in texts) if texts else 0.0,
        "savings": sum(each.saved_keys for each in saved) / typed_chars,
        "accepted": sum(each.accepted for each in saved),
        "cpu_s_per_1000_keys": cpu_s / len(keys) * 1000,
        "tokens_per_key": tokens / len(keys),
    }


HEADER: Final = (
    f"{'system':<22}{'typists':>7} |{'p50':>7}{'p90':>7}{'p99':>7} ms |{'ready':>7}{'short':>7}"
    f"{'silent':>7}{'refus.':>7}{'failed':>7}{'supers.':>8} |{'chars':>6}{'words':>6} |"
    f"{'saved':>7} |{'CPU s/1k':>9}{'tok/key':>8} |"
    f" model {'p50':>6}{'p90':>7}{'p99':>7} ms | lag p99"
)


def row(system: str, n_typists: int, found: Figures) -> str:
    """One line of the table."""
    every, model, others = found["all_ms"], found["model_ms"], found["other_cores"]
    shares = "".join(f"{found['shares'][name]:>7.1%}" for name in OUTCOMES[:-1])
    return (
        f"{system:<22}{n_typists:>7} |{every['p50']:>7.1f}{every['p90']:>7.1f}{every['p99']:>7.1f}"
        f" ms |{shares}{found['shares']['superseded']:>8.1%} |{found['ready_chars']:>6.1f}"
        f"{found['ready_words']:>6.1f} |{found['savings']:>7.1%} |"
        f"{found['cpu_s_per_1000_keys']:>9.1f}{found['tokens_per_key']:>8.2f} |"
        f" model {model['p50']:>6.1f}{model['p90']:>7.1f}{model['p99']:>7.1f} ms |"
        f"{found['lag_p99_ms']:>6.1f}"
        + (f" | others used {others:.1f} cores" if others > BUSY_CORES else "")
    )


def finite(value: Any) -> Any:
    """`value` with None for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: finite(each) for name, each in value.items()}
    if isinstance(value, list):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def draw(results: list[Figures], file: Path) -> None:
    """Ready share against typists, and p50 and p99 as bars, infinite ones hatched."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    figure, (left, right) = importlib.import_module("matplotlib.pyplot").subplots(
        1, 2, figsize=(11, 4.2), layout="constrained"
    )
    systems = list(dict.fromkeys(found["system"] for found in results))
    counts = sorted({found["typists"] for found in results})
    times = [found["all_ms"][name] for found in results for name in ("p50", "p99")]
    top = 3 * max([time_ms for time_ms in times if math.isfinite(time_ms)], default=1000)
    width = 0.8 / len(systems)
    for index, system in enumerate(systems):
        own = [found for found in results if found["system"] == system]
        shares = [100 * found["shares"]["ready"] for found in own]
        left.plot([f["typists"] for f in own], shares, "o-", color=f"C{index}", label=system)
        for found in own:
            at = counts.index(found["typists"]) + (index - (len(systems) - 1) / 2) * width
            for name, alpha in (("p99", 0.35), ("p50", 1.0)):
                height = found["all_ms"][name]
                endless = not math.isfinite(height)
                right.bar(
                    at,
                    top if endless else height,
                    width * 0.9,
                    color="none" if endless else f"C{index}",
                    edgecolor=f"C{index}",
                    hatch=("//" if name == "p99" else "xx") if endless else None,
                    alpha=alpha,
                )
    left.set(xscale="log", xlabel="typists at once", ylim=(0, 103))
    left.set_ylabel("keys with an answer before the next key, %")
    left.set_xticks(counts, [str(count) for count in counts])
    left.minorticks_off()
    left.legend(frameon=False)
    right.set(yscale="log", xlabel="typists at once (p50 full, p99 pale, infinite hatched)")
    right.set(ylabel="ms from key to answer", ylim=(0.1, top))
    right.set_xticks(range(len(counts)), [str(count) for count in counts])
    figure.savefig(file, metadata={"Date": None})


def arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--typists", default="1,4,16,64")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--systems", default="tecla,llama-server,transformers")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--kv-tokens", type=int, default=16384, help="of tecla")
    parser.add_argument("--deadline-ms", type=int, default=150)
    parser.add_argument("--min-probability", type=float, default=0.1, help="of tecla")
    parser.add_argument("--tolerance", type=float, default=0.01, help="of tecla's caret")
    parser.add_argument("--python", action="append", default=[], metavar="SYSTEM=PATH")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    found = parser.parse_args()
    if unknown := set(found.systems.split(",")) - set(SYSTEMS):
        parser.error(f"unknown systems {sorted(unknown)}; there are {', '.join(SYSTEMS)}")
    return found


def main() -> None:
    """Run every system with every number of typists, and print the figures."""
    options = arguments()
    if not options.corpora.is_dir():
        print(f"no corpora in {options.corpora}; --corpora names their folder")
        print(json.dumps({"benchmark": "replay", "missing": "corpora"}))
        return
    corpora = Corpora(options.corpora, options.split)
    paths = load().settings.paths
    model = resolve("default", models_dir=paths.models_dir, cache_dir=paths.cache_dir)
    pythons = dict(each.split("=", 1) for each in options.python)
    pythons.setdefault("llama-server-deadline", pythons.get("llama-server", sys.executable))
    results, missing = list[Figures](), list[Figures]()
    print(HEADER)
    for count in map(int, options.typists.split(",")):
        warm_up = [schedule(corpora, options.seed + 1, n, WARM_UP_S) for n in range(count)]
        typists = [schedule(corpora, options.seed, n, options.seconds) for n in range(count)]
        chosen = Options(
            model=str(model.path),
            threads=options.threads,
            typists=count,
            max_tokens=MAX_TOKENS,
            deadline_ms=options.deadline_ms,
            kv_tokens=options.kv_tokens,
            min_probability=options.min_probability,
            tolerance=options.tolerance,
        )
        for system in options.systems.split(","):
            if system == "transformers" and count > 1:
                continue
            python = pythons.get(system, sys.executable)
            try:
                found = asyncio.run(measure(system, python, chosen, warm_up, typists))
            except MissingSystemError as error:
                missing.append({"system": system, "typists": count, "why": str(error)})
                print(f"{system:<22}{count:>7} | not measured: {error}", flush=True)
                continue
            results.append({"system": system, "typists": count, **found})
            print(row(system, count, found), flush=True)
    if options.plot and results:
        draw(results, options.plot)
    print(
        f"machine: {platform.machine()}, {physical_cores()} cores, {options.threads} threads; "
        f"{model.name}; {options.seconds:g} s, split {options.split}, seed {options.seed}"
    )
    names = [
        "seconds", "seed", "split", "threads", "kv_tokens", "deadline_ms", "min_probability",
        "tolerance",
    ]  # fmt: skip
    about = {name: getattr(options, name) for name in names} | {"model": model.name}
    found = {"missing": missing, "results": finite(results)}
    print(json.dumps({"benchmark": "replay", **about, **found}))


if __name__ == "__main__":
    main()
