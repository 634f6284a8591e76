"""Curves of calibration from text that people wrote: what would have been shown, and was it right.

Every passage is typed key by key, and at every key where there is a ghost text, however unlikely,
it is asked whether the person's text runs through all of it. What is shown already when a key comes
is another event at every key, as a person may take it at any of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from tecla.controller.calibration import Curve, Event, Kind, fit
from tecla.controller.writer import Writer
from tecla.errors import OptionError
from tecla.evaluate.corpora import Passage
from tecla.text.snapshot import Snapshot

LEAST_EVENTS: Final = 400  # of a kind, for a curve of its own
_LEAST_BLOCK, _MOST_BLOCKS = 50, 40  # events in a block of a curve, blocks in a curve


def events_of(
    writer: Writer, passages: Iterable[Passage], advance: Callable[[int], None]
) -> Iterator[tuple[Kind, Event]]:
    """Type the passages; the events, with the kind of each.

    The writer should have no curves yet, be fully eager and have no deadline. `advance` is told the
    number of characters typed.
    """
    for passage in passages:
        writer.header = passage.header
        for at in range(len(passage.text)):
            writer.update(Snapshot(passage.lead + passage.text[:at]))
            found = writer.wait()
            ghost = found.ghost
            if ghost is not None:
                right = passage.text.startswith(ghost.text, at)
                yield writer.kind, Event(ghost.raw, right)
        advance(len(passage.text))


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
