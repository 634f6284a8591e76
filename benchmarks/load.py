"""Many people typing at once against `tecla serve`, 10 to 200 of them, on the machine it runs on.

Open loop: every typist hits keys at human times (`replay_typists.py`) whether or not answers come,
at a text field that speaks the service's WebSocket protocol as the widget does (`load_field.py`).
The same typists type against the same service without its engine, against llama.cpp's own server,
and against a server that does nothing (`load_servers.py`). Server and typists
(`load_generator.py`) are processes of their own on the same cores; the CPU of each is told.

Columns, of all keys that were hit:

1. *suggestion*, *silence*: answered before the next key, by text or by a settled, calibrated
   silence; *refused*: by a code before the deadline; *overtaken*: by the next key, before the
   deadline; *missed*: nothing by the deadline; and errors, which are to be none.
2. *neural*: of what was answered, the share in which the model had its part.
3. *saved*: keystrokes saved by a typist who takes what was shown where that saves two keys
   (`replay_typists.py`); to be read beside that of `classical` in the same run.
4. *ms*: from key to answer over the keys that were sent and answered; the same over those for which
   the model's answer, or the predictors' in its place, was not known yet. In the JSON also over all
   keys, those without an answer being infinite.
5. *CPU s for 1,000 keys* of the server, its engine and the typists, and *memory* of the server and
   its engine.
6. *lag*: p99 of how late a key was hit. A row says so if other programs used the CPU: no figure
   holds then.

Run: `python benchmarks/load.py [--typists 10,50,100,200] [--seconds 30] [--servers LIST]`; `--plot
FILE.svg` draws shares, savings and milliseconds; `--python PATH` is the interpreter of an
environment with xllamacpp. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from load_field import OUTCOMES
from load_generator import Plan
from load_servers import SERVERS, started
from replay_children import MissingSystemError

from tecla.machine import physical_cores
from tecla.models.resolve import resolve
from tecla.scheduler.terms import DEADLINE_MS
from tecla.settings import load

CORPORA: Final = Path(__file__).resolve().parents[2] / "shared" / "corpora"
MAX_TOKENS: Final = 8
WARM_UP_S: Final = 6.0
BUSY_CORES: Final = 0.1
_GENERATOR: Final = Path(__file__).with_name("load_generator.py")
_SLACK_S: Final = 120.0

Figures = dict[str, Any]


def measure(server: str, model: Path, typists: int, options: argparse.Namespace) -> Figures:
    """Start a server, have the typists type, and end it."""
    with started(server, model, typists, options.python) as found:
        plan = Plan(
            port=found.port,
            is_llama=server == "llama-server",
            max_tokens=MAX_TOKENS,
            typists=typists,
            seconds=options.seconds,
            warm_up_s=WARM_UP_S,
            seed=options.seed,
            split=options.split,
            corpora=str(options.corpora),
            deadline_ms=DEADLINE_MS,
            processes=found.processes,
        )
        done = subprocess.run(
            [sys.executable, str(_GENERATOR), json.dumps(asdict(plan))],
            stdout=subprocess.PIPE,
            timeout=WARM_UP_S + options.seconds + _SLACK_S,
        )
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise MissingSystemError(f"the typists ended with status {done.returncode}")
    figures: Figures = json.loads(lines[-1])
    return figures


HEADER: Final = """\
| typists | server | suggestion | silence | refused | overtaken | missed | errors | neural | saved \
| ms p50, p95, p99 | model ms p50, p95, p99 | CPU s/1k keys: server, engine, typists \
| memory MB | lag ms |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


def row(typists: int, server: str, found: Figures) -> str:
    """One line of the table."""
    cpu, others = found["cpu_s_per_1000_keys"], found["other_cores"]
    cells = [
        str(typists),
        server,
        *(f"{found['shares'][name]:.1%}" for name in OUTCOMES if name != "failed"),
        str(found["errors"]),
        f"{found['neural']:.1%}",
        f"{found['savings']:.1%}",
        _times(found["answer_ms"]),
        _times(found["model_ms"]),
        ", ".join(f"{cpu[name]:.2f}" if name in cpu else "-" for name in _PROCESSES),
        f"{sum(found['memory_mb'].values()):.0f}",
        f"{found['lag_p99_ms']:.1f}",
    ]
    busy = f" others used {others:.1f} cores" if others > BUSY_CORES else ""
    return f"| {' | '.join(cells)} |{busy}"


