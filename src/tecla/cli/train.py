"""`tecla train`: predictors made from one's own texts, lists and logs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tecla.cli import train_ngram
from tecla.cli.reading import (
    STANDARD_INPUT,
    check_files,
    check_output,
    lines_of,
    progress_bar,
    shown_name,
)
from tecla.errors import ModelError, OptionError
from tecla.files import replacing

if TYPE_CHECKING:
    from rich.progress import Progress

    from tecla.classic.entry_files import Entry
    from tecla.classic.querylog_file import Asked

app = typer.Typer(
    help="Make a predictor from one's own texts, lists and logs.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("ngram")(train_ngram.ngram)
Files = Annotated[list[str], typer.Argument(help="UTF-8 files; - reads standard input.")]
Output = Annotated[Path, typer.Option("-o", "--output", help="The file to write.")]


@app.command("dictionary")
def dictionary(files: Files, output: Output) -> None:
    """Make a dictionary of the entries in FILES.

    A file is CSV or TSV by its name, otherwise plain text: one entry a line (a word or several),
    perhaps with a tab and a weight behind it. A first row that names its columns is understood.
    """
    from tecla.classic.dictionary_file import save_dictionary
    from tecla.classic.entry_files import added_up

    check_files(files)
    check_output(output)
    with progress_bar() as progress:
        weights = added_up(chain.from_iterable(_entries(file, progress) for file in files))
        task = progress.add_task("laying out", total=len(weights))
        size = save_dictionary(output, weights, lambda done: progress.advance(task, done))
    typer.echo(f"wrote {output}: {_counted(len(weights), 'entry', 'entries')}, {_shown_size(size)}")


@app.command("querylog")
def querylog(
    files: Files,
    output: Output,
    half_life_days: Annotated[
        float | None, typer.Option(help="Days in which an asking loses half its weight [30].")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Add to a log that is there; all of FILES or nothing.")
    ] = False,
) -> None:
    """Make a query log of FILES: one query a line.

    Behind a tab may stand how often it was asked, behind another when (seconds since the epoch or
    a date such as 2026-11-23); those without a time were asked now.
    """
    from tecla.classic.querylog import HALF_LIFE_DAYS, QueryLog
    from tecla.classic.querylog_file import QueryLogFile

    check_files(files)
    check_output(output)
    if update and half_life_days is not None:
        raise OptionError("--half-life-days is fixed when a log is made; leave it out of --update")
    now = time.time()
    with progress_bar() as progress:
        asked = chain.from_iterable(_queries(file, now, progress) for file in files)
        if update:
            with QueryLogFile.open(output) as log:
                added = sum(1 for _ in log.record(asked))
        else:
            half_life = HALF_LIFE_DAYS if half_life_days is None else half_life_days
            try:
                with (
                    replacing(output) as part,
                    QueryLog.create(part, half_life_days=half_life) as empty,
                ):
                    added = sum(1 for _ in empty.file.record(asked))
            except OSError as error:
                raise ModelError(f"cannot write {str(output)!r}: {error.strerror}") from error
    size = _shown_size(output.stat().st_size)
    typer.echo(f"wrote {output}: {_counted(added, 'query', 'queries')} added, {size}")


def _entries(file: str, progress: Progress) -> Iterator[Entry]:
    from tecla.classic.entry_files import form_of, read_entries
    from tecla.text.documents import decoded_lines

    name = shown_name(file)
    form = "text" if file == STANDARD_INPUT else form_of(file)
    yield from read_entries(decoded_lines(lines_of(file, progress), name), name, form)


def _queries(file: str, now: float, progress: Progress) -> Iterator[Asked]:
    from tecla.classic.query_lines import read_queries
    from tecla.text.documents import decoded_lines

    name = shown_name(file)
    yield from read_queries(decoded_lines(lines_of(file, progress), name), name, now)


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"


def _shown_size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:.1f} kB"
