"""From what was found at a caret to what is shown: filtered, calibrated, weighed.

Expected saving. Taking a ghost text saves its length less one key if it is right; reading and
undoing it costs if it is wrong. It is shown where `p * saved > (1 - p) * cost`, with the calibrated
probability that the person's text runs through it and the cost that `eagerness` sets. At eagerness
1 nothing that saves a key is withheld, at 0 everything is.

Filters read a ghost text in its place and keep, shorten or drop it; what they drop makes room for
the next alternative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from tecla.controller.calibration import Calibration, Kind
from tecla.controller.place import Place
from tecla.controller.showing import Ghost, Rules, ghost_of
from tecla.controller.tree import Alternative
from tecla.decode.favourite import favourite
from tecla.filters.base import Action, Reason
from tecla.filters.judge import Filters
from tecla.filters.lexicon import Level

Silence = Literal[
    "nothing_found",  # no source has anything to say
    "too_short",  # taking it would not save enough keys
    "filtered",  # what was found may not be shown
    "unsure",  # it is not likely enough to be worth reading
    "dismissed",  # the person sent it away
    "rejected",  # the person left it here before, or took it back
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
        self._others: dict[Level, Ranking] = {}

    def at(self, level: Level | None) -> Ranking:
        """The same with offensive words withheld at another level, and all else as it is.

        Made once for each level. `None`, or no filters at all: as it is.
        """
        if level is None or self.filters is None or level == self.filters.options.offensive:
            return self
        if level not in self._others:
            filters = Filters(replace(self.filters.options, offensive=level))
            self._others[level] = Ranking(filters, self.calibration)
        return self._others[level]

    def filtered(self) -> Counter[tuple[Action, Reason | None]]:
        """What filters of any level did with suggestions, and why."""
        counts = Counter() if self.filters is None else Counter(self.filters.counts)
        for other in self._others.values():
            counts.update(other.filtered())
        return counts

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
        """What is shown of allowed alternatives: their favourite, if filters leave it."""
        waiting: list[tuple[Ghost, Alternative | None]] = [  # without its origin once it was judged
            (ghost, each) for each in found if (ghost := ghost_of(each, rules)) is not None
        ]
        silence: Silence = "nothing_found" if not found else "filtered" if waiting else "too_short"
        while waiting:
            at = favourite([_taken_first(ghost, rules) for ghost, _ in waiting], rules.least_keys)
            ghost, origin = waiting.pop(at)
            kept = ghost if origin is None else self.kept(ghost, origin, place, rules)
            if kept == ghost:
                first = self.calibrated(ghost, place)
                return Shown(first) if is_worth(first, eagerness) else Shown(None, "unsure")
            if kept is not None:
                waiting.insert(at, (kept, None))
        return Shown(None, silence)

    def ghosts(
        self, found: Sequence[Alternative], place: Place, rules: Rules, shown: Ghost | None = None
    ) -> list[Ghost]:
        """The ghost text of every allowed alternative that has one, as they come.

        What is `shown` is among them: of what was typed into, its rest may be all that is known.
        """
        made = ((ghost_of(each, rules), each) for each in found)
        kept = (self.kept(ghost, each, place, rules) for ghost, each in made if ghost is not None)
        ghosts = [self.calibrated(each, place) for each in kept if each is not None]
        if shown is not None and all(each.text != shown.text for each in ghosts):
            ghosts.insert(0, shown)
        return ghosts

    def calibrated(self, ghost: Ghost, place: Place) -> Ghost:
        """The ghost text with the probability that it is right, as the curves have it."""
        kind = kind_of(ghost, place)
        return replace(ghost, probability=self.calibration.calibrated(ghost.raw, kind))

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
