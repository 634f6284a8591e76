"""Feedback in a SQLite file: rows to events and back, read page by page.

Events are read in pages by id, each page a read of its own: an open reader would keep the log from
being cut, and with it what somebody asked to be erased.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import apsw

from tecla.errors import InputError
from tecla.store.base import PRUNE_EVERY
from tecla.store.checking import check_dimensions, text_may_stay
from tecla.store.events import (
    EVERY,
    Dimension,
    EventFilter,
    FeedbackEvent,
    Mark,
    Place,
    Retention,
    SuggestedText,
    Totals,
)
from tecla.store.sqlite_errors import damaged
from tecla.store.sqlite_file import SqliteFile
from tecla.store.sqlite_rows import SqlValue, fetched, first

_PAGE_EVENTS: Final = 500
_COLUMNS: Final = (
    "kind", "suggestion", "time_s", "user", "source", "collection", "language", "typed_chars",
    "words_before", "raw_probability", "calibrated_probability", "shown_chars", "shown_words",
    "accepted_chars", "accepted_words", "saved_keys", "text_before", "text_suggested",
)  # fmt: skip
_INSERT: Final = (
    f"INSERT INTO feedback ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_SUMS: Final = """
    COALESCE(SUM(kind = 'shown'), 0), COALESCE(SUM(kind = 'accepted'), 0),
    COALESCE(SUM(kind = 'part_accepted'), 0), COALESCE(SUM(kind = 'rejected'), 0),
    COALESCE(SUM(kind = 'deleted_again'), 0),
    COALESCE(SUM(CASE WHEN kind = 'shown' THEN shown_chars END), 0),
    COALESCE(SUM(CASE WHEN kind IN ('accepted', 'part_accepted') THEN accepted_chars END), 0),
    COALESCE(SUM(CASE WHEN kind = 'deleted_again' THEN accepted_chars END), 0),
    COALESCE(SUM(saved_keys), 0)
