"""`tecla export`: all that is known of somebody, given back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tecla.cli.owning import owner_of
from tecla.cli.reading import check_output
from tecla.errors import OptionError


def export(
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The file to write: .jsonl or .zip.")
    ],
    user: Annotated[str | None, typer.Option(help="Of this user [local].")] = None,
    collection: Annotated[str | None, typer.Option(help="Of this collection.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write everything that is known of a user or a collection to a file.

    Documents with their text, feedback, consent and settings; as JSON lines, or as a ZIP archive
    with one text file for each document. The file can be read by its owner alone.
    """
    import time

    from tecla.learning import exporting
    from tecla.store.sqlite import SqliteStore

    owner = owner_of(user, collection)
    check_output(output)
    exporting.form_of(output)
    with SqliteStore.open() as store:
        try:
            manifest = exporting.export(store, owner, output, now_s=time.time())
        except OSError as error:
            raise OptionError(f"cannot write {str(output)!r}: {error.strerror}") from error
    if as_json:
        print(json.dumps(manifest, ensure_ascii=False))
    else:
        typer.echo(
            f"wrote {output}: {manifest['texts']:,} texts ({manifest['chars']:,} characters), "
            f"{manifest['feedback']:,} events of feedback, {manifest['settings']:,} settings"
        )
