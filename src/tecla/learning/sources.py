"""How files and the texts in them are named in the store, and found there again.

The source of a file is its absolute path. A file of many texts (a mailbox, a table) is a document
without text, which says that the file was read to its end, and one document for each text, named
after the file and the text's own digest: so a mailbox that grows has its new mails learnt, and
nothing else of it is touched.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import regex

from tecla.learning.base import ReadingOptions

READERS_VERSION: Final = 1  # goes up when files are to be read again, because readers have changed
_KEY: Final = regex.compile(r"#[0-9a-f]{32}\Z")
TEXT_DIGEST_BYTES: Final = 32


def recipe_of(options: ReadingOptions) -> bytes:
    """8 bytes that differ where files would be read otherwise."""
    parts = (str(READERS_VERSION), *options.columns, "\0", *sorted(options.senders))
    return hashlib.blake2b("\0".join(parts).encode("utf-8"), digest_size=8).digest()


def text_source(path: str, digest: bytes) -> str:
    """The source of one text of a file of many."""
    return f"{path}#{digest[:16].hex()}"


def file_of(source: str) -> str:
    """The path of the file that a source belongs to."""
    return _KEY.sub("", source)


def is_within(source: str, root: Path) -> bool:
    """Whether a source is a file, or of a file, that is `root` or lies below it."""
    path, top = file_of(source), str(root)
    return path == top or path.startswith(top.rstrip("/") + "/")


def within(sources: Iterable[str], root: Path) -> list[str]:
    """Those of the sources that are `root` or lie below it."""
    return [source for source in sources if is_within(source, root)]
