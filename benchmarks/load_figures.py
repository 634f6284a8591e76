"""What `load.py` reports of one run: what came of the keys, and what the processes took."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Sequence
from typing import Any

import psutil
from load_field import ANSWERED, OUTCOMES, Hit
from replay_typists import Typist, savings


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The nearest-rank percentile; `None` where it is infinite or there are no values."""
    ranked = sorted(values)
    found = ranked[math.ceil(percent / 100 * len(ranked)) - 1] if ranked else math.inf
    return found if math.isfinite(found) else None


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """p50, p95 and p99."""
    return {f"p{percent}": percentile(values, percent) for percent in (50, 95, 99)}


def figures(
    typists: Sequence[Typist], hits: Sequence[Sequence[Hit]], deadline_ms: float
) -> dict[str, Any]:
    """Everything that follows from what came of the keys."""
    keys = [hit for of_typist in hits for hit in of_typist]
    outcomes = [hit.outcome(deadline_ms / 1000) for hit in keys]
    answered = [hit for hit, one in zip(keys, outcomes, strict=True) if one in ANSWERED]
    asked = [hit for hit in answered if hit.is_sent]
    needed = [hit for hit in keys if hit.is_sent and hit.source in {"", "model", "classical"}]
    needed_ms = [hit.took_ms() for hit in needed]
    saved = [
        savings(typist, {n: hit.seen for n, hit in enumerate(of) if hit.seen.strip()})
        for typist, of in zip(typists, hits, strict=True)
    ]
    shown = [len(hit.seen) for hit in answered if hit.seen.strip()]
    sources = [hit.source for hit in answered]
    return {
        "keys": len(keys),
        "messages": sum(hit.is_sent for hit in keys),
        "shares": {name: outcomes.count(name) / len(keys) for name in OUTCOMES},
        "answered": len(answered) / len(keys),
        "neural": sum(hit.is_neural for hit in answered) / len(answered) if answered else 0.0,
        "sources": {name: sources.count(name) / len(keys) for name in sorted(set(sources))},
        "silences": {
            name: sum(hit.silence == name and not hit.seen for hit in answered) / len(keys)
            for name in sorted({hit.silence for hit in answered if hit.silence})
        },
        "shown_chars": statistics.fmean(shown) if shown else 0.0,
        "savings": sum(one.saved_keys for one in saved) / sum(one.typed_chars for one in saved),
        "answer_ms": percentiles([hit.took_ms() for hit in asked]),
        "all_ms": percentiles([hit.took_ms() for hit in keys]),
        "model_ms": percentiles([ms for ms in needed_ms if math.isfinite(ms)]),
        "needed_model": len(needed) / len(keys),
        "errors": outcomes.count("failed"),
        "failures": sorted({hit.failed for hit in keys if hit.failed}),
    }


class Meter:
    """CPU seconds and memory of processes that are named."""

    def __init__(self, processes: dict[str, int]) -> None:
        """Begin to count."""
        self._processes = {name: psutil.Process(number) for name, number in processes.items()}
        self._began = self._seconds()
        self._wall_s = time.perf_counter()

    def read(self, keys: int) -> dict[str, Any]:
        """CPU seconds for 1,000 keys and cores used since it was made, and memory now."""
        wall_s = time.perf_counter() - self._wall_s
        spent = {name: now - self._began[name] for name, now in self._seconds().items()}
        others = max(0.0, spent.pop("machine") - sum(spent.values()))
        return {
            "cpu_s_per_1000_keys": {name: 1000 * each / keys for name, each in spent.items()},
            "cores": {name: each / wall_s for name, each in spent.items()},
            "other_cores": others / wall_s,
            "memory_mb": {
                name: process.memory_info().rss / 1e6 for name, process in self._processes.items()
            },
        }

    def _seconds(self) -> dict[str, float]:
        found = {name: _cpu_s(process) for name, process in self._processes.items()}
        times = psutil.cpu_times()._asdict()
        waiting = ("idle", "iowait", "guest", "guest_nice")  # guests are part of the user's time
        machine = sum(seconds for name, seconds in times.items() if name not in waiting)
        return {**found, "generator": _cpu_s(psutil.Process()), "machine": machine}


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
