"""`tecla type`: a full-screen writing app with ghost text."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, get_args

import typer

from tecla.errors import OptionError


def type_(
    file: Annotated[
        Path | None, typer.Argument(help="The file to write; it is made when it is saved.")
    ] = None,
    eagerness: Annotated[
        float, typer.Option(help="From 0 (nothing is shown) to 1 (whatever saves a key).")
    ] = 0.5,
    filters: Annotated[
        str, typer.Option(help="Of offensive words: off, standard or strict.")
    ] = "standard",
    language: Annotated[str, typer.Option(help="Of a text that does not tell, such as en.")] = "",
    feedback: Annotated[
        bool,
        typer.Option(
            help="Count on this machine what becomes of suggestions; text is kept only after "
            "`tecla learn --feedback`."
        ),
    ] = True,
    user: Annotated[
        str, typer.Option(help="Who writes: what was learnt of them is used, and nobody else's.")
    ] = "local",
    collection: Annotated[
        str | None, typer.Option(help="A collection that was learnt and is used as well.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Alias, path or Hugging Face name; see `tecla models`.")
    ] = None,
) -> None:
    """Write with ghost text: Tab takes all of it, Ctrl-Right a word, Esc sends it away.

    The file is saved by Ctrl-S: whole, in the place of the old one, with its permissions.
    """
    from tecla.checks import known
    from tecla.controller.controller import Controller
    from tecla.controller.manner import Manner
    from tecla.controller.personal import Personal
    from tecla.filters.lexicon import Level
    from tecla.filters.options import FilterOptions
    from tecla.settings import load
    from tecla.store.buffer import FeedbackBuffer
    from tecla.store.sqlite import SqliteStore
    from tecla.terminal.app import App
    from tecla.terminal.document import Document

    known([filters], get_args(Level))
    document = Document.open(file)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise OptionError("tecla type needs a terminal; `tecla complete` works without one")
    manner = Manner(eagerness=eagerness, language=language)
    options = FilterOptions(offensive=filters)  # type: ignore[arg-type]  # it is known
    print("loading the model …", file=sys.stderr)
    settings, record, personal = load().settings, None, None
    with ExitStack() as open_:
        if feedback or settings.paths.store_file.is_file():
            store = open_.enter_context(SqliteStore.open())
            personal = open_.enter_context(Personal.over(settings, store))
        controller = open_.enter_context(
            Controller.open(model, manner=manner, filters=options, personal=personal)
        )
        if feedback:
            record = open_.enter_context(FeedbackBuffer(store.feedback)).add
        writer = controller.writer(user=user, collection=collection, record=record)
        App(document, open_.enter_context(writer)).run()
