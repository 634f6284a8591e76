"""A text with a caret, as values: every change makes a new one, and the old one stays valid.

Offsets are characters unless a unit is named (`tecla.text.offsets`). Knows nothing of who types.
"""

from __future__ import annotations

from dataclasses import dataclass

from tecla.errors import OptionError
from tecla.text.offsets import Offsets, Unit
from tecla.text.unicode import to_bytes


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` takes the place of what stands between two offsets; the caret then stands behind it.

    `start == end` inserts, an empty `text` deletes.
    """

    start: int
    end: int
    text: str
    unit: Unit = "chars"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The text before the caret and the text behind it."""

    before: str = ""
    after: str = ""

    def __post_init__(self) -> None:
        """Check the texts; raises `InvalidTextError` for a lone surrogate."""
        to_bytes(self.before, "before")
        to_bytes(self.after, "after")

    @property
    def text(self) -> str:
        """The whole text."""
        return self.before + self.after

    @property
    def caret(self) -> int:
        """Char offset of the caret."""
        return len(self.before)

    def typed(self, text: str) -> Snapshot:
        """With `text` put in at the caret: a key, a paste, an acceptance."""
        return Snapshot(self.before + text, self.after)

    def deleted(self, n_chars: int = 1) -> Snapshot:
        """Without the last characters before the caret, as far as there are any."""
        return Snapshot(self.before[: max(0, len(self.before) - n_chars)], self.after)

    def moved(self, offset: int, unit: Unit = "chars") -> Snapshot:
        """With the caret elsewhere; raises `OptionError` for no offset of the text."""
        text = self.text
        caret = Offsets(text).to_chars(offset, unit)
        return Snapshot(text[:caret], text[caret:])

    def edited(self, edit: Edit) -> Snapshot:
        """With an edit made; raises `OptionError` for offsets that are none, or crossed."""
        text = self.text
        offsets = Offsets(text)
        start = offsets.to_chars(edit.start, edit.unit)
        end = offsets.to_chars(edit.end, edit.unit)
        if start > end:
            raise OptionError(f"an edit from {edit.start!r} to {edit.end!r} runs backwards")
        return Snapshot(text[:start] + edit.text, text[end:])
