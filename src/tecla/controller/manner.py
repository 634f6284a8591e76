"""How a writer is served: what the model is asked, what is shown, how eagerly."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final

from tecla.checks import known, share, whole
from tecla.controller.showing import Rules
from tecla.decode.fit import may_fit
from tecla.errors import OptionError
from tecla.predict.base import Budget
from tecla.scheduler.terms import DEADLINE_MS
from tecla.text.unicode import to_bytes

PREAMBLE: Final = (  # everyday writing of more than one kind, in our own words
    "Hi,\n\nThanks for your message. I will call you tomorrow.\n\n"
    "Hello, how are you?\nI'm fine, thanks. And you?\nNot bad. Are you free tonight?\n"
    "I'm afraid I have to work, but we could meet at the weekend.\nThat sounds great!"
)


@dataclass(frozen=True, slots=True)
class Search:
    """What the model is asked at one caret.

    preamble: what the model reads above every text, before the person's own header
    (`docs/decisions/0015-preamble.md`). alternatives: first words that are followed; one of them
    up to `words` words or `tokens` tokens, while it stays at least `min_probability` likely.
    min_share: those less probable than this share of the first are left out. fits: whether text
    behind the caret is read behind each of them, of which there are `between` then
    (`docs/decisions/0010-both-sides.md`). deadline_ms: when an answer is wanted.
    """

    preamble: str = PREAMBLE
    alternatives: int = 2
    words: int = 4
    tokens: int = 8
    min_probability: float = 0.05
    min_share: float = 0.05
    tolerance: float = 0.04
    fits: bool = True
    between: int = 4
    deadline_ms: float | None = DEADLINE_MS

    def __post_init__(self) -> None:
        """Check what the request itself does not; raises `OptionError`."""
        to_bytes(self.preamble, "preamble")
        whole("alternatives", self.alternatives, 1)
        whole("between", self.between, 1)
        whole("words", self.words, 1)
        whole("tokens", self.tokens, 1)

    def followed(self, after: str) -> int:
        """How many first words are followed where `after` stands behind the caret."""
        return self.between if self.fits and may_fit(after) else self.alternatives

    def without_deadline(self) -> Search:
        """The same with all the time it takes: what is found depends on it only where it is cut."""
        return replace(self, deadline_ms=None)

    def header_over(self, own: str) -> str:
        """What stands above a text that has `own` as its header."""
        return "\n\n".join(filter(None, (self.preamble, own)))


@dataclass(frozen=True, slots=True)
class Manner:
    """How a writer is served.

    eagerness: from 0 (nothing is shown) to 1 (everything that saves a key). classical: how many
    candidates the classical predictors are asked for; weight: their share in the ranking, unless
    `weights` names the language. likely: how probable what is left of a known text must be to be
    shown before the model's answer. sure: how probable it must be, and so many of its characters
    left (`keep_chars`), for the model not to be asked; and a classical answer, to be shown before
    the model's. language: of a text that does not tell.
    """

    search: Search = field(default_factory=Search)
    rules: Rules = field(default_factory=Rules)
    eagerness: float = 0.5
    classical: int = 6
    weight: float = 0.0
    weights: tuple[tuple[str, float], ...] = (("es", 0.3),)
    likely: float = 0.3
    sure: float = 0.8
    keep_chars: int = 2
    language: str = ""

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        whole("classical", self.classical, 1)
        whole("keep_chars", self.keep_chars, 1)
        for name in ("eagerness", "weight", "likely", "sure"):
            share(name, getattr(self, name))
        for language, weight in self.weights:
            share(f"weight of {language}", weight)
        if self.sure < self.likely:
            raise OptionError(
                f"sure is {self.sure!r}; it must be at least as much as likely, {self.likely!r}"
            )

    def budget(self, most: int | None = None) -> Budget:
        """What the classical predictors are asked for: at most so many candidates, in haste."""
        n = min(self.classical, most or self.classical)
        n_words = 1 if most == 1 else self.search.words
        return Budget(n, n_words, min_next=min(1.0, self.rules.further))

    def weight_of(self, language: str) -> float:
        """The share of the classical predictors in a language."""
        return dict(self.weights).get(language, self.weight)


def manner_of(options: Mapping[str, Any], others: Iterable[str] = ()) -> Manner:
    """A manner from the names of its fields, those of `Search` and `Rules` included.

    Raises `OptionError` for a name that is none; `others` are there besides.
    """
    kinds = (Search, Rules, Manner)
    names = [{each.name for each in fields(kind)} for kind in kinds]
    known(options, set(others).union(*names) - {"search", "rules"})
    search, rules, own = (
        {name: value for name, value in options.items() if name in of_kind} for of_kind in names
    )
    if "weight" in own:
        own.setdefault("weights", ())  # one that is asked for holds in every language
    return Manner(search=Search(**search), rules=Rules(**rules), **own)
