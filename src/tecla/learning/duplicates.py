"""What an owner has been learnt from already: whole texts, and paragraphs of mails and code.

A text is learnt once for each owner, however often its file was copied. In mails, rows and source
code a longer paragraph is learnt once as well: a disclaimer or a licence stands in every one of
them, and counted a thousand times it would drown what was written by hand. Equal is what differs
in case, marks, numbers and white space alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import regex

LEAST_WORDS: Final = 20  # of a paragraph that is learnt once; what is shorter people do repeat
REPEATING_KINDS: Final = frozenset({"mail", "mbox", "source", "table", "json-lines"})
_LETTERS: Final = regex.compile(r"\P{L}+")
_SPACE: Final = regex.compile(r"\s+")
_PARAGRAPH: Final = regex.compile(r"(\n[^\S\n]*\n\s*)")


def digest_of(text: str) -> bytes:
    """32 bytes that tell whether two texts are the same but for white space."""
    return hashlib.sha256(_SPACE.sub(" ", text).strip().encode("utf-8")).digest()


class Paragraphs:
    """The longer paragraphs that were seen, as digests of 8 bytes, and the source that has each."""

    def __init__(self, texts: Iterable[tuple[str, str]] = ()) -> None:
        """Those of the texts, given with their sources, have been seen."""
        self._holder: dict[bytes, str] = {}
        for source, text in texts:
            for key, _ in _keyed(text):
                if key is not None:
                    self._holder.setdefault(key, source)

    def unseen(self, text: str, source: str, stays: Callable[[str], bool]) -> tuple[str, int]:
        """`text` without longer paragraphs that another source has, and how many those were.

        `stays` says whether what a source has will still be kept.
        """
        kept: list[str] = []
        dropped = 0
        for key, paragraph in _keyed(text):
            holder = None if key is None else self._holder.get(key)
            if holder is not None and holder != source and stays(holder):
                dropped += 1
                continue
            kept.append(paragraph)
            if key is not None:
                self._holder[key] = source
        return ("".join(kept).strip() if dropped else text), dropped


def _keyed(text: str) -> Iterator[tuple[bytes | None, str]]:
    """Paragraphs with what follows them; a key for those that are long enough."""
    parts = _PARAGRAPH.split(text)
    for at in range(0, len(parts), 2):
        words = _LETTERS.sub(" ", parts[at]).casefold().strip()
        key = None
        if words.count(" ") + 1 >= LEAST_WORDS:
            key = hashlib.blake2b(words.encode("utf-8"), digest_size=8).digest()
        yield key, "".join(parts[at : at + 2])
