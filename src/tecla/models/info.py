"""What is known about a model on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """Description of one model; sizes in bytes, contexts in tokens."""

    name: str
    path: Path
    size_bytes: int
    architecture: str
    licence: str | None
    trained_context_tokens: int
