"""Whose documents a command is about: a user's, or a collection's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tecla.errors import OptionError

if TYPE_CHECKING:
    from tecla.store.owners import Owner


def owner_of(user: str | None, collection: str | None) -> Owner:
    """The owner that the options name, or the user of this machine.

    Raises `OptionError` where both are named.
    """
    from tecla.store.owners import LOCAL, Owner

    if user is not None and collection is not None:
        raise OptionError(
            f"--user {user!r} and --collection {collection!r} are given; a document belongs to one "
            "of the two"
        )
    if collection is not None:
        return Owner("collection", collection)
    return Owner("user", LOCAL if user is None else user)


def printable(text: str) -> str:
    """Without what would be an order to a terminal: names of files come from anywhere."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
