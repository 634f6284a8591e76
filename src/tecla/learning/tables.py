"""CSV and TSV: each row is a text, of the columns that are text.

Which those are can be said by name or number; else they are the columns whose cells mostly hold
several words. The first row is taken for names if it holds no cell that looks like text or a
number, or if it holds a name that was asked for.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final

import regex

from tecla.learning.base import Left, ReadingOptions, UnreadableError
from tecla.learning.encoding import encoding_of

_SAMPLE_BYTES: Final = 65_536
_SAMPLE_ROWS: Final = 200
_DELIMITERS: Final = ",;\t|"
_LEAST_WORDS: Final = 3  # of the middle cell of a column that is text
_NAME: Final = regex.compile(r"\s*[\p{L}_][\p{L}\p{N}_ ./()-]{0,60}\s*")
csv.field_size_limit(8_000_000)


def read_table(file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
    """The text of each row, its columns on lines of their own."""
    head = _lines_of(file)
    encoding = encoding_of(head)
    if head.isascii():
        encoding = _encoding_below(file) or encoding
    file.seek(0)
    lines = io.TextIOWrapper(file, encoding, errors="replace", newline="")
    try:
        rows = csv.reader(lines, delimiter=_delimiter(file, head.decode(encoding, "replace")))
        yield from _texts(rows, options)
    except csv.Error as error:  # a cell beyond the limit, a NUL
        raise UnreadableError("damaged") from error
    finally:
        lines.detach()


def _lines_of(file: BinaryIO) -> bytes:
    """The next lines; cut at a line's end, and so not within a character."""
    return file.read(_SAMPLE_BYTES) + file.readline(_SAMPLE_BYTES)


def _encoding_below(file: BinaryIO) -> str | None:
    """What the first bytes beyond ASCII below the head say, however far below; `None`: none."""
    while lines := _lines_of(file):
        if not lines.isascii():
            return encoding_of(lines)
    return None


def _texts(rows: Iterator[list[str]], options: ReadingOptions) -> Iterator[str | Left]:
    sample = list(islice(rows, _SAMPLE_ROWS))
    if not sample:
        raise UnreadableError("no_text")
    names = sample[0] if _is_header(sample[0], options.columns) else None
    body = sample[1:] if names is not None else sample
    width = max(map(len, sample))
    columns = _asked(options.columns, names, width)
    if options.columns and not columns:
        numbers = map(str, range(1, width + 1))
        raise UnreadableError("other_columns", numbers if names is None else map(str.strip, names))
    if not options.columns:
        columns = text_columns([[*row] for row in body])
    if not columns:
        raise UnreadableError("no_column")
    for row in chain(body, rows):
        cells = [row[at].strip() for at in columns if at < len(row)]
        text = "\n".join(filter(None, cells))
        if text:
            yield text
        elif row:
            yield Left("no_text" if len(row) > max(columns) else "bad_row")


def text_columns(rows: Sequence[Sequence[object]]) -> list[int]:
    """Those whose middle cell, by its number of words, has several."""
    found = []
    for at in range(max(map(len, rows), default=0)):
        cells = [row[at] for row in rows if at < len(row)]
        words = sorted(
            len(cell.split()) if isinstance(cell, str) and _has_letters(cell) else 0
            for cell in cells
        )
        if words and words[len(words) // 2] >= _LEAST_WORDS:
            found.append(at)
    return found


def _has_letters(cell: str) -> bool:
    return 2 * sum(map(str.isalpha, cell)) > len(cell)


def _asked(columns: Sequence[str], names: Sequence[str] | None, width: int) -> list[int]:
    """Places of the columns that were asked for and are there."""
    known = [name.strip().casefold() for name in names or ()]
    found = []
    for column in columns:
        if column.strip().casefold() in known:
            found.append(known.index(column.strip().casefold()))
        elif column.isdecimal() and 1 <= int(column) <= width:
            found.append(int(column) - 1)
    return found


def _is_header(row: Sequence[str], columns: Sequence[str]) -> bool:
    cells = [cell.strip().casefold() for cell in row]
    if any(column.strip().casefold() in cells for column in columns):
        return True
    return all(_NAME.fullmatch(cell) and len(cell.split()) <= 3 for cell in row) and (
        len(set(cells)) == len(cells)
    )


def _delimiter(file: BinaryIO, sample: str) -> str:
    """That of the name, or the one that the most lines have equally often."""
    if Path(str(file.name)).suffix.lower() in (".tsv", ".tab"):
        return "\t"
    best, most = ",", 0
    for mark in _DELIMITERS:
        try:
            rows = list(islice(csv.reader(io.StringIO(sample, newline=""), delimiter=mark), 50))
        except csv.Error:
            continue
        widths = [len(row) for row in rows[:-1] or rows if row]
        same = max((widths.count(width) for width in set(widths) if width > 1), default=0)
        if same > most:
            best, most = mark, same
    return best
