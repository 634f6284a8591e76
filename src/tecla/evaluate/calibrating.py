"""Curves of calibration from text that people wrote: what would have been shown, and was it right.

Every passage is typed key by key, and at every key where there is a ghost text, however unlikely,
it is asked whether the person's text runs through all of it. What is shown already when a key comes
is another event at every key, as a person may take it at any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from tecla.controller.calibration import Event, Kind
from tecla.controller.writer import Writer
from tecla.evaluate.corpora import Passage
from tecla.text.snapshot import Snapshot


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
