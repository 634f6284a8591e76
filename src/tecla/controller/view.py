"""One revision as it is shown: what was found at its place becomes ghost texts, or silence.

Made anew for every revision, of the place, the manner, the ranking and the person as they are then.
It must not know where anything was found.
"""

from __future__ import annotations

from collections.abc import Sequence

from tecla.controller.calibration import Kind
from tecla.controller.manner import Manner
from tecla.controller.own import Own
from tecla.controller.place import Place
from tecla.controller.ranking import Ranking, Shown, kind_of
from tecla.controller.showing import Ghost, ghost_of
from tecla.controller.tree import Alternative
from tecla.filters.judge import PlaceScreen


class View:
    """What can be shown at one place."""

    def __init__(
        self, place: Place, manner: Manner, ranking: Ranking, own: Own | None = None
    ) -> None:
        """By the rules of `manner`, and by what the person has rejected there before."""
        self.place, self.manner, self._ranking, self._own = place, manner, ranking, own
        self._weighed: tuple[Sequence[Alternative], Shown] | None = None
        filters = ranking.filters
        # What an answer depends on beside the text and its language, and the sources.
        self.basis: tuple[object, ...] = (
            *(place.header, manner.search.without_deadline(), manner.rules.further),
            *(manner.classical, manner.weight, manner.weights),
            None if filters is None else filters.options,
            None if own is None else own.stamp,
        )

    def allowed(self, found: Sequence[Alternative]) -> tuple[Alternative, ...]:
        """What filters leave of what was found."""
        return self._ranking.allowed(found, self.place)

    def kind_of(self, ghost: Ghost | None) -> Kind:
        """The kind of event that a ghost text is here."""
        return Kind() if ghost is None else kind_of(ghost, self.place)

    def screen(self) -> PlaceScreen | None:
        """What the model's search need not explore."""
        filters = self._ranking.filters
        return None if filters is None else filters.screen(self.place.surroundings)

    def shown(self, found: Sequence[Alternative]) -> Shown:
        """What is shown of what was found, worked out once."""
        if self._weighed is None or self._weighed[0] is not found:
            manner, left = self.manner, found
            if self._own is not None:
                left = self._own.weighed(found, self.place.snapshot.before)
            shown = self._ranking.shown(left, self.place, manner.rules, manner.eagerness)
            self._weighed = found, shown if left or not found else Shown(None, "rejected")
        return self._weighed[1]

    def beside(self, found: Sequence[Alternative], standing: Ghost | None) -> Shown:
        """What is shown of what was found; what stands there already is only ever extended."""
        shown = self.shown(found)
        if standing is None or (shown.ghost and shown.ghost.text.startswith(standing.text)):
            return shown
        return Shown(standing)

    def early(self, found: Sequence[Alternative], least: float) -> Shown:
        """What is shown before the model has answered: what is probable enough."""
        shown = self.shown(found)
        if shown.ghost is None or shown.ghost.probability < least:
            return Shown(None, "model_asked")
        return shown

    def rest(
        self, rest: Ghost | None, rests: Sequence[Alternative], *, by_hand: bool
    ) -> tuple[Ghost | None, float]:
        """What stays of a ghost text, and how probable it is; what was taken a part of is sure."""
        if rest is None:
            return None, 0.0
        path = next((each for each in rests if each.text.startswith(rest.text.rstrip())), None)
        chance = 1.0 if not by_hand else 0.0 if path is None else path.probability
        if chance < self.manner.likely:
            return None, chance
        return (rest if path is None else self._extended(rest, path)), chance

    def ghosts(self, found: Sequence[Alternative], shown: Ghost | None) -> list[Ghost]:
        """The ghost text of everything that was found, also of what was rejected before."""
        return self._ranking.ghosts(found, self.place, self.manner.rules, shown)

    def _extended(self, rest: Ghost, path: Alternative) -> Ghost:
        """What is left of the ghost text, with what follows it if that is likely by now."""
        rules = self.manner.rules
        ghost = ghost_of(path, rules)
        if ghost is None or not ghost.text.startswith(rest.text):
            return rest
        kept = self._ranking.kept(ghost, path, self.place, rules)
        if kept is None or not kept.text.startswith(rest.text):
            return rest
        return self._ranking.calibrated(kept, self.place)
