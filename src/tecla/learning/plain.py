"""Plain text: the whole file is one text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from tecla.learning.base import Left, ReadingOptions
from tecla.learning.encoding import decoded
from tecla.learning.lines import unwrapped


def read_plain(file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
    """The text, its paragraphs' lines joined where they were broken to a width."""
    yield unwrapped(decoded(file.read()))