_PROCESSES: Final = ("server", "engine", "generator")


def _times(found: dict[str, float | None]) -> str:
    return ", ".join("-" if value is None else f"{value:.1f}" for value in found.values())


def draw(results: list[Figures], file: Path) -> None:
    """Answered keys, savings and milliseconds against typists."""
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("svg")
    figure, axes = importlib.import_module("matplotlib.pyplot").subplots(
        1, 3, figsize=(13, 4.0), layout="constrained"
    )
    shown = [server for server in SERVERS if server != "nothing"]
    for index, server in enumerate(shown):
        own = [found for found in results if found["server"] == server]
        counts = [found["typists"] for found in own]
        styles: Figures = {"color": f"C{index}", "marker": "o", "label": server}
        axes[0].plot(counts, [100 * found["answered"] for found in own], **styles)
        axes[1].plot(counts, [100 * found["savings"] for found in own], **styles)
        for name, line in (("p50", "-"), ("p95", "--")):
            times = [found["answer_ms"][name] for found in own]
            axes[2].plot(counts, times, **{**styles, "label": f"{server} {name}"}, linestyle=line)
    axes[0].set(ylabel="keys answered before the next key, %", ylim=(0, 103))
    axes[1].set(ylabel="keystrokes saved, %", ylim=(0, None))
    axes[2].set(ylabel="ms from key to answer, of those that came", yscale="log")
    ticks = sorted({found["typists"] for found in results})
    for each in axes:
        each.set(xscale="log", xlabel="typists at once")
        each.set_xticks(ticks, [str(count) for count in ticks])
        each.minorticks_off()
        each.legend(frameon=False)
    figure.savefig(file, metadata={"Date": None})


def arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--typists", default="10,50,100,200")
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--split", choices=("dev", "test"), default="test")
    parser.add_argument("--corpora", type=Path, default=CORPORA)
    parser.add_argument("--python", default=sys.executable, help="that has xllamacpp")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    found = parser.parse_args()
    if unknown := set(found.servers.split(",")) - set(SERVERS):
        parser.error(f"unknown servers {sorted(unknown)}; there are {', '.join(SERVERS)}")
    return found


def main() -> None:
    """Run every server with every number of typists, and print the figures."""
    options = arguments()
    if not options.corpora.is_dir():
        print(f"no corpora in {options.corpora}; --corpora names their folder")
        print(json.dumps({"benchmark": "load", "missing": "corpora"}))
        return
    paths = load().settings.paths
    model = resolve("default", models_dir=paths.models_dir, cache_dir=paths.cache_dir)
    results, missing = list[Figures](), list[Figures]()
    print(HEADER, flush=True)
    for typists in map(int, options.typists.split(",")):
        for server in options.servers.split(","):
            try:
                found = measure(server, model.path, typists, options)
            except MissingSystemError as error:
                missing.append({"server": server, "typists": typists, "why": str(error)})
                print(f"| {typists} | {server} | not measured: {error} |", flush=True)
                continue
            results.append({"server": server, "typists": typists, **found})
            print(row(typists, server, found), flush=True)
    if options.plot and results:
        draw(results, options.plot)
    cores = physical_cores()
    print(f"\nmachine: {platform.machine()}, {cores} cores; {model.name}; {options.seconds:g} s")
    about = {name: getattr(options, name) for name in ("seconds", "seed", "split")}
    about |= {"cores": cores, "model": model.name, "max_tokens": MAX_TOKENS}
    print(json.dumps({"benchmark": "load", **about, "missing": missing, "results": results}))


if __name__ == "__main__":
    main()
