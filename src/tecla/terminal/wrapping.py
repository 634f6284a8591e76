"""Lines that are longer than the screen break between words.

The screen breaks a line where it is full, so what is drawn of a line gets blanks in front of every
word that would be broken. They are no part of the text: the caret never stands among them. Signs
of two cells (Chinese, Japanese, Korean) may stand apart from each other, so the screen breaks them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput
from prompt_toolkit.layout.utils import explode_text_fragments
from prompt_toolkit.utils import get_cwidth


class WrapProcessor(Processor):
    """Breaks lines between words; the last of a control's processors."""

    def apply_transformation(self, given: TransformationInput) -> Transformation:
        """The line with blanks in front of the words that go to the next row."""
        signs = explode_text_fragments(given.fragments)
        pads = paddings("".join(sign[1] for sign in signs), given.width)
        if not pads:
            return Transformation(given.fragments)
        starts = [start for start, _ in pads]
        before = [0, *accumulate(count for _, count in pads)]  # blanks up to each break
        drawn: StyleAndTextTuples = []
        blanks = dict(pads)
        for at, sign in enumerate(signs):
            if at in blanks:
                drawn.append(("", " " * blanks[at]))
            drawn.append(sign)
        ends = [start + count for start, count in zip(starts, before[1:], strict=True)]

        def to_display(column: int) -> int:
            return column + before[bisect_right(starts, column)]

        def to_source(column: int) -> int:
            passed = bisect_right(ends, column)
            source = column - before[passed]
            return min(source, starts[passed]) if passed < len(starts) else source

        return Transformation(drawn, source_to_display=to_display, display_to_source=to_source)


def paddings(line: str, width: int) -> Sequence[tuple[int, int]]:
    """Where blanks go into a line that is drawn in rows of `width` cells: offset and count.

    A word leaves a cell for the space behind it, unless it is the last one. One that is longer than
    a row is broken.
    """
    found = []
    column = 0
    for start, piece in _pieces(line):
        cells = get_cwidth(piece)
        is_last = start + len(piece) == len(line)
        most = width if is_last else width - 1
        if column > 0 and column + cells > most >= cells and not piece.isspace():
            if not _is_wide(piece):
                found.append((start, width - column))
                column = 0
            elif column + cells > width:
                column = 0
        column += cells
        if column >= width > 0:
            column %= width
    return found


def _is_wide(sign: str) -> bool:
    return len(sign) == 1 and get_cwidth(sign) == 2


def _pieces(line: str) -> Iterator[tuple[int, str]]:
    """What is not broken, with its offset: words, blanks, and each sign of two cells."""
    start = 0
    for at, sign in enumerate(line):
        if at > start and (
            _is_wide(sign) or _is_wide(line[at - 1]) or sign.isspace() != line[at - 1].isspace()
        ):
            yield start, line[start:at]
            start = at
    if start < len(line):
        yield start, line[start:]
