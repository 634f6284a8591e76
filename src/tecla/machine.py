"""What the machine offers: cores and memory, as this process may use them."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    """Logical cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def physical_cores() -> int:
    """Physical cores this process may run on: one thread each is fastest for a model."""
    return max(1, min(psutil.cpu_count(logical=False) or usable_cores(), usable_cores()))


def total_memory_bytes() -> int:
    """Memory of the machine, or of the container if that is less."""
    limit = _container_limit_bytes()
    total = int(psutil.virtual_memory().total)
    return total if limit is None else min(total, limit)


def available_memory_bytes() -> int:
    """Memory a new allocation can get without swapping, within the container's limit."""
    available = int(psutil.virtual_memory().available)
    limit = _container_limit_bytes()
    if limit is None:
        return available
    return max(0, min(available, limit - _container_used_bytes()))


def _container_limit_bytes() -> int | None:
    return _read_bytes(_CGROUP / "memory.max")


def _container_used_bytes() -> int:
    return _read_bytes(_CGROUP / "memory.current") or 0


def _read_bytes(path: Path) -> int | None:
    """The number in a cgroup v2 file; `None` where there is none or it says `max`."""
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
