"""What every store decides alike: whether a text may be kept, and what a setting may be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, get_args

from tecla.checks import known, number
from tecla.errors import OptionError
from tecla.store.events import Dimension, FeedbackEvent
from tecla.text.unicode import to_bytes

MOST_VALUE_CHARS: Final = 2000
_KEY = re.compile(r"[a-z][a-z0-9_.]{0,63}")


def text_may_stay(event: FeedbackEvent, consented_s: float | None) -> bool:
    """Whether the event has text, and its user had consented when it happened.

    Consent does not look back: an event may have waited in a buffer while it was given.
    """
    return event.text is not None and consented_s is not None and event.time_s >= consented_s


def check_dimensions(by: Iterable[str]) -> None:
    """Raise `OptionError` for a dimension that there is not."""
    known(by, get_args(Dimension))


def check_setting(key: object, value: object) -> None:
    """Raise `OptionError` or `InvalidTextError` for what cannot be set."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise OptionError("a setting's key must be a-z, then at most 63 of a-z, 0-9, _ and .")
    if isinstance(value, bool):
        return
    if isinstance(value, str):
        to_bytes(value, key)
        if len(value) > MOST_VALUE_CHARS:
            raise OptionError(
                f"{key} has {len(value)} characters; it must be at most {MOST_VALUE_CHARS}"
            )
    elif isinstance(value, int | float):
        number(key, value)
    else:
        raise OptionError(
            f"{key} is of type {type(value).__name__}; it must be a number, text, True or False"
        )
