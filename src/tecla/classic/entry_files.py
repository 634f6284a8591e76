"""Reading lists of entries: CSV, TSV or plain text, with or without weights.

A row is an entry and perhaps its weight. The first row may name the columns. Plain text has one
entry a line, its weight behind a tab. Weights of an entry that comes twice are added.
"""

from __future__ import annotations

import csv
import math
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

from tecla.errors import InputError

Form = Literal["csv", "tsv", "text"]

MOST_CHARS = 200
_ENTRY_NAMES = frozenset({"entry", "word", "term", "phrase", "text", "name", "query"})
_WEIGHT_NAMES = frozenset({"weight", "count", "frequency", "freq", "score"})


class Entry(NamedTuple):
    """A word or a few, and how much they weigh."""

    text: str
    weight: float


class _Columns(NamedTuple):
    entry: int
    weight: int


def form_of(filename: str) -> Form:
    """How a file is read, by the end of its name."""
    suffix = filename.lower().rpartition(".")[2]
    return "csv" if suffix == "csv" else "tsv" if suffix in {"tsv", "tab"} else "text"


def read_entries(lines: Iterable[str], name: str, form: Form = "text") -> Iterator[Entry]:
    """The entries of `lines`; empty ones are passed over.

    Raises `InputError` with the line number for a weight that is none and for an entry longer
    than 200 characters.
    """
    rows = _rows(lines, form)
    columns = _Columns(0, 1)
    for at, (number, row) in enumerate(rows):
        if at == 0 and (named := _header(row)) is not None:
            columns = named
            continue
        text = _cell(row, columns.entry)
        if not text:
            continue
        if len(text) > MOST_CHARS:
            raise InputError(
                f"{name} line {number}: the entry has {len(text)} characters, the limit is "
                f"{MOST_CHARS}; give one entry a line"
            )
        yield Entry(text, _weight(_cell(row, columns.weight), f"{name} line {number}"))


def added_up(entries: Iterable[Entry]) -> dict[str, float]:
    """The weight of every entry."""
    found: dict[str, float] = {}
    for text, weight in entries:
        found[text] = found.get(text, 0.0) + weight
    return found


def tidy(text: str) -> str:
    """`text` composed (NFC), every run of white space one space, none around it."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _rows(lines: Iterable[str], form: Form) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and cells; a quoted cell of a CSV row may hold line breaks."""
    if form == "csv":
        reader = csv.reader(f"{line}\n" for line in lines)
        for row in reader:
            yield reader.line_num, row
    else:
        for number, line in enumerate(lines, 1):
            yield number, line.split("\t")


def _header(row: list[str]) -> _Columns | None:
    """The columns that a first row names; `None` if it is an entry."""
    names = [cell.strip().lower() for cell in row]
    entry = next((at for at, each in enumerate(names) if each in _ENTRY_NAMES), None)
    weight = next((at for at, each in enumerate(names) if each in _WEIGHT_NAMES), None)
    if weight is None and (entry is None or len(names) > 1):
        has_weight = len(names) < 2 or not names[1] or _is_number(names[1])
        return None if has_weight else _Columns(entry or 0, 1)
    if weight == 0 and entry is None:
        return None  # an entry such as "score"
    return _Columns(0 if entry is None else entry, len(names) if weight is None else weight)


def _cell(row: list[str], at: int) -> str:
    return tidy(row[at]) if at < len(row) else ""


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _weight(cell: str, where: str) -> float:
    if not cell:
        return 1.0
    if not _is_number(cell) or not math.isfinite(float(cell)) or float(cell) <= 0:
        raise InputError(f"{where}: weight is {cell!r}; it must be a number above 0, or left out")
    return float(cell)
