"""JSON lines: each object is a text, of the fields that are text.

Which those are can be said by name (`a.b` is `b` in the object `a`); else they are the fields of
the first objects whose values mostly hold several words. A broken line costs only itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import BinaryIO, Final

from tecla.learning.base import Left, ReadingOptions, UnreadableError
from tecla.learning.tables import text_columns

_SAMPLE: Final = 200
_MOST_LINE_BYTES: Final = 16_000_000
_BROKEN: Final = Left("bad_row")


def read_objects(file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
    """The text of each object, its fields on lines of their own."""
    objects = _objects(file)
    sample = list(islice(objects, _SAMPLE))
    whole = [each for each in sample if isinstance(each, dict)]
    if not whole:
        raise UnreadableError("damaged" if sample else "no_text")
    fields = options.columns or _text_fields(whole)
    if not any(isinstance(_value(each, field), str) for each in whole for field in fields):
        if options.columns:
            raise UnreadableError("other_columns", _names_of(whole))
        raise UnreadableError("no_column")
    for each in chain(sample, objects):
        if isinstance(each, Left):
            yield each
            continue
        values = [_value(each, field) for field in fields]
        text = "\n".join(value for value in values if isinstance(value, str) and value.strip())
        yield text or Left("no_text")


def _objects(file: BinaryIO) -> Iterator[dict[str, object] | Left]:
    while line := file.readline(_MOST_LINE_BYTES):
        if not line.strip():
            continue
        try:
            found = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError):  # no JSON, no UTF-8, nested without end
            found = None
        yield found if isinstance(found, dict) else _BROKEN


def _value(found: Mapping[str, object], field: str) -> object:
    if field in found:
        return found[field]
    value: object = found
    for name in field.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text_fields(sample: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    names = _names_of(sample)
    rows = [[each.get(name) for name in names] for each in sample]
    return tuple(names[at] for at in text_columns(rows))


def _names_of(sample: Sequence[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for each in sample for name in each))
