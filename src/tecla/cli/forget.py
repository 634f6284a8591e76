"""`tecla forget`: documents, a user, a collection, or everything; and the proof that it is gone."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tecla.cli.learn import as_line
from tecla.cli.owning import owner_of, printable
from tecla.errors import OptionError, StoreError

if TYPE_CHECKING:
    from tecla.learning.forgetting import Plan, Proof, Wish
    from tecla.learning.traces import Traces
    from tecla.settings import LoadedSettings


def forget(
    sources: Annotated[
        list[str] | None,
        typer.Argument(help="Files or folders that were learnt, whether or not they are there."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Of this user [local]; alone: everything of this user.")
    ] = None,
    collection: Annotated[
        str | None, typer.Option(help="Of this collection; alone: everything of it.")
    ] = None,
    feedback: Annotated[
        bool,
        typer.Option(
            "--feedback",
            help="Text that the user has accepted, and the consent to keep any; counts stay.",
        ),
    ] = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="All documents, feedback, settings and keys.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Forget documents, a user, a collection or everything, and prove it.

    Pieces of the texts that stand nowhere else are looked for in all of tecla's files before and
    after: as UTF-8 and UTF-16, as token ids of the model, and inside what is packed. If one is
    left, the exit status is 1.
    """
    from tecla.cli.indexing import Indexing
    from tecla.learning.forgetting import proven
    from tecla.settings import load
    from tecla.store.sqlite import SqliteStore

    if feedback:
        wish = _wish_of_feedback(sources or [], user, collection, everything=everything)
    else:
        wish = _wish(sources or [], user, collection, everything=everything)
    loaded = load()
    places = _places(loaded)
    with Indexing(loaded.settings) as indexing:
        planned, proof = proven(
            SqliteStore.open,
            wish,
            places,
            agreed=lambda planned: yes or _agrees(planned),
            purge=indexing.purge,
            spell=indexing.spell,
        )
    if proof is None:
        typer.echo("nothing was forgotten")
        raise typer.Exit(1)
    there = [path for path in places if path.exists()]
    if as_json:
        print(as_line(_document(planned, proof, there)))
    else:
        _tell(planned, proof, there)
    if not proof.holds:
        own = loaded.settings.paths.store_file.resolve()
        raise StoreError(_left(planned.wish, proof.after.hits, own))


def _wish(
    sources: list[str], user: str | None, collection: str | None, *, everything: bool
) -> Wish:
    from tecla.learning.forgetting import Wish

    if everything:
        if sources or user is not None or collection is not None:
            raise OptionError("--everything leaves nothing to choose; give it alone")
        return Wish()
    if not sources and user is None and collection is None:
        raise OptionError(
            "there is nothing to forget; name files or folders, --user, --collection, --feedback "
            "or --everything"
        )
    return Wish(owner_of(user, collection), tuple(sources))


def _wish_of_feedback(
    sources: list[str], user: str | None, collection: str | None, *, everything: bool
) -> Wish:
    from tecla.learning.forgetting import Wish

    if sources or everything or collection is not None:
        raise OptionError(
            "--feedback is about what a user has accepted; give it alone, or with --user"
        )
    return Wish(owner_of(user, None), feedback=True)


def _places(loaded: LoadedSettings) -> list[Path]:
    """Everywhere that tecla writes, and its settings: files and folders, whether there or not.

    Folders only if they are tecla's alone: what else lies beside a store is the user's.
    """
    import platformdirs

    paths = loaded.settings.paths
    named = (
        platformdirs.user_data_path("tecla"),
        paths.cache_dir,
        loaded.config_file,
        *_of_store(paths.store_file),
    )
    own = list(dict.fromkeys(path.absolute() for path in named))
    return [path for path in own if not any(other in path.parents for other in own)]


def _of_store(file: Path) -> list[Path]:
    """The files and the folder of a store: by its name and, where that is a link, its file's."""
    from tecla.personal.following import folder_beside
    from tecla.store.sqlite_names import files_of

    names = (file, file.resolve())
    files = [each for name in names for each in files_of(name)]
    return [*files, *map(folder_beside, names)]


