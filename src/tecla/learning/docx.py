"""DOCX: paragraphs and cells in their order, through python-docx.

Deleted text of tracked changes, comments, notes, headers and footers go; inserted text stays. A
file that unpacks to more than the limit is not unpacked. Its XML is parsed without entities
(python-docx's parser resolves none), and nothing it names is fetched.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from tecla.learning.base import Left, ReadingOptions, UnreadableError

if TYPE_CHECKING:
    from docx.table import Table

_LEFT_OUT: Final = frozenset({"del", "moveFrom", "Fallback", "txbxContent", "instrText"})
_BREAKS: Final = {"br": "\n", "cr": "\n", "tab": "\t", "noBreakHyphen": "-"}
_OLE: Final = b"\xd0\xcf\x11\xe0"  # what a DOCX with a password is packed into
_MOST_NESTING: Final = 20  # tables in tables


def read_docx(file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
    """The document as one text, a blank line between paragraphs."""
    from docx import Document

    if file.read(4) == _OLE:
        raise UnreadableError("locked")
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as packed:
            sizes = [item.file_size for item in packed.infolist()]
            if sum(sizes) > options.limits.unpacked_bytes:
                raise UnreadableError("too_large")
            if any(item.flag_bits & 1 for item in packed.infolist()):
                raise UnreadableError("locked")
        file.seek(0)
        document = Document(file)
    except (MemoryError, RecursionError, UnreadableError):
        raise
    except Exception as error:  # zipfile, zlib, lxml and python-docx each raise of their own
        raise UnreadableError("damaged") from error
    yield "\n\n".join(_blocks(document, 0))


def _blocks(holder: Any, depth: int) -> Iterator[str]:
    """Paragraphs of a body or a cell; a list's items stay together."""
    from docx.text.paragraph import Paragraph

    listed: list[str] = []
    for item in holder.iter_inner_content():
        if isinstance(item, Paragraph):
            text = "".join(_pieces(item._p)).strip()
            if text and _is_item(item):
                listed.append(text)
                continue
            if listed:
                yield "\n".join(listed)
                listed = []
            if text:
                yield text
        elif depth < _MOST_NESTING:
            yield from _cells(item, depth)
    if listed:
        yield "\n".join(listed)


def _cells(table: Table, depth: int) -> Iterator[str]:
    """The texts of a table, each cell once, however many rows and columns it spans."""
    for row in table._tbl.tr_lst:
        for cell in row.tc_lst:
            from docx.table import _Cell

            yield from _blocks(_Cell(cell, table), depth + 1)


def _is_item(paragraph: Any) -> bool:
    properties = paragraph._p.pPr
    return properties is not None and properties.numPr is not None


def _pieces(element: Any) -> Iterator[str]:
    """The visible text below an element; elements are read in order and without recursion."""
    waiting = [element]
    while waiting:
        found = waiting.pop()
        name = found.tag.rpartition("}")[2] if isinstance(found.tag, str) else ""
        if name in _LEFT_OUT:
            continue
        if name == "t":
            yield found.text or ""
        elif name in _BREAKS:
            yield _BREAKS[name]
        waiting.extend(reversed(found))
