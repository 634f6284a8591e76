"""Reading files and standard input line by line, with a progress bar on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tecla.errors import OptionError

if TYPE_CHECKING:
    from rich.progress import Progress

STANDARD_INPUT = "-"


def shown_name(file: str) -> str:
    """What messages call a file given on the command line."""
    return "standard input" if file == STANDARD_INPUT else repr(file)


def check_files(files: Sequence[str]) -> None:
    """Raise `OptionError` for a file that is not there, before anything is read."""
    for file in files:
        if file != STANDARD_INPUT and not Path(file).is_file():
            what = "is a folder" if Path(file).is_dir() else "does not exist"
            raise OptionError(f"cannot read {file!r}: it {what}")
    if files.count(STANDARD_INPUT) > 1:
        raise OptionError("- (standard input) is given twice; it can be read once")


def check_output(output: Path) -> None:
    """Raise `OptionError` for a file that cannot be written, before the work begins."""
    if output.is_dir():
        raise OptionError(f"cannot write {str(output)!r}: it is a folder; name a file in it")
    if not output.parent.is_dir():
        raise OptionError(
            f"cannot write {str(output)!r}: there is no folder {str(output.parent)!r}"
        )


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar that goes away when it is done; nothing where standard error is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        yield progress


def lines_of(file: str, progress: Progress) -> Iterator[bytes]:
    """The lines of a file or of standard input, with their ends, as they are read.

    Raises `OptionError` if it cannot be read.
    """
    if file == STANDARD_INPUT:
        yield from _reported(sys.stdin.buffer, None, "reading standard input", progress)
        return
    try:
        with Path(file).open("rb") as opened:
            size = Path(file).stat().st_size
            yield from _reported(opened, size, f"reading {Path(file).name}", progress)
    except OSError as error:
        raise OptionError(f"cannot read {file!r}: {error.strerror}") from error


def _reported(
    opened: BinaryIO, total_bytes: int | None, title: str, progress: Progress
) -> Iterator[bytes]:
    task = progress.add_task(title, total=total_bytes)
    for line in opened:
        progress.advance(task, len(line))
        yield line
    progress.update(task, visible=False)
