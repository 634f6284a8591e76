"""PDF: the text of its pages, through pypdf.

A page has lines, no paragraphs. What stands on page after page at the same end (titles, numbers)
goes. A word that is divided at a line's end is put together: with its hyphen if the document
writes it with one elsewhere, else without. A line goes on in the next unless it is much shorter
than the others, or ends a sentence and the next begins like one after a short line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

import regex

from tecla.learning.base import Left, ReadingOptions, UnreadableError

if TYPE_CHECKING:
    from pypdf import PdfReader

_EDGE_LINES: Final = 2  # of a page, at which titles and numbers stand
_LEAST_PAGES: Final = 3
_FULL: Final = 0.75  # of the usual line; a shorter one ends a paragraph
_DIVIDED: Final = regex.compile(r"(\p{L}+)[-\u2010\u00ad]$")
_WORD: Final = regex.compile(r"\p{L}+(?:[-\u2010]\p{L}+)*")
_ITEM: Final = regex.compile(r"\s*(?:[•·▪◦*–—-]|\p{Nd}{1,3}[.)])\s")
_LIGATURES: Final = str.maketrans({"ﬁ": "fi", "ﬂ": "fl", "ﬀ": "ff", "ﬃ": "ffi", "ﬄ": "ffl"})


def read_pdf(file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
    """The document as one text."""
    pages = [page.translate(_LIGATURES).split("\n") for page in _pages(file, options)]
    if not any(line.strip() for page in pages for line in page):
        raise UnreadableError("no_text")
    yield _paragraphs(_without_edges(pages))


def _pages(file: BinaryIO, options: ReadingOptions) -> Iterator[str]:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    if b"%PDF-" not in file.read(1024):
        raise UnreadableError("damaged")
    file.seek(0)
    try:
        reader = PdfReader(file, strict=False)
        _unlock(reader)
        if len(reader.pages) > options.limits.pages:
            raise UnreadableError("too_large")
        chars = 0
        for page in reader.pages:
            text = page.extract_text()
            chars += len(text)
            if chars > options.limits.text_chars:
                raise UnreadableError("too_large")
            yield text
    except (MemoryError, RecursionError, UnreadableError):
        raise
    except PyPdfError as error:
        raise UnreadableError("damaged") from error
    except Exception as error:  # at damaged files pypdf raises of every kind
        raise UnreadableError("damaged") from error


def _unlock(reader: PdfReader) -> None:
    """Open one whose password is empty; raises `UnreadableError` ("locked") for others."""
    if reader.is_encrypted:
        try:
            opened = reader.decrypt("")
        except Exception as error:
            raise UnreadableError("locked") from error
        if not opened:
            raise UnreadableError("locked")


def _without_edges(pages: list[list[str]]) -> list[list[str]]:
    """Pages without lines that many of them begin or end with, numbers aside."""
    pages = [[line for line in page if line.strip()] for page in pages]
    seen = Counter(key for page in pages for key in {_key(line) for line in _edges(page)})
    often = max(_LEAST_PAGES, len(pages) // 3)
    repeated = {key for key, times in seen.items() if times >= often}
    return [
        [
            line
            for at, line in enumerate(page)
            if not ((at < _EDGE_LINES or at >= len(page) - _EDGE_LINES) and _key(line) in repeated)
        ]
        for page in pages
    ]


def _edges(page: list[str]) -> list[str]:
    return [*page[:_EDGE_LINES], *page[-_EDGE_LINES:]]


def _key(line: str) -> str:
    return regex.sub(r"\p{Nd}+", "0", line).strip().casefold()


def _paragraphs(pages: list[list[str]]) -> str:
    lines = [line.strip() for page in pages for line in page]
    sizes = sorted(map(len, lines))
    usual = sizes[int(0.8 * (len(sizes) - 1))] if sizes else 0
    whole = Counter(
        word.casefold() for line in lines for word in _WORD.findall(line) if not line.endswith("-")
    )
    out: list[str] = []
    last = ""
    for line in lines:
        divided = _DIVIDED.search(last)
        if divided is not None and line[:1].islower():
            out[-1] = _put_together(out[-1], line, divided.group(1), whole)
        elif out and len(last) >= _FULL * usual and not _ITEM.match(line) and usual > 20:
            out[-1] = f"{out[-1]} {line}"
        else:
            out.append(line)
        last = line
    return "\n\n".join(out)


def _put_together(above: str, line: str, first: str, whole: Counter[str]) -> str:
    rest = _WORD.match(line)
    second = "" if rest is None else rest.group().split("-")[0]
    hyphened = whole[f"{first}-{second}".casefold()]
    joint = "-" if hyphened > whole[f"{first}{second}".casefold()] else ""
    return f"{above[:-1]}{joint}{line}"
