"""`tecla learned`: what is known, and of whom."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Annotated

import typer

from tecla.cli.owning import owner_of, printable
from tecla.errors import OptionError

if TYPE_CHECKING:
    from tecla.store.base import Store
    from tecla.store.documents import Document
    from tecla.store.owners import Owner


@dataclass(slots=True)
class _Row:
    """A file, with all texts that were learnt of it."""

    owner: Owner
    file: str
    kind: str
    texts: int = 0
    passages: int = 0
    chars: int = 0
    size_bytes: int = 0
    learnt_s: float = 0.0

    def document(self) -> dict[str, object]:
        return {
            "owner": {"kind": self.owner.kind, "name": self.owner.name},
            "file": self.file,
            "kind": self.kind,
            "texts": self.texts,
            "passages": self.passages,
            "chars": self.chars,
            "size_bytes": self.size_bytes,
            "learnt": datetime.fromtimestamp(self.learnt_s).astimezone().isoformat("T", "seconds"),
        }


def learned(
    matching: Annotated[
        list[str] | None, typer.Argument(help="Only files with one of these in their path.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Of this user [everybody].")] = None,
    collection: Annotated[str | None, typer.Option(help="Of this collection.")] = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only of this kind, such as pdf; may come again.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List what was learnt: files, their kind, texts, characters, and when.

    Without options it is that of every user and collection of this machine.
    """
    from tecla.learning.summary import many
    from tecla.store.sqlite import SqliteStore

    _check_kinds(kind or ())
    owner = None if user is None and collection is None else owner_of(user, collection)
    with SqliteStore.open() as store:
        known = _by_file(store.documents.all(None if owner is None else [owner]))
        nothing = None if known else _nothing(store, owner)
    rows = [
        row
        for row in known
        if (not matching or any(each in row.file for each in matching))
        and (not kind or row.kind in kind)
    ]
    if as_json:
        print(json.dumps({"learned": [row.document() for row in rows]}, ensure_ascii=False))
    elif nothing is not None:
        typer.echo(nothing)
    elif not rows:
        whose = "" if owner is None else f" for the {owner.kind} {owner.name!r}"
        wanted = _wanted(matching or (), kind or ())
        typer.echo(f"Of what was learnt{whose} ({many(len(known), 'file')}) nothing {wanted}.")
    else:
        _print_table(rows)
        texts = many(sum(row.texts for row in rows), "text")
        chars = many(sum(row.chars for row in rows), "character")
        typer.echo(f"{many(len(rows), 'file')}, {texts}, {chars}")


def _check_kinds(kinds: Sequence[str]) -> None:
    """Raise `OptionError` for what is no kind, naming the one that such files are of."""
    from tecla.checks import nearest
    from tecla.learning.kinds import KINDS, kind_of
    from tecla.store.documents import OF_FEEDBACK

    valid = (*KINDS, OF_FEEDBACK)
    for each in kinds:
        if each not in valid:
            ending = kind_of(PurePath(f"a.{each}"))
            hint = f"did you mean {ending!r}?" if ending else nearest(each, valid)
            said = f"there is no kind {each!r}; {hint or ''}".rstrip()
            raise OptionError(f"{said} kinds are {', '.join(valid)}")


def _nothing(store: Store, owner: Owner | None) -> str:
    """That there is no document of somebody, or of anybody."""
    from tecla.learning.known import is_known, said_unknown

    if owner is None:
        return "Nothing is known. `tecla learn PATH` learns files and folders."
    if is_known(store, owner):
        return f"Nothing was learnt for the {owner.kind} {owner.name!r}."
    said = said_unknown(store, owner)
    return f"{said[0].upper()}{said[1:]}."


def _wanted(matching: Sequence[str], kinds: Sequence[str]) -> str:
    """What files were asked for, in words."""
    path = f"has {' or '.join(map(repr, matching))} in its path" if matching else ""
    kind = f"is of the kind {' or '.join(map(repr, kinds))}" if kinds else ""
    return " and ".join(filter(None, (path, kind)))


def _by_file(documents: Iterable[Document]) -> list[_Row]:
    from tecla.learning.sources import file_of

    rows: dict[tuple[Owner, str], _Row] = {}
    for each in documents:
        file = file_of(each.source)
        row = rows.setdefault((each.owner, file), _Row(each.owner, file, each.kind))
        row.texts += bool(each.passages)
        row.passages += each.passages
        row.chars += each.chars
        row.size_bytes = max(row.size_bytes, each.size_bytes)
        row.learnt_s = max(row.learnt_s, each.learnt_s)
    return sorted(rows.values(), key=lambda row: (row.owner.kind, row.owner.name, row.file))


def _print_table(rows: list[_Row]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:  # one line a file, for other programs
        for row in rows:
            typer.echo("  ".join(map(printable, _cells(row))))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("of", "kind", "learnt"):
        table.add_column(column, no_wrap=True)
    for column in ("texts", "characters"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("file", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in _cells(row)))
    console.print(table)


def _cells(row: _Row) -> tuple[str, ...]:
    learnt = datetime.fromtimestamp(row.learnt_s).astimezone()
    return (
        f"{row.owner.kind} {row.owner.name}",
        row.kind,
        f"{learnt:%Y-%m-%d %H:%M}",
        f"{row.texts:,}",
        f"{row.chars:,}",
        row.file,
    )
