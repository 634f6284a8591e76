"""Where a suggestion would stand: the texts around the caret and what is known of them.

Owns `Surroundings`, the plain value, and `Place`, which works out once for all suggestions at a
caret what the checks ask: what the person wrote themselves, in which language, which numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, cast

import regex

from tecla.errors import OptionError
from tecla.filters.tongue import language_of

TAIL_CHARS = 256  # of the text before the caret, this much is read together with a suggestion
HEAD_CHARS = 64
OWN_CHARS = 4000  # of the text before the caret, this much is searched for phrases and marks
_T = TypeVar("_T")
_NUMBER = regex.compile(r"\p{Nd}+")
_LANGUAGE_CHARS = 400  # the language of a text is judged by so many of its last characters


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The text on both sides of the caret, a header above it, and the writer's language.

    `language` is an ISO 639 code of two letters, perhaps with a region ("es", "en-GB"); with
    `None` it is judged by the text.
    """

    before: str = ""
    after: str = ""
    header: str = ""
    language: str | None = None

    def __post_init__(self) -> None:
        """Check the texts; raises `OptionError`, which never quotes them."""
        for name in ("before", "after", "header"):
            if not isinstance(getattr(self, name), str):
                kind = type(getattr(self, name)).__name__
                raise OptionError(f"{name} is of type {kind}; it must be a str")
        given: object = self.language
        if given is not None and not (isinstance(given, str) and given[:2].isalpha()):
            raise OptionError(
                f"language is {given!r}; it must be a code like 'en' or 'es-MX', or None"
            )


class Place:
    """Surroundings, and what follows from them."""

    def __init__(self, around: Surroundings) -> None:
        """Nothing is worked out before it is asked for."""
        self.around = around
        self.tail = around.before[-TAIL_CHARS:]
        self.head = around.after[:HEAD_CHARS]
        self._known: dict[Callable[[Place], object], object] = {}
        self._since: dict[int, int] = {}

    def fact(self, work_out: Callable[[Place], _T]) -> _T:
        """What a check works out about a place, worked out once."""
        if work_out not in self._known:
            self._known[work_out] = work_out(self)
        return cast(_T, self._known[work_out])

    def since(self, chars: int) -> int:
        """Where in `tail` the run of non-spaces begins that `chars` before the caret belong to."""
        if chars not in self._since:
            start = max(0, len(self.tail) - chars)
            while start and not self.tail[start - 1].isspace():
                start -= 1
            self._since[chars] = start
        return self._since[chars]

    @cached_property
    def own(self) -> str:
        """Everything the person has written here, in lower case."""
        around = self.around
        return "\n".join((around.header, around.before, around.after)).casefold()

    @cached_property
    def language(self) -> str | None:
        """The writer's language as two letters; `None` where too little is written to tell."""
        if self.around.language is not None:
            return self.around.language[:2].lower()
        return language_of(self.around.before[-_LANGUAGE_CHARS:])

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Every run of digits in the person's own text."""
        return frozenset(_NUMBER.findall(self.own))

    @cached_property
    def digits(self) -> str:
        """The person's own text as its digits alone: groups that stand near run together."""
        return regex.sub(r"[^\p{Nd}\n]+", lambda gap: "" if len(gap[0]) <= 3 else " ", self.own)

    def may_own(self, beginning: str) -> bool:
        """Whether what begins like this could be the person's own."""
        return beginning.casefold() in self.own

    def owns(self, text: str) -> bool:
        """Whether the person wrote `text` themselves, as whole words."""
        wanted = text.casefold()
        at = self.own.find(wanted)
        while at >= 0:
            end = at + len(wanted)
            if not self.own[at - 1 : at].isalnum() and not self.own[end : end + 1].isalnum():
                return True
            at = self.own.find(wanted, at + 1)
        return False
