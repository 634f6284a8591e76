"""The entry point: builds the command line and turns errors into one line and an exit status.

Commands import what they need when they run, so that `tecla --help` loads no engine.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from tecla.cli import (
    calibrate,
    compare,
    complete,
    config,
    doctor,
    evaluate,
    export,
    forget,
    keys,
    learn,
    learned,
    models,
    search,
    serve,
    train,
    type,
)
from tecla.errors import OUTSIDE, TeclaError

app = typer.Typer(
    name="tecla",
    help="Completes what a person is writing, on this machine.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("complete")(complete.complete)
app.command("compare")(compare.compare)
app.add_typer(train.app, name="train")
app.command("evaluate")(evaluate.evaluate)
app.command("type")(type.type_)
app.command("serve")(serve.serve)
app.add_typer(keys.app, name="keys")
app.command("calibrate")(calibrate.calibrate)
app.command("search")(search.search)
app.command("learn")(learn.learn)
app.command("learned")(learned.learned)
app.command("forget")(forget.forget)
app.command("export")(export.export)
app.command("models")(models.models)
app.command("doctor")(doctor.doctor)
app.command("config")(config.config)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # costs 25 ms, a fifth of `tecla --help`

        typer.echo(f"tecla {version('tecla')}")
        raise typer.Exit


@app.callback()
def _options(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Hold the options that stand before a command."""


def main() -> None:
    """Run the command line; exit status 0, 2 for bad input, 3 for a model that cannot load."""
    try:
        app()
    except TeclaError as error:
        print(f"tecla: {error}", file=sys.stderr)
        sys.exit(OUTSIDE[error.code].exit_status)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