"""


class SqliteFeedback:
    """`FeedbackLog` in the file."""

    def __init__(self, file: SqliteFile, retention: Retention, clock: Callable[[], float]) -> None:
        self._file, self._retention, self._clock = file, retention, clock
        self._unpruned = PRUNE_EVERY  # the first to record looks once

    def record(self, events: Iterable[FeedbackEvent]) -> None:
        """Keep all of them or, if it raises, none."""
        given = list(events)
        if not given:
            return
        with self._file.writing() as connection:
            # Asked inside the transaction: a withdrawal comes before it or after it.
            consented: dict[str, float] = {}
            for user in {event.user for event in given if event.text is not None}:
                found = connection.execute("SELECT since_s FROM consents WHERE user = ?", (user,))
                consented.update((user, since_s) for (since_s,) in found)
            connection.executemany(
                _INSERT,
                [_row(event, text_may_stay(event, consented.get(event.user))) for event in given],
            )
            # Ids go up by one within a transaction: nothing else is put there meanwhile.
            first_id = connection.last_insert_rowid() - len(given) + 1
            marks = [
                (number, bytes.fromhex(event.mark.digest), float(event.mark.weight))
                for number, event in enumerate(given, first_id)
                if event.mark is not None
            ]
            if marks:
                connection.executemany("INSERT INTO marks VALUES (?, ?, ?)", marks)
            is_due = self._unpruned + len(given) >= PRUNE_EVERY
            if is_due:
                self._prune(connection, self._retention)
        self._unpruned = 0 if is_due else self._unpruned + len(given)

    def events(self, which: EventFilter = EVERY) -> Iterator[FeedbackEvent]:
        """Those that were there when it began, `_PAGE_EVENTS` of them in memory."""
        with self._file.reading() as connection:
            last = first(connection, "SELECT MAX(id) FROM feedback")
        return self._pages(which, last or 0)

    def totals(self, by: tuple[Dimension, ...] = (), which: EventFilter = EVERY) -> list[Totals]:
        """Sums for each group; SQLite goes through the events."""
        check_dimensions(by)
        where, values = _where(which)
        names = "".join(f"{name}, " for name in by)
        grouped = f"GROUP BY {', '.join(by)} ORDER BY {', '.join(by)}" if by else ""
        with self._file.reading() as connection:
            rows = fetched(
                connection, f"SELECT {names}{_SUMS} FROM feedback WHERE {where} {grouped}", values
            )
        return [Totals(row[: len(by)], *row[len(by) :]) for row in rows]

    def prune(self, retention: Retention) -> int:
        """Forget the oldest until the limits hold; overwrites them where they lie."""
        with self._file.writing() as connection:
            return self._prune(connection, retention)

    def _prune(self, connection: apsw.Connection, retention: Retention) -> int:
        gone = 0
        if retention.max_age_s is not None:
            oldest = self._clock() - retention.max_age_s
            connection.execute("DELETE FROM feedback WHERE time_s < ?", (oldest,))
            gone += connection.changes()
        if retention.max_events is not None:
            connection.execute(
                "DELETE FROM feedback WHERE id <="
                " (SELECT id FROM feedback ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (retention.max_events,),
            )
            gone += connection.changes()
        return gone

    def _pages(self, which: EventFilter, last: int) -> Iterator[FeedbackEvent]:
        where, values = _where(which)
        statement = (
            f"SELECT id, {', '.join(_COLUMNS)}, digest, weight"
            " FROM feedback LEFT JOIN marks ON event = id"
            f" WHERE id > ? AND id <= ? AND {where} ORDER BY id LIMIT {_PAGE_EVENTS}"
        )
        after = 0
        while True:
            with self._file.reading() as connection:
                rows = fetched(connection, statement, (after, last, *values))
            for row in rows:
                yield self._event(row[1:])
            if len(rows) < _PAGE_EVENTS:
                return
            after = rows[-1][0]

    def _event(self, row: tuple[Any, ...]) -> FeedbackEvent:
        try:
            return _event(row)
        except (InputError, TypeError, ValueError, AttributeError):
            raise damaged(self._file.path) from None


def _row(event: FeedbackEvent, with_text: bool) -> tuple[SqlValue, ...]:
    text = event.text if with_text else None
    return (
        event.kind, event.suggestion, float(event.time_s), event.user, event.source,
        event.collection, event.language, event.place.typed_chars, event.place.words_before,
        float(event.raw_probability), event.calibrated_probability, event.shown_chars,
        event.shown_words, event.accepted_chars, event.accepted_words, event.saved_keys,
        None if text is None else text.before.encode(),
        None if text is None else text.text.encode(),
    )  # fmt: skip


def _event(row: tuple[Any, ...]) -> FeedbackEvent:
    *known, digest, weight = row
    values = dict(zip(_COLUMNS, known, strict=True))
    before, suggested = values.pop("text_before"), values.pop("text_suggested")
    text = None if before is None else SuggestedText(before.decode(), suggested.decode())
    place = Place(values.pop("typed_chars"), values.pop("words_before"))
    mark = None if digest is None else Mark(digest.hex(), weight)
    return FeedbackEvent(**values, place=place, text=text, mark=mark)


def _where(which: EventFilter) -> tuple[str, list[SqlValue]]:
    """The condition on a row, and its values."""
    terms, values = ["1"], list[SqlValue]()
    for name in ("user", "collection", "language", "source", "suggestion"):
        if (wanted := getattr(which, name)) is not None:
            terms.append(f"{name} = ?")
            values.append(wanted)
    if which.kinds is not None:
        terms.append(f"kind IN ({', '.join('?' * len(which.kinds))})")
        values.extend(which.kinds)
    if which.since_s is not None:
        terms.append("time_s >= ?")
        values.append(which.since_s)
    if which.until_s is not None:
        terms.append("time_s < ?")
        values.append(which.until_s)
    return " AND ".join(terms), values
