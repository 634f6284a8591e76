"""Markdown: the prose, as it is typed.

Headings, lists and emphasis keep their marks, since whoever writes Markdown types them. Code
blocks, HTML, front matter and the addresses of links and images go: code is another language with
other words, nobody types an address from memory, and both would fill the index with what is never
to be suggested in prose. Inline code stays, because a sentence without it says something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, Final

import regex

from tecla.learning.base import Left, ReadingOptions
from tecla.learning.encoding import decoded
from tecla.learning.lines import unwrapped

_FRONT: Final = regex.compile(
    r"\A(?:---|\+\+\+)[ \t]*\n(?:.*\n)*?(?:---|\+\+\+|\.\.\.)[ \t]*(?:\n|\Z)"
)
_CODE: Final = frozenset({"fence", "code_block", "html_block"})
_IMAGE: Final = regex.compile(r"!\[[^\]\n]{0,300}+\](?:\([^)\n]{0,2000}+\)|\[[^\]\n]{0,100}+\])")
_LINK: Final = regex.compile(
    r"(?<!!)\[([^\[\]\n]{1,300}+)\](?:\((?:[^()\n]|\([^()\n]*+\)){0,2000}+\)|\[[^\]\n]{0,100}+\])"
)
_DEFINITION: Final = regex.compile(r"(?m)^ {0,3}\[[^\]\n]{1,100}\]:[ \t].*$\n?")
_AUTOLINK: Final = regex.compile(r"<(?:https?|mailto|ftp):[^>\s]{1,2000}+>")
_TAG: Final = regex.compile(r"</?[A-Za-z][^<>\n]{0,300}+>|<!--.{0,5000}?-->", regex.DOTALL)


def read_markdown(file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
    """The prose of the file as one text."""
    yield prose_of(decoded(file.read()))


def prose_of(text: str) -> str:
    """`text` without code, HTML, front matter and addresses; broken lines joined."""
    text = _FRONT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _without_code(text)
    for pattern in (_IMAGE, _DEFINITION, _AUTOLINK, _TAG):
        text = pattern.sub("", text)
    return unwrapped(_LINK.sub(r"\1", text))


def _without_code(text: str) -> str:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    parser.core.ruler.disable("inline")
    lines: list[str] = text.split("\n")
    for token in parser.parse(text):
        if token.type in _CODE and token.map is not None:
            start, end = token.map
            lines[start:end] = [""] * (end - start)
    return "\n".join(lines)
