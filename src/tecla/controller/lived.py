"""Curves fitted to what became of suggestions, those of one person or of everybody.

A suggestion that was shown was right unless it was left, sent away or taken back; one that was
unsettled to the end was neither right nor wrong. Only what is shown becomes an event, so such a
curve knows nothing of what was held too unlikely to be shown: below its first knot the curve that
came before it goes on, never above that knot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from tecla.controller.calibration import Calibration, Curve, Event, Kind, fit
from tecla.errors import OptionError
from tecla.store.events import FeedbackEvent

LEAST_EVENTS: Final = 400  # of a kind, for a curve of its own
_LEAST_BLOCK, _MOST_BLOCKS = 50, 40  # events in a block of a curve, blocks in a curve


def fitted(events: Iterable[tuple[Kind, Event]], least: int = LEAST_EVENTS) -> dict[str, Curve]:
    """A curve for every kind, and every broader one, that has at least `least` events.

    Raises `OptionError` if not even all of them together are enough.
    """
    by_kind: dict[str, list[Event]] = defaultdict(list)
    for kind, event in events:
        for each in {every.key for every in kind.broader()}:
            by_kind[each].append(event)
    everything = by_kind.get(Kind().key, [])
    if len(everything) < least:
        raise OptionError(
            f"{len(everything)} suggestions came up; a calibration needs {least}: give more text"
        )
    return {
        key: fit(found, max(_LEAST_BLOCK, len(found) // _MOST_BLOCKS))
        for key, found in sorted(by_kind.items())
        if len(found) >= least
    }


def lived(events: Iterable[FeedbackEvent]) -> Iterator[tuple[Kind, Event]]:
    """What events of feedback, in their order, say of each suggestion that was shown."""
    shown: dict[str, FeedbackEvent] = {}
    wrong: set[str] = set()
    unsettled: set[str] = set()
    for each in events:
        if each.kind == "shown":
            shown[each.suggestion] = each
        elif each.kind in ("rejected", "deleted_again"):
            wrong.add(each.suggestion)
        elif each.kind == "unsettled":
            unsettled.add(each.suggestion)
    for name, each in shown.items():
        if name in unsettled and name not in wrong:
            continue
        kind = Kind(each.source, each.language or "", bool(each.place.typed_chars))
        yield kind, Event(each.raw_probability, name not in wrong)


def with_own(usual: Calibration, own: dict[str, Curve]) -> Calibration:
    """The usual curves, with a person's own in the place of those of the same kind."""
    curves = {**usual.curves}
    for key, curve in own.items():
        before = usual.curves.get(key)
        curves[key] = curve if before is None else _continued(curve, before)
    return replace(usual, curves=curves)


def _continued(own: Curve, before: Curve) -> Curve:
    knots = [
        (at, min(to, own.to[0]))
        for at, to in zip(before.at, before.to, strict=True)
        if at < own.at[0]
    ]
    at, to = (tuple(each) for each in zip(*knots, strict=True)) if knots else ((), ())
    return Curve((*at, *own.at), (*to, *own.to), own.events)
