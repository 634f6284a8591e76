"""What is known at the caret. Knows nothing of who completes it."""

from __future__ import annotations

from dataclasses import dataclass

from tecla.text.unicode import to_bytes


@dataclass(frozen=True, slots=True)
class Context:
    """What is known at the caret: the text on both sides, and an optional header above it."""

    before: str
    after: str = ""
    header: str = ""

    def __post_init__(self) -> None:
        """Check the texts; raises `InvalidTextError` for a lone surrogate."""
        to_bytes(self.before, "before")
        to_bytes(self.after, "after")
        to_bytes(self.header, "header")
