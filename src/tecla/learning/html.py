"""HTML: what a reader of the page reads.

Scripts, styles, forms, navigation, code and what is hidden go. Where the page says which part is
its content (`main`, `article`), only that is taken. Nothing the page names is ever fetched.

A page may be hostile, so the cost grows with its length alone. Two things in HTML itself grow with
its square: formatting that is left open is made anew in each paragraph that follows (13 kB become
half a gigabyte), so its tags become `span`, of which that is not so; and each new block looks for
an open paragraph in all that is open, so of a page only so much may stay open.
"""

from __future__ import annotations

from collections import Counter
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
_FORMATTING: Final = regex.compile(
    r"(?i)(</?)(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)(?=[\s/>])"
)
_TAG: Final = regex.compile(  # but of those that nobody needs to close
    r"(?i)<(/?)(?!(?:area|base|br|col|dd|dt|embed|hr|img|input|li|link|meta|option|p|param|source"
    r"|tbody|td|tfoot|th|thead|tr|track|wbr)[\s/>])([a-z]\w{0,20}+)"
)
_MOST_OPEN: Final = 10_000  # tags more than are closed
_HIDDEN: Final = regex.compile(r"(?i)(?:display\s*:\s*none|visibility\s*:\s*hidden)")
_CHARSET: Final = regex.compile(rb"(?i)<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w-]{2,40})")
_SPACE: Final = regex.compile(r"[^\S\u00a0]+")


def read_html(file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
    """The page as one text, a blank line between its blocks."""
    yield text_of(_decoded_page(file.read()))


def text_of(page: str) -> str:
    """What is to be read on a page; list items and cells on lines of their own."""
    from selectolax.lexbor import LexborHTMLParser

    page = _FORMATTING.sub(r"\1span", page)
    if _left_open(page) > _MOST_OPEN:
        raise UnreadableError("damaged")
    tree = LexborHTMLParser(page)
    if tree.body is None:
        raise UnreadableError("no_text")
    for node in tree.css(_NO_PROSE):
        node.decompose()
    for node in tree.css("[style]"):
        if _HIDDEN.search(node.attributes.get("style") or ""):
            node.decompose()
    tops = _outermost(tree.body, "main") or _outermost(tree.body, "article") or [tree.body]
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


def _left_open(page: str) -> int:
    """How many more tags are opened than closed."""
    opened: Counter[str] = Counter()
    for match in _TAG.finditer(page):
        opened[match[2].lower()] += -1 if match[1] else 1
    return (+opened).total()


def _outermost(body: LexborNode, tag: str) -> list[LexborNode]:
    """The elements of a tag that are in no other of it."""
    found: list[LexborNode] = []
    inside: set[int] = set()
    for node in body.traverse():
        if node.parent is not None and node.parent.mem_id in inside:
            inside.add(node.mem_id)
        elif node.tag == tag:
            inside.add(node.mem_id)
            found.append(node)
    return found


def _blocks_of(top: LexborNode) -> str:
    """The text below a node: one block for each run of text with the same block above it."""
    blocks: list[tuple[int, str, list[str]]] = []  # identity and tag of the block, its pieces
    above: dict[int, tuple[int, str]] = {}  # the block that each node is in or is
    for node in top.traverse(include_text=True):
        block = None if node.parent is None else above.get(node.parent.mem_id)
        if block is None or node.tag in _BLOCKS:
            block = (node.mem_id, node.tag or "")
        above[node.mem_id] = block
        if node.tag == "br" and blocks:
            blocks[-1][2].append("\n")
        elif node.tag == "-text":
            identity, tag = block
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
