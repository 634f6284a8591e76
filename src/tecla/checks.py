"""Checks of option values: one message form for all of them."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real

from tecla.errors import OptionError


def whole(name: str, value: object, least: int, remedy: str = "") -> None:
    """Raise `OptionError` unless `value` is a whole number of `least` or more."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise OptionError(f"{name} is {value!r}; it must be a whole number")
    if value < least:
        raise OptionError(f"{name} is {value!r}; it must be {least}{remedy} or more")


def number(name: str, value: object) -> float:
    """`value` as a float; raise `OptionError` unless it is a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise OptionError(f"{name} is {value!r}; it must be a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise OptionError(f"{name} is {found!r}; it must be a finite number")
    return found


def share(name: str, value: object) -> float:
    """`value` as a float; raise `OptionError` unless it is from 0 to 1."""
    found = number(name, value)
    if not 0 <= found <= 1:
        raise OptionError(f"{name} is {value!r}; it must be from 0 to 1")
    return found


def truth(name: str, value: object) -> None:
    """Raise `OptionError` unless `value` is True or False."""
    if not isinstance(value, bool):
        raise OptionError(f"{name} is {value!r}; it must be True or False")


def known(names: Iterable[str], allowed: Iterable[str]) -> None:
    """Raise `OptionError` naming the nearest valid name for one that is not `allowed`."""
    valid = sorted(allowed)
    for name in names:
        if name not in valid:
            hint = nearest(name, valid) or f"options are {', '.join(valid)}"
            raise OptionError(f"there is no option {name!r}; {hint}")


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """A question after the valid name most like `name`; `None` if none is like it."""
    close = difflib.get_close_matches(name, list(valid), n=1)
    return f"did you mean {close[0]!r}?" if close else None
