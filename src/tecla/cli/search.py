"""`tecla search`: what is found of what was learnt, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tecla.retrieval.retriever import Found
    from tecla.store.owners import Owner

_SHOWN_CHARS = 240
_SHOWN_WORDS = 8


def search(
    query: Annotated[str, typer.Argument(help="What to look for; - reads standard input.")],
    user: Annotated[
        str | None, typer.Option(help="Whose documents [local, unless --collection is given].")
    ] = None,
    collection: Annotated[
        list[str] | None, typer.Option(help="A collection; may be given more than once.")
    ] = None,
    k: Annotated[int, typer.Option("-k", help="Most passages.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the passages that would be found for a text, and why.

    They are found by the words they share with it (BM25) and by meaning (the cosine of their
    vectors), each in the order of its rank in both lists together. Passages that were learnt since
    the last time get their vectors first.
    """
    from tecla.cli.complete import read_text
    from tecla.cli.owning import owner_of
    from tecla.retrieval.embedding import open_embedding
    from tecla.retrieval.retriever import Retriever
    from tecla.settings import load
    from tecla.store.owners import Owner
    from tecla.store.sqlite import SqliteStore

    owners = [Owner("collection", name) for name in collection or ()]
    if user is not None or not owners:
        owners.insert(0, owner_of(user, None))
    text = read_text(query)
    embedding = open_embedding(load().settings.retrieval.embedding)
    with SqliteStore.open() as store:
        retriever = Retriever(store.documents, embedding)
        retriever.index()
        found = retriever.find(text, owners, k)
    if as_json:
        print(json.dumps({"found": [_row(each) for each in found]}, ensure_ascii=False))
    elif not found:
        typer.echo(_nothing(owners))
    else:
        _print_table(found)


def _row(found: Found) -> dict[str, object]:
    passage = found.passage
    return {
        "owner": {"kind": passage.owner.kind, "name": passage.owner.name},
        "source": passage.source,
        "position": passage.position,
        "score": found.score,
        "words": {"rank": found.words_rank, "score": found.words_score},
        "meaning": {"rank": found.meaning_rank, "similarity": found.similarity},
        "shared": list(found.shared),
        "text": passage.text,
    }


def _nothing(owners: list[Owner]) -> str:
    names = ", ".join(f"{owner.kind} {owner.name!r}" for owner in owners)
    return f"Nothing is found for {names}. `tecla learned` shows what is known."


def _print_table(found: list[Found]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("rank", "words", "meaning"):
        table.add_column(column, justify="right", no_wrap=True)
    for column in ("from", "passage"):
        table.add_column(column, overflow="fold")
    for rank, each in enumerate(found, 1):
        words = "-" if each.words_rank is None else f"{each.words_rank} ({each.words_score:.1f})"
        near = "-" if each.meaning_rank is None else f"{each.meaning_rank} ({each.similarity:.2f})"
        passage = Text(_shortened(each.passage.text))
        if each.shared:
            telling = sorted(each.shared, key=len, reverse=True)[:_SHOWN_WORDS]
            passage.append(f"\nshares: {', '.join(telling)}", style="dim")
        where = Text(_printable(f"{each.passage.owner.name}: {each.passage.source}"))
        table.add_row(str(rank), words, near, where, passage)
    Console().print(table)


def _shortened(text: str) -> str:
    """A passage on one line, cut between words."""
    from tecla.retrieval.choosing import cut

    line = _printable(" ".join(text.split()))
    return line if len(line) <= _SHOWN_CHARS else f"{cut(line, _SHOWN_CHARS)} …"


def _printable(text: str) -> str:
    """Without what would be an order to a terminal."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
