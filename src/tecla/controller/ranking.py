"""From what was found at a caret to what is shown: filtered, calibrated, weighed.

Expected saving. Taking a ghost text saves its length less one key if it is right; reading and
undoing it costs if it is wrong. It is shown where `p * saved > (1 - p) * cost`, with the calibrated
probability that the person's text runs through it and the cost that `eagerness` sets. At eagerness
1 nothing that saves a key is withheld, at 0 everything is.

Filters read a ghost text in its place and keep, shorten or drop it; what they drop makes room for
the next alternative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from tecla.controller.calibration import Calibration, Kind
from tecla.controller.place import Place
from tecla.controller.showing import Ghost, Rules, ghost_of
from tecla.controller.tree import Alternative
from tecla.decode.favourite import favourite
from tecla.filters.judge import Filters

Silence = Literal[
    "nothing_found",  # no source has anything to say
    "too_short",  # taking it would not save enough keys
    "filtered",  # what was found may not be shown
    "unsure",  # it is not likely enough to be worth reading
    "dismissed",  # the person sent it away
    "model_asked",  # the model has not answered yet
]

_USUAL_COST: Final = 0.2  # keys that a wrong ghost text costs at eagerness 0.5


@dataclass(frozen=True, slots=True)
class Shown:
    """A ghost text, or why there is none."""

    ghost: Ghost | None
    silence: Silence | None = None


class Ranking:
    """The rules, filters and curves that all writers of a controller share."""

    def __init__(
        self,
        filters: Filters | None = None,
        calibration: Calibration | None = None,
    ) -> None:
        """Without filters everything is kept, without curves probabilities stay as they are."""
        self.filters = filters
        self.calibration = calibration or Calibration()

    def allowed(self, found: Sequence[Alternative], place: Place) -> tuple[Alternative, ...]:
        """Those alternatives that may be shown, each as far as it may be."""
        if self.filters is None:
            return tuple(found)
        kept = []
        for each in found:
            verdict = self.filters.judge(each.text, place.surroundings, each.words)
            if verdict.action == "keep":
                kept.append(each)
            elif verdict.action == "shorten":
                kept.append(each.upto(verdict.end))
        return tuple(kept)

    def shown(
        self,
        found: Sequence[Alternative],
        place: Place,
        rules: Rules,
        eagerness: float,
    ) -> Shown:
        """What is shown of allowed alternatives."""
        ghosts, silence = self._ghosts(found, place, rules)
        if not ghosts:
            return Shown(None, silence)
        first = ghosts[favourite([_taken_first(each, rules) for each in ghosts], rules.least_keys)]
        return Shown(first) if is_worth(first, eagerness) else Shown(None, "unsure")

    def ghosts(self, found: Sequence[Alternative], place: Place, rules: Rules) -> list[Ghost]:
        """The ghost text of every allowed alternative that has one, as they come."""
        return self._ghosts(found, place, rules)[0]

    def calibrated(self, ghost: Ghost, place: Place) -> Ghost:
        """The ghost text with the probability that it is right, as the curves have it."""
        kind = kind_of(ghost, place)
        return replace(ghost, probability=self.calibration.calibrated(ghost.raw, kind))

    def _ghosts(
        self, found: Sequence[Alternative], place: Place, rules: Rules
    ) -> tuple[list[Ghost], Silence]:
        """The ghost text of each alternative, and why the first that has none has none."""
        ghosts: list[Ghost] = []
        silences: list[Silence] = []
        for each in found:
            ghost = ghost_of(each, rules)
            kept = None if ghost is None else self.kept(ghost, each, place, rules)
            if kept is not None:
                ghosts.append(self.calibrated(kept, place))
            else:
                silences.append("too_short" if ghost is None else "filtered")
        return ghosts, silences[0] if silences else "nothing_found"

    def kept(self, ghost: Ghost, of: Alternative, place: Place, rules: Rules) -> Ghost | None:
        """What filters leave of the ghost text of an allowed alternative."""
        if self.filters is None or ghost.text == of.text:
            return ghost
        verdict = self.filters.judge(ghost.text, place.surroundings, ghost.words)
        if verdict.action == "shorten":
            return ghost_of(of.upto(verdict.end), rules)
        return ghost if verdict.action == "keep" else None


def kind_of(ghost: Ghost, place: Place) -> Kind:
    """The kind of event that a ghost text at a place is."""
    return Kind(ghost.source, place.language, bool(place.typed_chars))


def _taken_first(ghost: Ghost, rules: Rules) -> tuple[str, float]:
    """What would be taken of a ghost text first: its first word if that is worth a key."""
    end = ghost.words[0].char_offset + 1  # with the space behind it
    if end - 1 < rules.least_keys:
        return ghost.text, ghost.raw
    return ghost.text[:end], ghost.words[0].probability


def is_worth(ghost: Ghost, eagerness: float) -> bool:
    """Whether showing a calibrated ghost text is expected to save more than it costs."""
    if eagerness <= 0:
        return False
    cost = _USUAL_COST * (1 - eagerness) / eagerness
    right = ghost.probability
    return right * (len(ghost.text) - 1) > (1 - right) * cost
