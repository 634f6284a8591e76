"""Reading query logs: one query a line, perhaps with how often and when it was asked.

Behind a tab may stand a count, behind another the time: seconds since the epoch, or a date such as
2026-11-23 or 2026-11-23T10:15:00Z (without a zone: UTC).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from tecla.classic.querylog_file import Asked, checked_query
from tecla.errors import InputError


def read_queries(lines: Iterable[str], name: str, now: float) -> Iterator[Asked]:
    """The queries of `lines`, those without a time asked `now`; empty lines are passed over.

    Raises `InputError` with the line number for what cannot be read.
    """
    for number, line in enumerate(lines, 1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not any(cells):
            continue
        where = f"{name} line {number}"
        if len(cells) > 3:
            raise InputError(
                f"{where} has {len(cells)} cells; it must be a query, and perhaps a count and a "
                "time, with tabs between them"
            )
        try:
            text = checked_query(cells[0])
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        times = _count(cells[1], where) if len(cells) > 1 and cells[1] else 1
        moment = _time(cells[2], where) if len(cells) > 2 and cells[2] else now
        yield Asked(text, moment, times)


def _count(cell: str, where: str) -> int:
    if not cell.isascii() or not cell.isdigit() or not 0 < int(cell) < 2**53:
        raise InputError(f"{where}: count is {cell!r}; it must be a whole number of 1 or more")
    return int(cell)


def _time(cell: str, where: str) -> float:
    try:
        seconds = float(cell)
    except ValueError:
        seconds = _date(cell)
    if not math.isfinite(seconds):
        raise InputError(
            f"{where}: time is {cell!r}; it must be seconds since the epoch or a date such as "
            "2026-11-23T10:15:00Z"
        )
    return seconds


def _date(cell: str) -> float:
    """Seconds since the epoch; not finite for what is no date."""
    try:
        found = datetime.fromisoformat(cell)
    except ValueError:
        return math.nan
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
