"""`tecla config`: every setting, and where its value comes from."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def config(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Print every setting with its value and origin.

    Settings come from arguments, TECLA_ environment variables, the file config.toml and
    defaults, in this order.
    """
    from tecla.settings import load

    loaded = load()
    if as_json:
        rows = [
            {
                "key": item.key,
                "section": item.section,
                "value": item.value if isinstance(item.value, int | None) else str(item.value),
                "origin": item.origin,
            }
            for item in loaded.origins
        ]
        print(json.dumps({"file": str(loaded.config_file), "settings": rows}, ensure_ascii=False))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("section", "key", "value", "from"):
        table.add_column(column, overflow="fold")
    for item in loaded.origins:
        table.add_row(item.section, item.key, _shown(item.key, item.value), item.origin)
    Console().print(table)
    state = "read" if loaded.config_file.is_file() else "not there"
    typer.echo(f"\nfile {loaded.config_file} ({state})")
    typer.echo("A variable is TECLA_ and the key in capitals.")


def _shown(key: str, value: object) -> str:
    if value is None:
        return "none" if key == "store_key_file" else "automatic"
    return str(value)
