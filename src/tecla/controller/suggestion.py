"""What a writer says of one revision of a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tecla.controller.ranking import Silence
from tecla.controller.showing import Ghost
from tecla.controller.tree import Alternative
from tecla.decode.request import EvalWork
from tecla.errors import TeclaError

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
