"""What is recorded about suggestions: the values that go into a store and come out of it.

Counts, probabilities and opaque names, and beside them, apart, the only field that may hold what
a person wrote: `FeedbackEvent.text`. No `repr` and no message of this module shows that field, nor
any name that was refused, as it may be text that came to the wrong place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from tecla.checks import known, number, whole
from tecla.errors import OptionError
from tecla.predict.base import Source
from tecla.text.unicode import to_bytes

Kind = Literal["shown", "accepted", "part_accepted", "rejected", "deleted_again", "unsettled"]
Dimension = Literal["user", "collection", "language", "source"]

KINDS: Final[tuple[str, ...]] = get_args(Kind)
MOST_TEXT_CHARS: Final = 2000
MOST_COUNT: Final = 1_000_000_000
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{32}")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")
_SOURCE = re.compile(r"[a-z_]{1,32}")


def check_name(what: str, name: str) -> None:
    """Raise `OptionError` or `InvalidTextError` unless `name` can name a user or a collection."""
    _match(what, name, _NAME, "1 to 200 characters, none of them a control character")
    to_bytes(name, what)


def _match(what: str, value: object, pattern: re.Pattern[str], rule: str) -> None:
    if not isinstance(value, str):
        raise OptionError(f"{what} is of type {type(value).__name__}; it must be a string")
    if not pattern.fullmatch(value):
        raise OptionError(f"{what} has {len(value)} characters; it must be {rule}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its sentence a suggestion stood.

    typed_chars: characters of a word that were typed; 0 stands behind a space, `None` behind a
    whole word. words_before: words of the sentence before that word, `None` where that is unknown.
    """

    typed_chars: int | None = None
    words_before: int | None = None

    def __post_init__(self) -> None:
        """Check the counts; raises `OptionError`."""
        if self.typed_chars is not None:
            _count("typed_chars", self.typed_chars)
        if self.words_before is not None:
            _count("words_before", self.words_before)


@dataclass(frozen=True, slots=True)
class SuggestedText:
    """The end of what stood before the caret, and what was suggested. A person's text: consent."""

    before: str = field(repr=False)
    text: str = field(repr=False)

    def __post_init__(self) -> None:
        """Check the lengths; raises `OptionError`, or `InvalidTextError` for a lone surrogate."""
        for what, value in (("before", self.before), ("text", self.text)):
            to_bytes(value, what)
            if len(value) > MOST_TEXT_CHARS:
                raise OptionError(
                    f"{what} has {len(value)} characters; a store takes at most "
                    f"{MOST_TEXT_CHARS}: give the part next to the caret"
                )


