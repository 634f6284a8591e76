"""`tecla learn`: files and folders, for a user or a collection."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tecla.cli.owning import owner_of, printable
from tecla.cli.reading import progress_bar
from tecla.errors import OptionError

if TYPE_CHECKING:
    from tecla.cli.indexing import Indexing
    from tecla.learning.base import Reason
    from tecla.learning.learner import Advance, Learner
    from tecla.learning.summary import Summary
    from tecla.store.owners import Owner
    from tecla.store.sqlite import SqliteStore

_MOST_NAMED = 20  # files that are named as skipped, unless asked for with --json


def learn(
    paths: Annotated[list[Path] | None, typer.Argument(help="Files and folders.")] = None,
    user: Annotated[str | None, typer.Option(help="Whose they are [local].")] = None,
    collection: Annotated[
        str | None, typer.Option(help="Learn for a collection, which many users may have.")
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="A column or field of tables and JSON lines [what looks like text]."),
    ] = None,
    sender: Annotated[
        list[str] | None,
        typer.Option("--from", help="Learn mail from this address alone; may come again."),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="A pattern of files to leave out, as in .gitignore.")
    ] = None,
    keep_removed: Annotated[
        bool, typer.Option("--keep-removed", help="Keep what was learnt of files that are gone.")
    ] = False,
    feedback: Annotated[
        bool,
        typer.Option(
            "--feedback",
            help="From now on keep and learn the text of suggestions that the user accepts.",
        ),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on, and learn whatever changes, until Ctrl-C.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read everything, keep and forget nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a round.")] = False,
) -> None:
    """Learn how somebody writes, or what a domain says, from files.

    Plain text, Markdown, HTML, mail (EML, mbox, Maildir), DOCX, PDF, comments of source code, CSV,
    TSV and JSON lines. What was learnt already and has not changed is not read again; what was
    learnt of files that are gone is forgotten. Secrets and personal data are left out.
    """
    from tecla.cli.indexing import Indexing
    from tecla.learning.base import ReadingOptions
    from tecla.learning.learner import Learner, LearningOptions
    from tecla.learning.rules import patterns_of
    from tecla.settings import load
    from tecla.store.sqlite import SqliteStore

    owner = owner_of(user, collection)
    if not paths and not feedback:
        raise OptionError("there is nothing to learn; name files or folders, or give --feedback")
    if feedback and (owner.kind != "user" or dry_run):
        raise OptionError("--feedback is for a user, and no dry run; leave out the other")
    loaded = load().settings
    options = LearningOptions(
        ReadingOptions(tuple(column or ()), tuple(sender or ())),
        exclude=(*patterns_of(loaded.learning.learn_exclude), *(exclude or ())),
        keep_removed=keep_removed,
        dry=dry_run,
    )
    with (
        SqliteStore.open() as store,
        Indexing(loaded) as indexing,
        Learner(
            store, owner, options, brought_up=lambda owner: indexing.follow(store, owner)
        ) as learner,
    ):
        indexing.purge(store)  # what a command that was ended has left to be thrown away
        if feedback:
            _learn_accepted(store, owner, indexing)
        if paths and watch:
            _watch(learner, paths, as_json=as_json)
        elif paths:
            with _progress() as advance:
                summary = learner.learn(paths, advance)
            _tell(summary, dry=dry_run, as_json=as_json)


def _learn_accepted(store: SqliteStore, owner: Owner, indexing: Indexing) -> None:
    """Have the user's consent, and learn what was accepted since it was given."""
    from tecla.learning.accepted import learn_accepted
    from tecla.learning.summary import many

    is_new = store.consent.since_s(owner.name) is None
    store.consent.give(owner.name)
    days = learn_accepted(store, owner.name)
    if days:
        indexing.follow(store, owner)
    said = "from now on is" if is_new else "is"
    typer.echo(
        f"what the user {owner.name!r} accepts {said} kept and learnt ({many(days, 'day')} now); "
        "`tecla forget --feedback` ends it and erases it",
        err=True,
    )


def _watch(learner: Learner, paths: Sequence[Path], *, as_json: bool) -> None:
    from tecla.learning.watching import changes_in, keep_learnt

    first = True

    def told(summary: Summary) -> None:
        nonlocal first
        if first or summary.changed:
            _tell(summary, dry=learner.options.dry, as_json=as_json)
        if first and not as_json:
            typer.echo("watching; Ctrl-C ends it", err=True)
        first = False

    try:
        keep_learnt(learner, paths, changes_in(paths), told)
    except KeyboardInterrupt:
        typer.echo("", err=True)


def as_line(document: dict[str, object]) -> str:
    r"""As JSON, in which what is no Unicode of a file's name is escaped: \udcff for the byte FF."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _tell(summary: Summary, *, dry: bool, as_json: bool) -> None:
    if as_json:
        print(as_line(summary.document()), flush=True)
        return
    for line in summary.lines(dry=dry):
        typer.echo(printable(line))
    gone = "would be forgotten" if dry else "forgotten"
    _name(
        f"{path}: {gone}, though it is there; its folder is learnt without it, so name it itself"
        for path in summary.ruled_out
    )
    _name(
        f"{path}: {_why(reason, summary.columns.get(path, ()))}"
        for path, reason in summary.skipped_files
        if reason not in ("kind", "ignored", "link")
    )


def _name(files: Iterable[str]) -> None:
    """Say something of each of some files, unless they are many."""
    lines = list(files)
    for line in lines[:_MOST_NAMED]:
        typer.echo(printable(f"  {line}"), err=True)
    if len(lines) > _MOST_NAMED:
        typer.echo(f"  and {len(lines) - _MOST_NAMED} more; --json names all", err=True)


def _why(reason: Reason, columns: Sequence[str]) -> str:
    from tecla.learning.base import REASONS

    has = f"; it has {', '.join(map(repr, columns))}" if columns else ""
    return f"{REASONS[reason]}{has}"


@contextmanager
def _progress() -> Iterator[Advance]:
    with progress_bar() as bar:
        task = bar.add_task("looking for files", total=None)

        def advance(path: Path, done: int, total: int) -> None:
            bar.update(
                task, description=printable(path.name)[:40], completed=done, total=max(1, total)
            )

        yield advance
