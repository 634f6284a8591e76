"""What a writer says of one revision of a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tecla.controller.manner import Manner
from tecla.controller.ranking import Silence
from tecla.controller.showing import Ghost
from tecla.controller.tree import Alternative, rests
from tecla.decode.request import EvalWork
from tecla.errors import TeclaError
from tecla.text.snapshot import Snapshot

Origin = Literal["known", "typed", "shared", "classical", "model", "nothing"]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What is known of one revision.

    `ghost` is what to show behind the caret, or `silence` why there is nothing; `alternatives` are
    what else could follow, most probable first. `origin` says where the answer comes from;
    `settled` that nothing more will come. `work` is what the model did for it; `failure` why it was
    asked in vain.
    """

    revision: int
    ghost: Ghost | None
    alternatives: tuple[Alternative, ...] = ()
    origin: Origin = "nothing"
    silence: Silence | None = None
    settled: bool = False
    partial: bool = False
    work: EvalWork = field(default_factory=EvalWork)
    took_ms: float = 0.0
    failure: TeclaError | None = None

    @property
    def without_model(self) -> str | None:
        """Why the model had no part in it, though it was asked: the failure's code, or "late"."""
        if self.failure is not None:
            return self.failure.code
        return "late" if self.settled and self.partial and self.origin != "model" else None

    def quiet_chars(self, manner: Manner, *, in_haste: bool = False) -> int:
        """How many characters of the ghost text may be typed before the writer need be told.

        Until then it would show what is left of this, without asking the model: whoever is far
        from the writer can do so themselves, and tell it all at once. In haste it is so while what
        is left is likely enough to be shown, not only while it is sure.
        """
        if self.ghost is None or not self.settled:
            return 0
        least = manner.likely if in_haste else manner.sure
        text, quiet = self.ghost.text, 0
        for typed in range(1, len(text) - manner.keep_chars + 1):
            left = text[typed:].rstrip()
            through = [
                each.probability
                for each in rests(self.alternatives, text[:typed])
                if each.text.startswith(left)
            ]
            if not left or not through or through[0] < least:
                break
            quiet = typed
        return quiet


def rest_of(shown: Ghost | None, before: Snapshot, now: Snapshot) -> Ghost | None:
    """What is left of a ghost text, if what was typed is its beginning."""
    if shown is None or before.after != now.after or not now.before.startswith(before.before):
        return None
    typed = now.before[len(before.before) :]
    if not typed or not shown.text.startswith(typed) or not shown.text[len(typed) :].strip():
        return None
    return shown.behind(len(typed))