@dataclass(frozen=True, slots=True)
class Mark:
    """By what a suggestion is known again in the same place; no text.

    digest: 32 hexadecimal digits, keyed by who makes them. weight: how much what happened speaks
    against the suggestion there; 0: for it.
    """

    digest: str
    weight: float

    def __post_init__(self) -> None:
        """Check both; raises `OptionError`."""
        _match("digest", self.digest, _DIGEST, "32 hexadecimal digits")
        if number("weight", self.weight) < 0:
            raise OptionError(f"weight is {self.weight!r}; it must be 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEvent:
    """One thing that happened to one suggestion.

    suggestion: opaque, the same for everything that happens to a suggestion, so that what became
    of a shown one can be found. time_s: seconds since the epoch. source: the predictor it came
    from. raw_probability: of the text being what the person means, as the predictor gave it;
    calibrated_probability: the same after calibration, `None` where there was none.

    shown_chars and shown_words: the length of the ghost text at that moment. accepted_chars and
    accepted_words: how much of it this event took over, or deleted again. Who takes a word and
    then the rest makes a `part_accepted` and an `accepted`, the second with the shorter ghost
    text, so that sums over events are right. saved_keys: keys that need not be pressed because of
    this event; negative where it cost some. mark: of what was left, taken back or accepted.
    """

    kind: Kind
    suggestion: str
    time_s: float
    user: str
    source: Source
    collection: str | None = None
    language: str | None = None
    place: Place = Place()
    raw_probability: float
    calibrated_probability: float | None = None
    shown_chars: int
    shown_words: int
    accepted_chars: int = 0
    accepted_words: int = 0
    saved_keys: int = 0
    mark: Mark | None = None
    text: SuggestedText | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check every field; raises `OptionError` or `InvalidTextError`."""
        if self.kind not in KINDS:
            known([self.kind], KINDS)
        _match("suggestion", self.suggestion, _ID, "1 to 64 of A-Z, a-z, 0-9, _ and -")
        number("time_s", self.time_s)
        check_name("user", self.user)
        # A pattern and not the list of sources: a file may hold what a later version recorded.
        _match("source", self.source, _SOURCE, "the name of a kind of predictor")
        if self.collection is not None:
            check_name("collection", self.collection)
        if self.language is not None:
            _match("language", self.language, _LANGUAGE, "a language code such as 'en'")
        _probability("raw_probability", self.raw_probability)
        if self.calibrated_probability is not None:
            _probability("calibrated_probability", self.calibrated_probability)
        self._check_counts()

    def _check_counts(self) -> None:
        for name in ("shown_chars", "shown_words", "accepted_chars", "accepted_words"):
            _count(name, getattr(self, name))
        _count("saved_keys", self.saved_keys, least=-MOST_COUNT)
        if self.accepted_chars > self.shown_chars or self.accepted_words > self.shown_words:
            raise OptionError(
                f"accepted_chars is {self.accepted_chars!r} of {self.shown_chars!r} shown, "
                f"accepted_words {self.accepted_words!r} of {self.shown_words!r}; "
                "no more can be accepted than is shown"
            )
        if self.kind in ("shown", "rejected", "unsettled") and self.accepted_chars:
            raise OptionError(
                f"accepted_chars is {self.accepted_chars!r} of a suggestion that is {self.kind}; "
                "it must be 0"
            )
        if self.kind == "accepted" and self.accepted_chars != self.shown_chars:
            raise OptionError(
                f"accepted_chars is {self.accepted_chars!r} of {self.shown_chars!r} shown; "
                "the kind of this event is 'part_accepted'"
            )


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are meant; `None` leaves a field open.

    since_s and until_s bound the half-open interval of `time_s`; kinds: any of these.
    """

    user: str | None = None
    collection: str | None = None
    language: str | None = None
    source: str | None = None
    suggestion: str | None = None
    kinds: tuple[Kind, ...] | None = None
    since_s: float | None = None
    until_s: float | None = None

    def __post_init__(self) -> None:
        """Check every field; raises `OptionError` or `InvalidTextError`."""
        for what in ("user", "collection", "language", "source", "suggestion"):
            if getattr(self, what) is not None:
                check_name(what, getattr(self, what))
        if self.kinds is not None:
            known(self.kinds, KINDS)
        for name, value in (("since_s", self.since_s), ("until_s", self.until_s)):
            if value is not None:
                number(name, value)


EVERY: Final = EventFilter()


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the events of one group.

    group: one value for each dimension that was asked for. The five counts are of events.
    shown_chars: over events of the kind shown; accepted_chars: over accepted and part accepted
    ones; deleted_chars: over those deleted again; saved_keys: over all.
    """

    group: tuple[str | None, ...]
    shown: int
    accepted: int
    part_accepted: int
    rejected: int
    deleted_again: int
    shown_chars: int
    accepted_chars: int
    deleted_chars: int
    saved_keys: int


@dataclass(frozen=True, slots=True)
class Retention:
    """How long events are kept: seconds, and how many at most; `None` sets no limit."""

    max_age_s: float | None = 365 * 86_400.0
    max_events: int | None = 1_000_000

    def __post_init__(self) -> None:
        """Check both limits; raises `OptionError`."""
        if self.max_age_s is not None and number("max_age_s", self.max_age_s) < 0:
            raise OptionError(f"max_age_s is {self.max_age_s!r}; it must be 0 or more")
        if self.max_events is not None:
            _count("max_events", self.max_events)


def _count(name: str, value: int, *, least: int = 0) -> None:
    if type(value) is int and least <= value <= MOST_COUNT:
        return  # nearly always; stores read events by the hundred thousand
    whole(name, value, least)
    if value > MOST_COUNT:
        raise OptionError(f"{name} is {value!r}; it must be at most {MOST_COUNT}")


def _probability(name: str, value: float) -> None:
    if type(value) is float and 0 <= value <= 1:
        return
    if not 0 <= number(name, value) <= 1:
        raise OptionError(f"{name} is {value!r}; it must be between 0 and 1")
