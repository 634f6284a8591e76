"""Mails: one file with one (EML, a file of a Maildir), or with all of a folder (mbox).

Read with the standard library. Of each mail its plain text is taken, or its HTML where it has no
other; attachments are never opened. What a program has sent and what is encrypted is left out, and
so is mail of other people when the addresses of the user are given.
"""

from __future__ import annotations

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import EmailPolicy, Policy
from email.utils import parseaddr
from itertools import count
from typing import BinaryIO, Final

import regex

from tecla.learning.base import Left, ReadingOptions, UnreadableError
from tecla.learning.encoding import decoded
from tecla.learning.html import text_of
from tecla.learning.replies import own_text

_FROM: Final = b"From "
_ENCRYPTED: Final = ("multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime")
_PGP: Final = "-----BEGIN PGP MESSAGE-----"
_SIGNED: Final = regex.compile(
    r"-----BEGIN PGP SIGNED MESSAGE-----\n(?:[^\n]+\n)*\n?(.*?)(?:\n-----BEGIN PGP SIGNATURE.*|\Z)",
    regex.DOTALL,
)
_BULK: Final = frozenset({"bulk", "list", "junk"})
_HEADER: Final = regex.compile(rb"[!-9;-~]{1,80}:")
_MOST_BODY_BYTES: Final = 4_000_000  # of what comes before the first attachment it is far below
_MOST_HEADER_CHARS: Final = 400
_MOST_PARTS: Final = 250


class _Policy(EmailPolicy):
    """The standard one, whose cost grows with the square of a header, with short headers."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:_MOST_HEADER_CHARS]


def read_mail(file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
    """What was written in one mail."""
    data = file.read()
    if not _HEADER.match(data.lstrip(b"\r\n")[:100]):
        raise UnreadableError("damaged")
    yield _own_of(data, options)


def read_mailbox(file: BinaryIO, options: ReadingOptions) -> Iterator[str | Left]:
    """What was written in each mail of an mbox, in order; memory is that of the largest."""
    found = False
    for data in _messages(file, options.limits.file_bytes):
        found = True
        yield Left("too_large") if data is None else _own_of(data, options)
    if not found:
        raise UnreadableError("damaged")


def _messages(file: BinaryIO, most_bytes: int) -> Iterator[bytes | None]:
    """Each message below its "From " line; `None` for one that is too large."""
    lines: list[bytes] = []
    size, begun, blank = 0, False, True
    for line in file:
        if blank and line.startswith(_FROM):
            if begun:
                yield b"".join(lines) if size <= most_bytes else None
            lines, size, begun = [], 0, True
        elif begun:
            size += len(line)
            if size <= most_bytes:
                lines.append(line[1:] if regex.match(rb">+From ", line) else line)
            else:
                lines.clear()
        elif line.strip():
            raise UnreadableError("damaged")
        blank = not line.strip(b"\r\n")
    if begun:
        yield b"".join(lines) if size <= most_bytes else None


def _own_of(data: bytes, options: ReadingOptions) -> str | Left:
    try:
        message = _parsed(data)
        sender = parseaddr(str(message.get("From", "")))[1].casefold()
        if options.senders and sender not in {each.casefold() for each in options.senders}:
            return Left("others_mail")
        if _is_of_machine(message):
            return Left("machine_mail")
        body = _body_of(message)
    except UnreadableError as unreadable:
        return Left(unreadable.reason)
    except Exception:  # the library raises of every kind at headers that nobody may write
        return Left("damaged")
    if _PGP in body:
        return Left("encrypted_mail")
    signed = _SIGNED.search(body)
    return own_text(body if signed is None else signed.group(1)) or Left("no_text")


def _parsed(data: bytes) -> EmailMessage:
    """The mail; raises `UnreadableError` ("damaged") where it has more parts than a mail has."""
    made = count()

    def part(policy: Policy) -> EmailMessage:
        if next(made) > _MOST_PARTS:
            raise UnreadableError("damaged")
        return EmailMessage(policy)

    # Its types know neither that the class is called with the policy nor that a policy may be one.
    return message_from_bytes(data, _class=part, policy=_Policy())  # type: ignore[arg-type]


def _is_of_machine(message: EmailMessage) -> bool:
    automatic = str(message.get("Auto-Submitted", "no")).strip().casefold() not in ("no", "")
    bulk = str(message.get("Precedence", "")).strip().casefold() in _BULK
    return automatic or bulk or "List-Unsubscribe" in message


def _body_of(message: EmailMessage) -> str:
    if message.get_content_type() in _ENCRYPTED:
        raise UnreadableError("encrypted_mail")
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None or part.is_multipart():
        raise UnreadableError("no_text")
    text = _content_of(part)  # type: ignore[arg-type]  # get_body gives what the policy makes
    if part.get_content_type() == "text/html":
        return text_of(text)
    if (part.get_param("format") or "") == "flowed":
        text = _flowed(text, delsp=part.get_param("delsp") == "yes")
    return text


def _content_of(part: EmailMessage) -> str:
    data = part.get_payload(decode=True)
    if not isinstance(data, bytes) or len(data) > _MOST_BODY_BYTES:
        raise UnreadableError("too_large")
    charset = part.get_content_charset()
    try:
        return data.decode(charset or "ascii")
    except (LookupError, UnicodeDecodeError):
        return decoded(data)


def _flowed(text: str, *, delsp: bool) -> str:
    """Lines that end with a space go on in the next (RFC 3676); quotes stay lines of their own."""
    out: list[str] = []
    goes_on = False
    for line in text.replace("\r\n", "\n").split("\n"):
        quoted = line.startswith(">")
        line = line.removeprefix(" ") if not quoted else line
        if goes_on and not quoted and line != "-- ":
            out[-1] += line
        else:
            out.append(line)
        goes_on = not quoted and line.endswith(" ") and line != "-- "
        if goes_on and delsp:
            out[-1] = out[-1][:-1]
    return "\n".join(out)
