"""Everything that is known of a user or a collection, as files that need no tecla to be read.

One JSON object a line, or a ZIP archive with a text file for each document. The first line, or the
file `manifest.json`, says what it is and how much of everything follows.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import regex

from tecla.errors import OptionError
from tecla.files import replacing
from tecla.store.base import Store
from tecla.store.documents import Document
from tecla.store.events import EventFilter, FeedbackEvent
from tecla.store.owners import Owner

FORMAT: Final = "tecla-export"
VERSION: Final = 1
Form = Literal["jsonl", "zip"]
_PLAIN_NAME: Final = regex.compile(r"[^\w.-]+")


def form_of(path: Path) -> Form:
    """The form that a file's name asks for; raises `OptionError` for another."""
    suffix = path.suffix.lower()
    if suffix not in (".jsonl", ".zip"):
        raise OptionError(
            f"cannot export to {str(path)!r}: name a file that ends in .jsonl or .zip"
        )
    return "zip" if suffix == ".zip" else "jsonl"


def export(store: Store, owner: Owner, path: Path, *, now_s: float) -> dict[str, object]:
    """Write all that is known of `owner` to `path`, readable for nobody else; the manifest.

    The file is there whole or not at all. Raises `OptionError`, `StoreError`, `OSError`.
    """
    form = form_of(path)
    manifest = manifest_of(store, owner, now_s)
    with replacing(path) as part:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if form == "zip":
            _write_zip(store, owner, part, manifest)
        else:
            _write_lines(store, owner, part, manifest)
    return manifest


def manifest_of(store: Store, owner: Owner, now_s: float) -> dict[str, object]:
    """What an export holds, counted."""
    documents = texts = chars = 0
    for each in store.documents.all([owner]):
        documents += 1
        texts += bool(each.passages)
        chars += each.chars
    return {
        "format": FORMAT,
        "version": VERSION,
        "owner": asdict(owner),
        "made": datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds"),
        "documents": documents,
        "texts": texts,
        "chars": chars,
        "feedback": sum(1 for _ in _events(store, owner)),
        "settings": len(store.settings.of(owner)),
        "consent_since": _consent(store, owner),
    }


def document_row(document: Document) -> dict[str, object]:
    """What is known of a document, without its text."""
    return {
        "source": document.source,
        "kind": document.kind,
        "title": document.title,
        "language": document.language,
        "changed": _moment(document.time_s),
        "learnt": _moment(document.learnt_s),
        "size_bytes": document.size_bytes,
        "chars": document.chars,
        "passages": document.passages,
        "digest": bytes(document.digest).hex(),
    }


def rows(store: Store, owner: Owner, manifest: dict[str, object]) -> Iterator[dict[str, object]]:
    """Everything, one object at a time; `what` says what it is: first the manifest."""
    yield {"what": "manifest", **manifest}
    for key, value in store.settings.of(owner).items():
        yield {"what": "setting", "key": key, "value": value}
    for document in store.documents.all([owner]):
        yield {"what": "document", **document_row(document), "text": _text(store, document)}
    for event in _events(store, owner):
        yield {"what": "feedback", **asdict(event)}


def line(row: dict[str, object]) -> str:
    """A row as a line of JSON."""
    return json.dumps(row, ensure_ascii=False) + "\n"


def _write_lines(store: Store, owner: Owner, path: Path, manifest: dict[str, object]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(line(row) for row in rows(store, owner, manifest))


def _write_zip(store: Store, owner: Owner, path: Path, manifest: dict[str, object]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("manifest.json", _json(manifest))
        packed.writestr("settings.json", _json(store.settings.of(owner)))
        found = []
        for number, document in enumerate(store.documents.all([owner]), 1):
            row = document_row(document)
            if document.passages:
                plain = _PLAIN_NAME.sub("-", Path(document.source).name)[-80:].strip("-.")
                row["file"] = f"documents/{number:06}-{plain}.txt"
                packed.writestr(str(row["file"]), _text(store, document))
            found.append(line(row))
        packed.writestr("documents.jsonl", "".join(found))
        with packed.open("feedback.jsonl", "w", force_zip64=True) as file:
            for event in _events(store, owner):
                file.write(line(asdict(event)).encode("utf-8"))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _text(store: Store, document: Document) -> str:
    return "".join(each.text for each in store.documents.passages_of(document.id))


def _events(store: Store, owner: Owner) -> Iterator[FeedbackEvent]:
    if owner.kind == "user":
        return store.feedback.events(EventFilter(user=owner.name))
    return store.feedback.events(EventFilter(collection=owner.name))


def _consent(store: Store, owner: Owner) -> str | None:
    since_s = store.consent.since_s(owner.name) if owner.kind == "user" else None
    return None if since_s is None else _moment(since_s)


def _moment(time_s: float) -> str:
    try:
        return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds")
    except (OverflowError, OSError, ValueError):  # a file that says it is from another age
        return "unknown"
