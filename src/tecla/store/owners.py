"""Whose something is: a user's or a collection's. Knows no table and no file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from tecla.checks import known
from tecla.store.events import check_name

OwnerKind = Literal["user", "collection"]
LOCAL: Final = "local"  # the user of this machine, where none is named


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """A user or a collection, by name: whose settings and documents they are."""

    kind: OwnerKind
    name: str

    def __post_init__(self) -> None:
        """Check both; raises `OptionError` or `InvalidTextError`."""
        known([self.kind], get_args(OwnerKind))
        check_name(self.kind, self.name)
