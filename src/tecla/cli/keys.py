"""`tecla keys`: who may ask the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from tecla.store.keys import StoredKey

app = typer.Typer(
    help="Make, list and revoke the keys of programs that ask `tecla serve`.",
    no_args_is_help=True,
    add_completion=False,
)
_DAY_S = 86400
_MOST_DAYS = 36_500


@app.command("make")
def make(
    name: Annotated[str, typer.Argument(help="What you will know it by.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="suggest, learn or admin; may be given more than once.")
    ] = None,
    days: Annotated[float | None, typer.Option(help="How long it is good.")] = None,
    per_second: Annotated[float | None, typer.Option(help="Most requests a second.")] = None,
    concurrent: Annotated[int | None, typer.Option(help="Most requests at once.")] = None,
    chars: Annotated[int | None, typer.Option(help="Most characters of one text.")] = None,
) -> None:
    """Make a key and print it. It is kept as a digest alone, so this is the only time it is seen.

    A service that was started without keys asks for them when it is started next.
    """
    import time

    from tecla.checks import number
    from tecla.errors import OptionError
    from tecla.store.keys import KeyLimits, make_key
    from tecla.store.sqlite import SqliteStore

    now_s = time.time()
    if days is not None and not 0 < number("days", days) <= _MOST_DAYS:
        raise OptionError(
            f"days is {days!r}; it must be above 0 and at most {_MOST_DAYS}; leave it out for a "
            "key that has no end"
        )
    new = make_key(
        name,
        scope or ["suggest", "learn"],  # type: ignore[arg-type]  # checked there
        now_s,
        limits=KeyLimits(per_second, concurrent, chars),
        expires_s=None if days is None else now_s + days * _DAY_S,
    )
    with SqliteStore.open() as store:
        store.keys.add(new.stored)
    print(new.text)


@app.command("list")
def list_() -> None:
    """List the keys: id, name, scopes, limits of their own, and until when they are good."""
    import time

    from tecla.store.sqlite import SqliteStore

    with SqliteStore.open() as store:
        keys = store.keys.all()
    if not keys:
        typer.echo("There are no keys. `tecla keys make NAME` makes one.")
    for key in keys:
        scopes = ",".join(sorted(key.scopes))
        told = (key.id, key.name, scopes, *_limits(key), _until(key, time.time()))
        typer.echo("  ".join(told))


@app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="Its id, as `tecla keys list` shows it.")],
) -> None:
    """End a key; a service that is running refuses it within a second."""
    from tecla.errors import OptionError
    from tecla.store.sqlite import SqliteStore

    with SqliteStore.open() as store:
        if not store.keys.revoke(key):
            named = [each.id for each in store.keys.all() if _is_named(each, key)]
            hint = f"its id is wanted, {named[0]}" if len(named) == 1 else "see `tecla keys list`"
            raise OptionError(f"there is no key with the id {key!r} that is good; {hint}")
    typer.echo(f"revoked {key}")


def _is_named(key: StoredKey, name: str) -> bool:
    return key.name == name and key.revoked_s is None


def _limits(key: StoredKey) -> list[str]:
    """Those that it has of its own."""
    limits = key.limits
    rate = None if limits.per_second is None else f"{limits.per_second:g}"
    found = {"a second": rate, "at once": limits.concurrent, "characters": limits.chars}
    return [f"{value} {what}" for what, value in found.items() if value is not None]


def _until(key: StoredKey, now_s: float) -> str:
    if key.revoked_s is not None:
        return f"revoked {_told(key.revoked_s)}"
    if key.expires_s is None:
        return "good"
    word = "good until" if key.serves(now_s) else "ended"
    return f"{word} {_told(key.expires_s)}"


def _told(time_s: float) -> str:
    """A time, also one that was kept before `--days` had a limit."""
    from datetime import UTC, datetime

    try:
        return f"{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M} UTC"
    except (OSError, OverflowError, ValueError):
        return "a year after 9999"
