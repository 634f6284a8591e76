"""Offsets into one text, in the units that others count in: one codec for all of them.

Python counts characters (code points), browsers and language servers UTF-16 code units, files and
tokenizers bytes of UTF-8. An offset inside a character (between the halves of a surrogate pair,
behind the first byte of "é") has no meaning in characters and is refused, never rounded. A text
of ASCII alone costs nothing; another is measured once, when it is first asked about.
"""

from __future__ import annotations

from functools import cached_property
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from tecla.checks import whole
from tecla.errors import OptionError
from tecla.text.unicode import to_bytes

Unit = Literal["chars", "utf16", "bytes"]
UNITS: Final[tuple[Unit, ...]] = get_args(Unit)
_Counts = npt.NDArray[np.int64]


class Offsets:
    """The codec of one text."""

    def __init__(self, text: str) -> None:
        """Raises `InvalidTextError` for a lone surrogate."""
        to_bytes(text)
        self._text = text
        self._same = text.isascii()

    def to_chars(self, offset: int, unit: Unit) -> int:
        """The char offset of an offset in `unit`; both ends of the text are offsets of it.

        Raises `OptionError` for one outside the text or inside a character.
        """
        ends = self._ends(unit)
        most = len(self._text) if ends is None else int(ends[-1])
        whole("offset", offset, 0)
        if offset > most:
            raise OptionError(f"offset is {offset!r} {unit}; the text has {most}")
        if ends is None:
            return offset
        char = int(np.searchsorted(ends, offset))
        if ends[char] != offset:
            raise OptionError(
                f"offset {offset!r} {unit} stands inside character {char - 1}; use "
                f"{int(ends[char - 1])} or {int(ends[char])}"
            )
        return char

    def of_chars(self, char_offset: int, unit: Unit) -> int:
        """The offset in `unit` of a char offset; raises `OptionError` for one outside the text."""
        whole("char_offset", char_offset, 0)
        if char_offset > len(self._text):
            raise OptionError(
                f"char_offset is {char_offset!r}; the text has {len(self._text)} characters"
            )
        ends = self._ends(unit)
        return char_offset if ends is None else int(ends[char_offset])

    def _ends(self, unit: Unit) -> _Counts | None:
        """Where each character begins, and the last ends; `None` where units are characters."""
        if unit not in UNITS:
            raise OptionError(f"unit is {unit!r}; it must be one of {', '.join(UNITS)}")
        if unit == "chars" or self._same:
            return None
        return self._utf16 if unit == "utf16" else self._utf8

    @cached_property
    def _points(self) -> npt.NDArray[np.uint32]:
        return np.frombuffer(self._text.encode("utf-32-le"), np.dtype("<u4"))

    @cached_property
    def _utf16(self) -> _Counts:
        return _sums(1 + (self._points > 0xFFFF))

    @cached_property
    def _utf8(self) -> _Counts:
        points = self._points
        return _sums(1 + (points > 0x7F) + (points > 0x7FF) + (points > 0xFFFF))


def _sums(widths: npt.NDArray[np.int64]) -> _Counts:
    """[characters + 1] int64: the width of all characters before each."""
    found = np.zeros(len(widths) + 1, np.int64)
    np.cumsum(widths, out=found[1:])
    return found
