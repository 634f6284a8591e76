"""Lines that were broken to a width, joined again.

People write paragraphs; files often hold them broken to 72 or 80 columns. Learnt like that, every
line break would be taken for something the writer does. A break is taken for such a wrap if the
next word would not have fitted on its line: then nobody chose it. The width is that of the text's
longer lines; a text that has lines far beyond it was not broken at all and is left as it is.
"""

from __future__ import annotations

from typing import Final

import regex

LEAST_WIDTH: Final = 45
MOST_WIDTH: Final = 110
_MOST_BEYOND: Final = 0.2  # of the characters may stand in lines that are longer
_LEAST_LINES: Final = 2  # that tell the width
_OWN_LINE: Final = regex.compile(  # a list's item, a heading, a table, a quote, a rule
    r"\s*(?:[-*+•–—·>|#]|\p{Nd}{1,3}[.)]|\p{L}[.)])\s|\s*[-=_*#|+]{3,}|\s*[|>]|\t|\ {4,}"
)
_GAP: Final = regex.compile(r"\n[^\S\n]*\n\s*")


def unwrapped(text: str) -> str:
    """`text` with its line ends as LF, and without those that only a width has made."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    width = width_of(text)
    if width is None:
        return text
    return "\n\n".join(_joined(block, width) for block in _GAP.split(text))


def width_of(text: str) -> int | None:
    """Columns that the lines of `text` were broken to; `None` where they were not."""
    inner = [
        len(line.rstrip())
        for block in _GAP.split(text)
        for line in block.split("\n")[:-1]
        if not _OWN_LINE.match(line)
    ]
    chars = sum(map(len, text.split("\n")))
    beyond = sum(len(line) for line in text.split("\n") if len(line) > MOST_WIDTH)
    long = sorted(size for size in inner if LEAST_WIDTH <= size <= MOST_WIDTH)
    if len(long) < _LEAST_LINES or beyond > _MOST_BEYOND * chars:
        return None
    return long[int(0.9 * (len(long) - 1))]


def _joined(block: str, width: int) -> str:
    lines = block.split("\n")
    out = [lines[0].rstrip()]
    last = out[0]  # the line as it stood
    for line in lines[1:]:
        word = line.split(maxsplit=1)[0] if line.strip() else ""
        fits = not word or len(last) + 1 + len(word) <= width
        if fits or _OWN_LINE.match(line) or _is_ruled(last):
            out.append(line.rstrip())
        else:
            out[-1] = f"{out[-1]} {line.strip()}"
        last = line.rstrip()
    return "\n".join(out)


def _is_ruled(line: str) -> bool:
    """Whether nothing is ever joined to a line: a heading, a rule, a row of a table."""
    return bool(regex.match(r"\s*(?:#{1,6}\s|[-=_*]{3,}\s*$|\|)", line))
