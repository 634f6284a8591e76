"""What is filtered, for one collection: checked where it is made."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import get_args

import regex

from tecla.checks import known, truth
from tecla.errors import OptionError
from tecla.filters.folding import PART
from tecla.filters.lexicon import Level

_MOST_ITEMS = 10_000


@dataclass(frozen=True, slots=True)
class FilterOptions:
    """Every filter, on unless said otherwise, and a collection's own lists.

    offensive: profanity, slurs and sexual content; "strict" adds mild words and body parts.
    personal, secrets: data that leads to a person, keys. gender: guesses about people.
    repetition: also echoes of the text before the caret. overlap: of the text behind it. language:
    other than the writer's. balance: brackets, quotes, Markdown. digits, addresses: out of
    nowhere. artefacts: control characters, special tokens, phrases of chat models.
    allow, deny: words or phrases; allow_patterns, deny_patterns: regular expressions (of the
    `regex` library). What is allowed passes every filter; what is denied and allowed passes.
    """

    offensive: Level = "standard"
    personal: bool = True
    secrets: bool = True
    gender: bool = True
    repetition: bool = True
    overlap: bool = True
    language: bool = True
    balance: bool = True
    digits: bool = True
    addresses: bool = True
    artefacts: bool = True
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    allow_patterns: tuple[str, ...] = ()
    deny_patterns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check every option; raises `OptionError`."""
        if not isinstance(self.offensive, str):
            raise OptionError(f"offensive is {self.offensive!r}; it must be a level's name")
        known([self.offensive], get_args(Level))
        for field in fields(self):
            if field.type == "bool":
                truth(field.name, getattr(self, field.name))
        for name in ("allow", "deny", "allow_patterns", "deny_patterns"):
            self._check_texts(name)
        for name in ("allow", "deny"):
            for item in getattr(self, name):
                if PART.search(item) is None:
                    raise OptionError(
                        f"{name} holds {item!r}, which has no letter; use {name}_patterns for it"
                    )
        for name in ("allow_patterns", "deny_patterns"):
            for pattern in getattr(self, name):
                compiled(name, pattern)

    def _check_texts(self, name: str) -> None:
        given: object = getattr(self, name)
        if not isinstance(given, tuple) or not all(isinstance(item, str) for item in given):
            raise OptionError(f"{name} is {given!r}; it must be a tuple of texts")
        if len(given) > _MOST_ITEMS:
            raise OptionError(f"{name} has {len(given)} texts; {_MOST_ITEMS} are the most")

    @staticmethod
    def none() -> FilterOptions:
        """Everything off."""
        names = [field.name for field in fields(FilterOptions) if field.type == "bool"]
        off: dict[str, bool] = dict.fromkeys(names, False)
        return FilterOptions(offensive="off", **off)  # type: ignore[arg-type]  # names are checked


def compiled(name: str, pattern: str) -> regex.Pattern[str]:
    """`pattern` compiled; raises `OptionError` for one that is none, or matches nothing at all."""
    try:
        found = regex.compile(pattern)
    except regex.error as error:
        raise OptionError(
            f"{name} holds {pattern!r}, which is no pattern ({error}); escape its signs"
        ) from None
    if found.fullmatch("") is not None:
        raise OptionError(f"{name} holds {pattern!r}, which matches empty text; make it need more")
    return found
