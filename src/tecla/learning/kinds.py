"""From the name of a file to the reader of its kind. Readers' libraries are imported late."""

from __future__ import annotations

from importlib import import_module
from pathlib import PurePath
from typing import Final, Literal, cast, get_args

import regex

from tecla.learning.base import Limits, Reader
from tecla.learning.comments import SUFFIXES as SOURCE_SUFFIXES

Kind = Literal[
    "text", "markdown", "html", "mail", "mbox", "docx", "pdf", "source", "table", "json-lines"
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
# Whose texts have nothing to do with each other: each is a document of its own.
OF_MANY: Final[frozenset[Kind]] = frozenset({"mbox", "table", "json-lines"})
_READERS: Final[dict[Kind, str]] = {
    "text": "plain:read_plain",
    "markdown": "markdown:read_markdown",
    "html": "html:read_html",
    "mail": "mail:read_mail",
    "mbox": "mail:read_mailbox",
    "docx": "docx:read_docx",
    "pdf": "pdf:read_pdf",
    "source": "comments:read_comments",
    "table": "tables:read_table",
    "json-lines": "objects:read_objects",
}
_SUFFIXES: Final[dict[str, Kind]] = {
    ".txt": "text", ".text": "text", ".rst": "text", ".org": "text", ".adoc": "text",
    ".md": "markdown", ".markdown": "markdown", ".mdown": "markdown", ".qmd": "markdown",
    ".html": "html", ".htm": "html", ".xhtml": "html",
    ".eml": "mail", ".mbox": "mbox", ".mbx": "mbox",
    ".docx": "docx", ".pdf": "pdf",
    ".csv": "table", ".tsv": "table", ".tab": "table",
    ".jsonl": "json-lines", ".ndjson": "json-lines",
    **dict.fromkeys(SOURCE_SUFFIXES, "source"),
}  # fmt: skip
_MAILDIRS: Final = frozenset({"cur", "new"})
# "time.delivery.host", with ":2," and flags once it was seen; a host may end like a suffix.
_DELIVERY: Final = regex.compile(r"\d{9,}+\.[^.]++\.|.*:2,")


def kind_of(path: PurePath, head: bytes = b"") -> Kind | None:
    """The kind of a file by its name or, where that says nothing, by its first bytes."""
    if path.parent.name in _MAILDIRS and _DELIVERY.match(path.name):
        return "mail"
    found = _SUFFIXES.get(path.suffix.lower())
    if found is not None:
        return found
    if head.startswith(b"From ") and b"\n" in head[:300]:
        return "mbox"
    return None


def most_bytes(kind: Kind, limits: Limits) -> int:
    """How large a file of a kind may be."""
    if kind == "source":
        return limits.source_bytes
    return limits.rows_bytes if kind in OF_MANY else limits.file_bytes


def reader_of(kind: Kind) -> Reader:
    """The reader of a kind."""
    module, _, name = _READERS[kind].partition(":")
    return cast(Reader, getattr(import_module(f"tecla.learning.{module}"), name))
