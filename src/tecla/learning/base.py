"""The contract of readers: from the bytes of one kind of file to the texts that are in it.

Owns the values that pass between finding files, reading them and keeping them. A reader knows one
format and nothing of where the file came from or where its texts go. It runs in a process that may
be ended at any moment (`child.py`), so it holds nothing that must be put away.

A file holds one text (a page, a book) or many that have nothing to do with each other (the mails of
a mailbox, the rows of a table). No text is ever longer than `Limits.text_chars`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO, Final, Literal, Protocol

from tecla.checks import whole
from tecla.errors import OptionError

Reason = Literal[
    "kind", "binary", "no_text", "damaged", "locked", "no_column", "other_columns", "too_large",
    "too_long", "too_much_memory", "unreadable", "link", "name", "ignored", "same", "others_mail",
    "machine_mail", "encrypted_mail", "bad_row", "broke_down", "not_installed",
]  # fmt: skip
REASONS: Final[dict[Reason, str]] = {
    "kind": "of a kind that is not learnt",
    "binary": "no text, whatever its name says",
    "no_text": "no text in it",
    "damaged": "damaged, cut short, or not of the kind its name says",
    "locked": "locked with a password",
    "no_column": "none of its columns or fields is text; name one with --column",
    "other_columns": "none of its columns or fields has a name given with --column",
    "too_large": "too large",
    "too_long": "took too long to read",
    "too_much_memory": "needed too much memory to read",
    "unreadable": "cannot be opened",
    "link": "a link; what it leads to is learnt where it lies",
    "name": "its name is no text",
    "ignored": "left out by a rule",
    "same": "the same text was learnt already",
    "others_mail": "mail that somebody else has written",
    "machine_mail": "mail that a program has sent",
    "encrypted_mail": "encrypted mail",
    "bad_row": "lines that are no row of the table, or no JSON",
    "broke_down": "its reader broke down",
    "not_installed": "needs a library that is not installed",
}
# With these a file says nothing new about itself: what was learnt from it stays.
PASSING: Final[frozenset[Reason]] = frozenset({
    "damaged", "unreadable", "too_long", "too_much_memory", "broke_down", "not_installed", "locked",
    "other_columns",
})  # fmt: skip
MOST_COLUMNS: Final = 40  # that are named of a file
MOST_COLUMN_CHARS: Final = 60


class UnreadableError(Exception):
    """A file, or one text of it, that is not learnt. Never leaves the room.

    reason: why, one of `REASONS`. columns: what its columns or fields are called, where none of
    them was asked for; at most `MOST_COLUMNS`, each cut to `MOST_COLUMN_CHARS`.
    """

    def __init__(self, reason: Reason, columns: Iterable[str] = ()) -> None:
        """Name the reason, and the columns that there are."""
        super().__init__(reason)
        self.reason: Reason = reason
        self.columns = tuple(each[:MOST_COLUMN_CHARS] for each in islice(columns, MOST_COLUMNS))


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may cost.

    file_bytes: of a file that is read as a whole. rows_bytes: of one that is read text by text
    (mailboxes, tables, JSON lines). source_bytes: of source code; longer is made by a program.
    unpacked_bytes: of all that a compressed file unpacks to. text_chars: of one text; what is
    beyond becomes the next. file_chars: of all texts of a file. pages: of a PDF.
    seconds: until the next text must have come, and for each 10 MB of a file.
    memory_bytes: of the process that reads, beyond what it has at its start.
    """

    file_bytes: int = 64_000_000
    rows_bytes: int = 4_000_000_000
    source_bytes: int = 1_000_000
    unpacked_bytes: int = 256_000_000
    text_chars: int = 8_000_000
    file_chars: int = 400_000_000
    pages: int = 5_000
    seconds: float = 30.0
    memory_bytes: int = 2_000_000_000

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        for name in ("file_bytes", "rows_bytes", "source_bytes", "unpacked_bytes", "text_chars"):
            whole(name, getattr(self, name), 1)
        for name in ("file_chars", "pages", "memory_bytes"):
            whole(name, getattr(self, name), 1)
        if not 0 < self.seconds < float("inf"):
            raise OptionError(f"seconds is {self.seconds!r}; it must be above 0")


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """How files are read.

    columns: of tables and JSON lines, by name or by number from 1; none takes those that look like
    text. senders: addresses whose mail is learnt; none takes everybody's.
    """

    columns: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, slots=True)
class Left:
    """Texts of a file that were left out, and why; a reader yields it between texts."""

    reason: Reason
    count: int = 1


class Reader(Protocol):
    """From an open file to its texts, in the order they stand in it."""

    def __call__(self, file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
        """Texts as they stand in the file, neither cleaned nor checked.

        Raises `UnreadableError` where nothing of it, or nothing more, can be read.
        """
        ...
