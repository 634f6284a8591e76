"""Texts that a program hands over, as what may be kept of them: no file stands behind them.

They go the way of files: read by their kind, cleaned, secrets left out, cut into passages. A text
is known by the name that the program gives it, its source; one that is given again under the same
source takes the place of the old one. Knows no store and nobody's limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final, Literal, NamedTuple

from tecla.learning.base import Left, ReadingOptions, Reason, UnreadableError
from tecla.learning.cleaning import cleaned
from tecla.learning.duplicates import digest_of
from tecla.learning.kinds import reader_of
from tecla.learning.passages import passages
from tecla.learning.redaction import Kind as RedactionKind
from tecla.learning.redaction import redacted
from tecla.learning.sources import recipe_of
from tecla.store.documents import NewDocument
from tecla.store.owners import Owner
from tecla.text.unicode import to_bytes

GivenKind = Literal["text", "markdown", "html", "mail"]
_OPTIONS: Final = ReadingOptions()
_MARK: Final = b"\xef\xbb\xbf"  # what is read is UTF-8, whatever it says of itself


@dataclass(frozen=True, slots=True)
class Given:
    """A text as it was handed over. kind: how it is to be read; `mail` is a whole mail, as sent."""

    source: str = field(repr=False)
    text: str = field(repr=False)
    kind: GivenKind = "text"
    title: str = field(default="", repr=False)
    language: str | None = None


class Prepared(NamedTuple):
    """What may be learnt of a text: `None`, for a reason; and how many sentences were left out."""

    document: NewDocument | None
    reason: Reason | None
    redacted: Counter[RedactionKind]


def prepared(owner: Owner, given: Given, now_s: float) -> Prepared:
    """The document of a text; costs about a second for a million characters.

    Raises `OptionError` where its source or title cannot be one, `InvalidTextError`.
    """
    to_bytes(given.text)
    removed: Counter[RedactionKind] = Counter()
    try:
        read = "\n\n".join(_read(given))
    except UnreadableError as unreadable:
        return Prepared(None, unreadable.reason, removed)
    except Exception:  # a library's own; a text is never worth the others
        return Prepared(None, "broke_down", removed)
    text, removed = redacted(cleaned(read))
    if not text:
        return Prepared(None, "no_text", removed)
    document = NewDocument(
        owner=owner,
        source=given.source,
        kind=given.kind,
        digest=digest_of(text) + recipe_of(_OPTIONS),
        time_s=now_s,
        size_bytes=len(given.text.encode()),
        passages=tuple(passages(text)),
        language=given.language,
        title=given.title,
    )
    return Prepared(document, None, removed)


def _read(given: Given) -> Iterator[str]:
    data = given.text.encode()
    if given.kind == "html":
        from tecla.learning.html import text_of

        yield text_of(given.text)
        return
    file = BytesIO(data if given.kind == "mail" else _MARK + data)
    for found in reader_of(given.kind)(file, _OPTIONS):
        if isinstance(found, Left):
            raise UnreadableError(found.reason)
        yield found
