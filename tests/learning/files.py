"""Small files of every kind, made where a test needs them, and reading them as a learner does."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tecla.learning.base import Left, ReadingOptions, UnreadableError
from tecla.learning.child import read
from tecla.learning.kinds import Kind, kind_of

PROSE = "The quick brown fox jumps over the lazy dog while the rain falls on the roof."


def texts_of(path: Path, options: ReadingOptions | None = None) -> list[str]:
    """The texts of a file, read in this process."""
    return [each for each in everything_of(path, options) if isinstance(each, str)]


def everything_of(path: Path, options: ReadingOptions | None = None) -> list[str | Left]:
    kind = kind_of(path, path.read_bytes()[:4096])
    assert kind is not None
    return list(read(path, kind, options or ReadingOptions()))


def why_not(path: Path, kind: Kind | None = None, options: ReadingOptions | None = None) -> str:
    """The reason for which a file is not read."""
    try:
        list(read(path, kind or kind_of(path) or "text", options or ReadingOptions()))
    except UnreadableError as unreadable:
        return unreadable.reason
    return "read"


def docx(path: Path, paragraphs: Sequence[str]) -> Path:
    from docx import Document

    document = Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    document.save(str(path))
    return path


def changed_in_zip(path: Path, name: str, old: bytes, new: bytes) -> None:
    """Replace bytes of one file of an archive."""
    with zipfile.ZipFile(path) as packed:
        parts = {item: packed.read(item) for item in packed.namelist()}
    assert old in parts[name]
    parts[name] = parts[name].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for item, data in parts.items():
            packed.writestr(item, data)


def pdf(path: Path, pages: Sequence[Sequence[str]], password: str | None = None) -> Path:
    """Pages of lines, in a font that every reader knows."""
    from pypdf import PdfReader, PdfWriter

    objects = [b"<< /Type /Catalog /Pages 2 0 R >>"]
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(len(pages)))
    objects.append(f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode())
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    for at, lines in enumerate(pages):
        drawn = ["BT /F1 11 Tf 14 TL 50 780 Td"]
        for line in lines:
            escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            drawn.append(f"({escaped}) Tj T*")
        content = "\n".join([*drawn, "ET"]).encode("latin-1")
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {5 + 2 * at} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for place in places:
        out += b"%010d 00000 n \n" % place
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        start,
    )
    if password is None:
        path.write_bytes(out)
        return path
    writer = PdfWriter()
    writer.append(PdfReader(io.BytesIO(bytes(out))))
    writer.encrypt(password, algorithm="RC4-128")
    writer.write(str(path))
    return path


def eml(body: str, sender: str = "me@example.org", **headers: str) -> bytes:
    """A mail of plain text."""
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, "you@example.org", "About it"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content(body)
    return message.as_bytes()


def mbox(mails: Sequence[bytes]) -> bytes:
    """A mailbox of mails."""
    out = b""
    for mail in mails:
        lines = [b">" + line if line.startswith(b"From ") else line for line in mail.split(b"\n")]
        out += b"From me@example.org Mon Jan  1 00:00:00 2024\n" + b"\n".join(lines) + b"\n\n"
    return out
