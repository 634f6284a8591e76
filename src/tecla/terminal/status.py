"""What the status line counts and says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prompt_toolkit.formatted_text import StyleAndTextTuples

from tecla.controller.suggestion import Suggestion
from tecla.controller.writer import Writer
from tecla.text.snapshot import Snapshot


@dataclass(slots=True)
class Tally:
    """Keys: those that were pressed for text, those that were saved; and the last answer's time."""

    pressed: int = 0
    saved: int = 0
    took_ms: float = 0.0

    def typed(self, before: Snapshot, now: Snapshot) -> None:
        """The text was changed by hand; a paste counts as one key."""
        if before.text != now.text:
            self.pressed += 1

    def took(self, chars: int) -> None:
        """So many characters came by one key."""
        if chars:
            self.pressed += 1
            self.saved += chars - 1

    def answered(self, found: Suggestion) -> None:
        """A revision was settled."""
        self.took_ms = found.took_ms

    @property
    def share(self) -> float:
        """Saved keys, of those that the text would have taken without suggestions."""
        total = self.pressed + self.saved
        return self.saved / total if total else 0.0


def status_line(
    path: Path | None, is_changed: bool, writer: Writer, tally: Tally, message: str
) -> StyleAndTextTuples:
    """File, origin and time of the answer, language, keys saved; or a message."""
    name = "no file" if path is None else path.name
    left = f" {name}{' *' if is_changed else ''} "
    if message:
        return [("class:status", left), ("class:status.alarm", f"│ {message}")]
    found = writer.suggestion
    parts = [_said(found), f"{tally.took_ms:.0f} ms", writer.language or "–"]
    parts.append(f"{tally.saved} keys saved ({100 * tally.share:.0f} %)")
    return [("class:status", left + "│ " + " · ".join(parts))]


def _said(found: Suggestion) -> str:
    """Where the ghost text comes from and how sure it is, or why there is none.

    In brackets what it was known from, where nobody was asked.
    """
    if found.ghost is not None:
        known = "" if found.origin in ("model", "classical") else f" ({found.origin})"
        return f"{found.ghost.source}{known} {100 * found.ghost.probability:.0f} %"
    return (found.silence or "nothing").replace("_", " ")
