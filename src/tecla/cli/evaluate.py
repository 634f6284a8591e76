"""`tecla evaluate`: systems on texts, measured as one configuration says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tecla.errors import PeerMissingError

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from tecla.evaluate.run import Progress, Recording


def evaluate(
    config: Annotated[Path, typer.Argument(help="TOML file: systems, corpora, seed, budgets.")],
    folder: Annotated[Path, typer.Option("-o", "--output", help="Folder of the run.")],
    texts: Annotated[
        Path | None,
        typer.Option(help="Folder of the corpora (default: that of the configuration)."),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Most passages of each corpus, for a quick look.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the folder.")
    ] = False,
) -> None:
    """Record what every system says at every caret of every text, and compute all figures.

    Writes records, results.json and a report (HTML, Markdown) to the folder; prints tables. An
    interrupted run goes on with --resume; what is recorded is not asked again.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from tecla.evaluate.config import load_config
    from tecla.evaluate.report import write_report
    from tecla.evaluate.run import RESULTS, run
    from tecla.evaluate.tables import tables

    loaded = load_config(config, texts)
    errors = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f} keys"),
        TimeRemainingColumn(),
    )
    bar = Progress(*columns, console=errors)
    try:
        results = run(loaded, folder, limit=limit, resume=resume, progress=_progress(bar))
    finally:
        if bar.tasks:  # one that never started would print an empty line
            bar.stop()
    output = Console()
    for table in tables(results):
        output.print(table)
        output.print()
    for each in results["missing"]:
        errors.print(
            f"tecla: {each['system']} on {each['corpus']} left out: {each['why']}", markup=False
        )
    written = [folder / RESULTS]
    try:
        written += write_report(results, folder)
    except PeerMissingError as error:
        errors.print(f"tecla: no report: {error}", markup=False)
    output.print("written: " + ", ".join(map(str, written)), markup=False, highlight=False)


def _progress(bar: Bar) -> Progress:
    from rich.progress import TaskID

    from tecla.evaluate.run import Progress

    tasks: list[TaskID] = []

    def begin(recording: Recording, done: int) -> None:
        bar.start()
        title = f"{recording.system.name} on {recording.corpus.title} ({recording.way})"
        tasks.append(bar.add_task(title, total=recording.chars, completed=done))

    def advance(chars: int) -> None:
        bar.advance(tasks[-1], chars)

    return Progress(begin, advance)
