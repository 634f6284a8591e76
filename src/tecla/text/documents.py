"""Documents of text files: what is trained on. Streams; no file has to fit in memory.

A document ends at a blank line. Files that end in `.jsonl` hold one JSON object a line, and the
named fields of each, one below another, are a document.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import BinaryIO

from tecla.errors import InputError

STDIN = Path("-")
_MOST_CHARS = 1_000_000  # a document without a blank line is cut here, at a line's end


def read_documents(
    path: Path,
    *,
    wrapped: bool = False,
    fields: Sequence[str] = (),
    read: Callable[[int], None] = lambda _: None,
) -> Iterator[str]:
    """The documents of a file; `Path("-")` is standard input.

    `wrapped` joins the lines of a document with spaces, for books whose lines are broken to a
    width. `fields` are looked for in files of JSON lines, which need at least one. `read` gets
    the bytes of every line as they are read. Raises `InputError` naming the file and the line
    for what cannot be read, is not UTF-8, is no JSON, or lacks every field.
    """
    lines = _lines(path, read)
    if path.suffix == ".jsonl":
        yield from _of_objects(path, lines, fields)
        return
    joint = " " if wrapped else "\n"
    document: list[str] = []
    chars = 0
    for _, line in lines:
        text = line.strip() if wrapped else line
        if text.strip():
            document.append(text)
            chars += len(text)
        if document and (not text.strip() or chars > _MOST_CHARS):
            yield joint.join(document)
            document, chars = [], 0
    if document:
        yield joint.join(document)


def _of_objects(
    path: Path, lines: Iterator[tuple[int, str]], fields: Sequence[str]
) -> Iterator[str]:
    if not fields:
        raise InputError(f"{str(path)!r} holds JSON lines; say which fields are text with --field")
    for number, line in lines:
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{str(path)!r}, line {number}: no JSON ({error.msg})") from None
        values = [found.get(name) for name in fields] if isinstance(found, dict) else []
        texts = [value for value in values if isinstance(value, str)]
        if not texts:
            raise InputError(
                f"{str(path)!r}, line {number}: no text in {' or '.join(map(repr, fields))}"
            )
        yield "\n".join(texts)


def _lines(path: Path, read: Callable[[int], None]) -> Iterator[tuple[int, str]]:
    """Lines without their ends, with their numbers."""
    source: AbstractContextManager[BinaryIO]
    try:
        source = nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb")
    except OSError as error:
        raise InputError(f"cannot read {str(path)!r}: {error.strerror}") from error
    with source as file:
        for number, data in enumerate(file, start=1):
            read(len(data))
            try:
                line = data.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{str(path)!r}, line {number}: byte {error.start + 1} is not UTF-8; "
                    "convert the file first"
                ) from None
            yield number, line.rstrip("\r\n")
