"""Corpora as passages: what a person types, and what stands before it.

It knows file formats and nothing of systems or typists. A passage is the unit of everything
later: it is typed as a whole, sampled as a whole and resampled as a whole. Invariant: an id names
a passage of a file for good, whatever part of the file is used.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, get_args

from tecla.errors import InputError
from tecla.evaluate.presage_protocol import protocol_words
from tecla.text.documents import decoded_lines

Kind = Literal["lines", "dialogue", "prose", "mail", "queries", "book"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Passage:
    """What is typed in one go: a turn, a mail, a line, a paragraph, a query.

    lead stands before the caret and is not typed (the turns or sentences before this one); header
    goes into `Context.header`; text is what is typed, never empty.
    """

    id: str
    kind: Kind
    header: str
    lead: str
    text: str

    def digest(self) -> str:
        """A short hash of all that a system sees of it."""
        whole = json.dumps([self.kind, self.header, self.lead, self.text])
        return hashlib.sha256(whole.encode()).hexdigest()[:16]


class _Line(NamedTuple):
    number: int
    text: str


def read_passages(kind: Kind, files: Sequence[Path]) -> list[Passage]:
    """The passages of the files, in order.

    Raises `InputError` with file and line for what is not of this kind, or holds no passage.
    """
    read = _READERS[kind]
    found: list[Passage] = []
    for file in files:
        before = len(found)
        found.extend(read(file, _lines(file)))
        if len(found) == before:
            raise InputError(f"{str(file)!r} holds no text to type; leave the file out")
    return found


def sample(passages: Sequence[Passage], min_chars: int | None, seed: int) -> list[Passage]:
    """Whole passages in a seeded order until at least `min_chars` are to be typed (None: all).

    The same for all systems, and a smaller sample is the beginning of a larger one.
    """
    shuffled = list(passages)
    random.Random(seed).shuffle(shuffled)
    if min_chars is None:
        return shuffled
    chars = 0
    for count, passage in enumerate(shuffled, 1):
        chars += len(passage.text)
        if chars >= min_chars:
            return shuffled[:count]
    return shuffled


def fold(text: str) -> str:
    """`text` as presage's protocol types it: lower case, no punctuation, single spaces.

    Marks are those of ASCII; an apostrophe parts a word in two, as any other mark does.
    """
    return " ".join(protocol_words(text))


def folded(passages: Sequence[Passage]) -> list[Passage]:
    """The passages with everything folded; those of punctuation alone are left out."""
    found = []
    for passage in passages:
        if text := fold(passage.text):
            lead = fold(passage.lead)
            header = fold(passage.header)
            lead = f"{lead} " if lead else ""
            found.append(replace(passage, header=header, lead=lead, text=text))
    return found


def corpus_hash(files: Sequence[Path]) -> str:
    """One hash over the contents of the files, in order."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def _lines(file: Path) -> list[_Line]:
    try:
        with file.open("rb") as data:
            return [_Line(*each) for each in enumerate(decoded_lines(data, repr(str(file))), 1)]
    except OSError as error:
        raise InputError(
            f"cannot read the corpus {str(file)!r}: {error.strerror}; correct its path"
        ) from None


def _each_line(kind: Kind) -> Callable[[Path, list[_Line]], Iterator[Passage]]:
    def read(file: Path, lines: list[_Line]) -> Iterator[Passage]:
        for number, line in lines:
            if text := line.strip():
                yield Passage(f"{file.name}:{number}", kind, "", "", text)

    return read


def _joined(kind: Kind, between: str) -> Callable[[Path, list[_Line]], Iterator[Passage]]:
    """Lines that stand behind each other until a blank line comes."""

    def read(file: Path, lines: list[_Line]) -> Iterator[Passage]:
        lead = ""
        for number, line in lines:
            text = line.strip()
            if not text:
                lead = ""
                continue
            yield Passage(f"{file.name}:{number}", kind, "", lead, text)
            lead += text + between

    return read


def _mails(file: Path, lines: list[_Line]) -> Iterator[Passage]:
    for number, line in lines:
        if not line.strip():
            continue
        where = f"{str(file)!r}, line {number}"
        mail = _object(line, where)
        subject = " ".join(_field(mail, "subject", where).split())
        if text := _field(mail, "body", where).strip():
            header = f"Subject: {subject}" if subject else ""
            yield Passage(f"{file.name}:{number}", "mail", header, "", text)


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{where}: not JSON ({error.msg}, column {error.colno}); mail is one object a line "
            "with subject and body"
        ) from None
    if not isinstance(found, dict):
        raise InputError(f"{where}: a {type(found).__name__}; mail is one object a line")
    return found


def _field(mail: dict[str, Any], name: str, where: str) -> str:
    value = mail.get(name)
    if not isinstance(value, str):
        there = ", ".join(sorted(mail)) or "none"
        raise InputError(f"{where}: no text in the field {name!r} (fields: {there}); add it")
    return value


def _books(file: Path, lines: list[_Line]) -> Iterator[Passage]:
    """Paragraphs with their lines joined; headings in capitals or brackets are left out."""
    paragraph: list[_Line] = []
    for line in [*lines, _Line(len(lines) + 1, "")]:
        if line.text.strip():
            paragraph.append(line)
            continue
        text = " ".join(" ".join(each.text.split()) for each in paragraph)
        if text and not text.isupper() and not (text[0] == "[" and text[-1] == "]"):
            yield Passage(f"{file.name}:{paragraph[0].number}", "book", "", "", text)
        paragraph = []


_READERS: Final[dict[Kind, Callable[[Path, list[_Line]], Iterator[Passage]]]] = {
    "lines": _each_line("lines"),
    "dialogue": _joined("dialogue", "\n"),
    "prose": _joined("prose", " "),
    "mail": _mails,
    "queries": _each_line("queries"),
    "book": _books,
}
