"""HTML: what a reader of the page reads.

Scripts, styles, forms, navigation, code and what is hidden go. Where the page says which part is
its content (`main`, `article`), only that is taken. Nothing the page names is ever fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO, Final

import regex

from tecla.learning.base import Left, ReadingOptions, UnreadableError
from tecla.learning.encoding import decoded

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_NO_PROSE: Final = (
    "script, style, noscript, template, svg, math, nav, header, footer, aside, form, button, "
    "select, iframe, object, canvas, audio, video, pre, head, menu, dialog, [hidden], "
    "[aria-hidden=true], [role=navigation], [role=banner], [role=search]"
)
_BLOCKS: Final = frozenset({
    "address", "article", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hgroup", "html",
    "legend", "li", "main", "ol", "p", "section", "summary", "table", "tbody", "td", "tfoot", "th",
    "thead", "tr", "ul",
})  # fmt: skip
_HIDDEN: Final = regex.compile(r"(?i)(?:display\s*:\s*none|visibility\s*:\s*hidden)")
_CHARSET: Final = regex.compile(rb"(?i)<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w-]{2,40})")
_SPACE: Final = regex.compile(r"[^\S\u00a0]+")


def read_html(file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
    """The page as one text, a blank line between its blocks."""
    yield text_of(_decoded_page(file.read()))


def text_of(page: str) -> str:
    """What is to be read on a page; list items and cells on lines of their own."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(page)
    if tree.body is None:
        raise UnreadableError("no_text")
    for node in tree.css(_NO_PROSE):
        node.decompose()
    for node in tree.css("[style]"):
        if _HIDDEN.search(node.attributes.get("style") or ""):
            node.decompose()
    mains = tree.css("main") or tree.css("article")
    tops = [node for node in mains if not _is_inside(node, mains)] or [tree.body]
    return "\n\n".join(filter(None, (_blocks_of(top) for top in tops)))


def _decoded_page(data: bytes) -> str:
    """By the encoding it names where that can be true, else as any text."""
    named = _CHARSET.search(data[:2048])
    if named is not None and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        try:
            return data.decode(named.group(1).decode("ascii"))
        except (LookupError, UnicodeDecodeError, ValueError):
            pass
    return decoded(data)


def _is_inside(node: LexborNode, others: list[LexborNode]) -> bool:
    ids = {other.mem_id for other in others}
    above = node.parent
    while above is not None:
        if above.mem_id in ids:
            return True
        above = above.parent
    return False


def _blocks_of(top: LexborNode) -> str:
    """The text below a node: one block for each run of text with the same block above it."""
    blocks: list[tuple[int, str, list[str]]] = []  # identity and tag of the block, its pieces
    for node in top.traverse(include_text=True):
        if node.tag == "br" and blocks:
            blocks[-1][2].append("\n")
        elif node.tag == "-text":
            identity, tag = _block_above(node)
            if not blocks or blocks[-1][0] != identity:
                blocks.append((identity, tag, []))
            blocks[-1][2].append(_SPACE.sub(" ", node.text_content or "").replace("\u00a0", " "))
    out: list[str] = []
    last = ""
    for _, tag, pieces in blocks:
        text = "\n".join(line.strip() for line in "".join(pieces).split("\n")).strip()
        if text:
            beside = tag == last and tag in ("li", "dd", "dt", "td", "th")
            out += ["\n" if beside else "\n\n", text] if out else [text]
            last = tag
    return "".join(out)


def _block_above(node: LexborNode) -> tuple[int, str]:
    above = node.parent
    while above is not None and above.tag not in _BLOCKS:
        above = above.parent
    return (0, "") if above is None else (above.mem_id, above.tag or "")
