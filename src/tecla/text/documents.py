"""Lines and documents of text files: what is trained on. Streams; no file has to fit in memory.

A document ends at a blank line. In files of JSON lines, every object is a document: the named
fields, one below another.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tecla.errors import InputError, InvalidTextError, OptionError

_MOST_CHARS = 1_000_000  # a document without a blank line is cut here, at a line's end


def decoded_lines(data: Iterable[bytes], name: str) -> Iterator[str]:
    """Lines of UTF-8 without their ends, a byte order mark taken off.

    Raises `InvalidTextError` naming the line that is none.
    """
    for number, line in enumerate(data, 1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidTextError(
                f"{name} line {number} is not UTF-8: {error.reason}; convert it first "
                "(iconv -t utf-8)"
            ) from None
        text = text.removesuffix("\n").removesuffix("\r")
        yield text.removeprefix("\ufeff") if number == 1 else text


def documents(lines: Iterable[str], *, wrapped: bool = False) -> Iterator[str]:
    """The documents of a text: what stands between blank lines.

    `wrapped` joins the lines of a document with spaces, for books whose lines are broken to a
    width.
    """
    joint = " " if wrapped else "\n"
    document: list[str] = []
    chars = 0
    for line in lines:
        text = line.strip() if wrapped else line
        blank = not text.strip()
        if not blank:
            document.append(text)
            chars += len(text)
        if document and (blank or chars > _MOST_CHARS):
            yield joint.join(document)
            document, chars = [], 0
    if document:
        yield joint.join(document)


def object_documents(lines: Iterable[str], name: str, fields: Sequence[str]) -> Iterator[str]:
    """The documents of JSON lines.

    Raises `OptionError` if no field is named, `InputError` naming the line that is no JSON or
    has text in none of the `fields`.
    """
    if not fields:
        raise OptionError(f"{name} holds JSON lines; say which fields are text with --field")
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{name} line {number} is no JSON: {error.msg}") from None
        values = [found.get(field) for field in fields] if isinstance(found, dict) else []
        texts = [value for value in values if isinstance(value, str)]
        if not texts:
            raise InputError(
                f"{name} line {number} has no text in {' or '.join(map(repr, fields))}"
            )
        yield "\n".join(texts)


def read_documents(
    path: Path, *, wrapped: bool = False, fields: Sequence[str] = ()
) -> Iterator[str]:
    """The documents of a file, JSON lines if it is called so; see `documents`.

    Raises `InputError` kinds naming the file and the line.
    """
    name = repr(str(path))
    try:
        with path.open("rb") as file:
            lines = decoded_lines(file, name)
            if path.suffix == ".jsonl":
                yield from object_documents(lines, name, fields)
            else:
                yield from documents(lines, wrapped=wrapped)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}") from error
