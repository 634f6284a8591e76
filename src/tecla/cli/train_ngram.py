"""`tecla train ngram`: a word n-gram model of one's own texts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tecla.cli.reading import check_files, check_output, lines_of, progress_bar, shown_name

if TYPE_CHECKING:
    from rich.progress import Progress


def ngram(
    files: Annotated[list[str], typer.Argument(help="UTF-8 files; - reads standard input.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The file to write.")],
    order: Annotated[int, typer.Option(help="Words and marks of the longest n-grams.")] = 5,
    min_count: Annotated[
        int, typer.Option(help="Leave out n-grams of three and more that come less often.")
    ] = 1,
    wrapped: Annotated[
        bool, typer.Option("--wrapped", help="Join broken lines; a blank line ends a paragraph.")
    ] = False,
    field: Annotated[
        list[str] | None, typer.Option(help="A field of text in .jsonl files; may come again.")
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(help="Know the frequent words of this language (such as en or es) as well."),
    ] = None,
) -> None:
    """Count the word n-grams of FILES and smooth them after Kneser and Ney.

    Lines are kept as they are; a blank line ends a text. Memory is bounded however much is read.
    """
    from tecla.ngram.train import TrainingOptions, train_ngram

    options = TrainingOptions(order=order, min_count=min_count)
    check_files(files)
    check_output(output)
    prior = None
    if language is not None:
        from tecla.classic.default_ngram import frequencies

        prior = frequencies(language)
    with progress_bar() as progress:
        texts = chain.from_iterable(
            _documents(file, wrapped, field or [], progress) for file in files
        )
        task = progress.add_task("counting", total=1.0, visible=False)

        def show(what: str, share: float) -> None:
            progress.update(task, description=what, completed=share, visible=True)

        done = train_ngram(texts, output, options, show, prior)
    entries = ", ".join(f"{count:,}" for count in done.entries)
    typer.echo(
        f"wrote {output}: {done.words:,} words read in {done.seconds:.1f} s; n-grams by length "
        f"{entries}; {done.file_bytes / 1e6:.1f} MB"
    )


def _documents(file: str, wrapped: bool, fields: list[str], progress: Progress) -> Iterator[str]:
    from tecla.text.documents import decoded_lines, documents, object_documents

    name = shown_name(file)
    lines = decoded_lines(lines_of(file, progress), name)
    if file.endswith(".jsonl"):
        yield from object_documents(lines, name, fields)
    else:
        yield from documents(lines, wrapped=wrapped)
