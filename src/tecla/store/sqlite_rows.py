"""What a query gives, read to its end. Knows no table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw

SqlValue = None | int | float | str | bytes


def fetched(
    connection: apsw.Connection, statement: str, values: Sequence[SqlValue] = ()
) -> list[tuple[Any, ...]]:
    """Every row of a query; nothing of it stays open."""
    return connection.execute(statement, values).fetchall()


def first(connection: apsw.Connection, statement: str, values: Sequence[SqlValue] = ()) -> Any:
    """The first value of the first row; `None` where there is no row."""
    rows = fetched(connection, statement, values)
    return rows[0][0] if rows else None
