"""What an event, a filter and a limit may be."""

from __future__ import annotations

from typing import Any

import pytest

from store.made import event
from tecla.errors import InvalidTextError, OptionError
from tecla.store.events import EventFilter, Place, Retention, SuggestedText

WRONG: tuple[tuple[dict[str, Any], str], ...] = (
    ({"kind": "show"}, r"did you mean 'shown'"),
    ({"suggestion": ""}, r"has 0 characters; it must be 1 to 64 of"),
    ({"suggestion": "two words"}, r"1 to 64 of A-Z"),
    ({"suggestion": "x" * 65}, r"has 65 characters"),
    ({"suggestion": None}, r"suggestion is of type NoneType"),
    ({"time_s": float("nan")}, r"time_s is nan; it must be a finite number"),
    ({"user": ""}, r"user has 0 characters"),
    ({"user": 7}, r"user is of type int; it must be a string"),
    ({"source": "a predictor"}, r"source has 11 characters"),
    ({"language": "en us"}, r"language has 5 characters; it must be a language code"),
    ({"collection": "a\nb"}, r"none of them a control character"),
    ({"raw_probability": 1.01}, r"raw_probability is 1.01; it must be between 0 and 1"),
    ({"raw_probability": -0.01}, r"between 0 and 1"),
    ({"raw_probability": True}, r"raw_probability is True; it must be a number"),
    ({"calibrated_probability": float("nan")}, r"calibrated_probability is nan"),
    ({"calibrated_probability": 2}, r"calibrated_probability is 2; it must be between"),
    ({"shown_chars": -1}, r"shown_chars is -1; it must be 0 or more"),
    ({"shown_words": 1.0}, r"shown_words is 1.0; it must be a whole number"),
    ({"shown_words": True}, r"shown_words is True"),
    ({"shown_chars": 10**9 + 1}, r"it must be at most 1000000000"),
    ({"saved_keys": -(10**9) - 1}, r"saved_keys is -1000000001"),
    ({"saved_keys": 0.5}, r"saved_keys is 0.5; it must be a whole number"),
    ({"kind": "accepted", "accepted_chars": 10}, r"accepted_chars is 10 of 9 shown.*no more"),
    ({"kind": "part_accepted", "accepted_words": 3}, r"accepted_words 3 of 2"),
    ({"kind": "accepted", "accepted_chars": 8}, r"the kind of this event is 'part_accepted'"),
    ({"kind": "rejected", "accepted_chars": 1}, r"is 1 of a suggestion that is rejected; it must"),
    ({"accepted_chars": 1}, r"of a suggestion that is shown"),
)


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_what_is_no_event(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        event(**changes)


def test_half_characters_are_refused() -> None:
    for make in (
        lambda: event(user="\ud800"),
        lambda: SuggestedText("\udfff", ""),
        lambda: SuggestedText("", "\ud800"),
        lambda: EventFilter(collection="\ud800"),
    ):
        with pytest.raises(InvalidTextError, match="half a character"):
            make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: Place(typed_chars=-1),
        lambda: Place(words_before=0.5),  # type: ignore[arg-type]
        lambda: EventFilter(kinds=("showed",)),  # type: ignore[arg-type]
        lambda: EventFilter(since_s="yesterday"),  # type: ignore[arg-type]
        lambda: EventFilter(until_s=float("inf")),
        lambda: Retention(max_age_s=-1),
        lambda: Retention(max_events=-1),
        lambda: SuggestedText("x" * 2001, ""),
    ],
)
def test_what_is_no_place_filter_limit_or_text(make: Any) -> None:
    with pytest.raises(OptionError):
        make()


def test_limits_themselves_are_allowed() -> None:
    event("x" * 64, user="é" * 200, raw_probability=0, calibrated_probability=1.0)
    event(kind="accepted", shown_chars=0, shown_words=0, saved_keys=-(10**9))
    SuggestedText("x" * 2000, "")
    Retention(max_age_s=0, max_events=0)