def _agrees(planned: Plan) -> bool:
    typer.echo(f"This forgets {_what(planned)}.", err=True)
    if not sys.stdin.isatty():
        raise OptionError("there is nobody to ask; give --yes to forget without being asked")
    return typer.confirm("Forget it?", err=True)


def _what(planned: Plan) -> str:
    from tecla.learning.summary import many

    of = planned.wish.owner
    whose = "everybody" if of is None else f"the {of.kind} {of.name!r}"
    files, texts = many(planned.files, "file"), many(planned.texts, "text")
    said = f"{files} with {texts} ({many(planned.chars, 'character')})"
    if planned.wish.scope == "sources":
        return f"{said} of {whose}"
    if planned.wish.scope == "feedback":
        events = many(planned.events, "event")
        return f"what {whose} has accepted: the text of {events} and {many(planned.texts, 'day')}"
    more = ", settings and keys" if of is None else ", consent and settings"
    return f"everything of {whose}: {said}, {many(planned.events, 'event')} of feedback{more}"


def _tell(planned: Plan, proof: Proof, places: list[Path]) -> None:
    from tecla.learning.summary import many

    typer.echo(f"forgot {_what(planned)}")
    after = proof.after
    typer.echo(
        f"searched {many(after.files, 'file')}, {after.bytes_read / 1e6:.1f} MB, in "
        + printable(", ".join(map(str, places)))
    )
    if not after.pieces:
        typer.echo("there was no text that stands nowhere else, so nothing could be looked for")
        return
    typer.echo(
        f"{many(after.pieces, 'piece')} of it: found {many(proof.before.found, 'time')} before, "
        f"{many(after.found, 'time')} after"
    )
    if proof.sealed:
        typer.echo("the store is encrypted: what lies in it cannot be found by its bytes")


def _left(wish: Wish, hits: Iterable[Path], own: Path) -> str:
    """What to do about files in which something is left: those of other stores, and the others."""
    found: dict[Path | None, list[str]] = {}
    for path in hits:
        store = _store_of(path)
        found.setdefault(None if store == own else store, []).append(repr(str(path)))
    said = []
    for store, files in found.items():
        remedy = (
            "end every program that uses tecla and run the same command again"
            if store is None
            else f"that is another store, and `{_command(wish, store)}` forgets it there"
        )
        said.append(f"{', '.join(files)}: {remedy}")
    return f"pieces of what was to be forgotten are still in {'; and in '.join(said)}"


def _store_of(path: Path) -> Path | None:
    """The store that a file is of, or lies in the indexes of."""
    from tecla.personal.following import folder_beside
    from tecla.store.sqlite_names import files_of
    from tecla.store.sqlite_open import is_store

    for each in (path, *path.parents):
        for length in range(len(each.name), 0, -1):
            store = each.parent / each.name[:length]
            if each in (*files_of(store), folder_beside(store)) and is_store(store):
                return store.resolve()
    return None


def _command(wish: Wish, store: Path) -> str:
    """The command that has the same wish of another store."""
    of = wish.owner
    words = ["tecla", "forget", *wish.sources]
    words += ["--everything"] if of is None else [f"--{of.kind}", of.name]
    words += ["--feedback"] if wish.feedback else []
    return f"TECLA_STORE_FILE={shlex.quote(str(store))} {shlex.join(words)}"


def _document(planned: Plan, proof: Proof, places: list[Path]) -> dict[str, object]:
    of = planned.wish.owner
    return {
        "scope": planned.wish.scope,
        "owner": None if of is None else {"kind": of.kind, "name": of.name},
        "files": planned.files,
        "texts": planned.texts,
        "chars": planned.chars,
        "feedback": planned.events,
        "proof": {
            "holds": proof.holds,
            "encrypted": proof.sealed,
            "folders": list(map(str, places)),
            "before": _traces(proof.before),
            "after": _traces(proof.after),
        },
    }


def _traces(traces: Traces) -> dict[str, object]:
    return {
        "pieces": traces.pieces,
        "files": traces.files,
        "bytes": traces.bytes_read,
        "found": traces.found,
        "where": list(map(str, traces.hits)),
    }
