"""What tecla costs before it completes anything: start-up time and memory.

1. *Start-up*: wall time of `tecla --help`, of `python -c "import tecla"` and of `python -c pass`,
   as whole processes in turns; medians. The budget of `--help` is 150 ms.
2. *Memory*: the most memory a process had resident while it loaded the default model and
   completed a text, beyond the model file and the KV memory. The budget is 250 MB.

Run: `python benchmarks/footprint.py [--rounds N]`. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "help": ["-m", "tecla", "--help"],
    "import": ["-c", "import tecla"],
    "pass": ["-c", "pass"],
}
PROBE = """
import json, resource
from tecla import AutoComplete, Suggester
from tecla.engines.factory import open_model
from tecla.settings import load
loaded = open_model(load().settings)
kv_bytes = loaded.engine.kv_tokens * loaded.engine.model.kv_bytes_per_token()
with Suggester(loaded) as suggester, AutoComplete(suggester=suggester, temperature=0) as completer:
    completer.get_completion("The future of artif")
    file_bytes = completer.model.size_bytes
peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
sizes = {"peak_mb": peak_bytes, "file_mb": file_bytes, "kv_mb": kv_bytes}
print(json.dumps({name: size / 1e6 for name, size in sizes.items()}))
"""


def seconds(arguments: list[str]) -> float:
    """Wall time of one run of the interpreter."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    runs: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            runs[name].append(seconds(arguments) * 1000)
    medians = {name: statistics.median(times) for name, times in runs.items()}
    done = subprocess.run([sys.executable, "-c", PROBE], check=True, capture_output=True, text=True)
    memory = json.loads(done.stdout)
    memory["beyond_mb"] = memory["peak_mb"] - memory["file_mb"] - memory["kv_mb"]
    print(
        f"start-up   tecla --help {medians['help']:.0f} ms, "
        f"import tecla {medians['import']:.0f} ms, "
        f"python -c pass {medians['pass']:.0f} ms (medians of {rounds})"
    )
    print(
        f"memory     peak {memory['peak_mb']:.0f} MB: model file {memory['file_mb']:.0f}, KV "
        f"{memory['kv_mb']:.0f}, beyond them {memory['beyond_mb']:.0f}"
    )
    print(json.dumps({"benchmark": "footprint", "start_up_ms": medians, "memory": memory}))


if __name__ == "__main__":
    main()
