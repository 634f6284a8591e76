"""Digits and web addresses out of nowhere: what a model can only have made up.

A number passes if its digits stand in the person's own text, if it has one digit and measures
nothing ("2 weeks" passes, "2 %" and "at 5:30" do not), or if it is the next number of a list.
"""

from __future__ import annotations

from collections.abc import Iterator

import regex

from tecla.filters.base import Finding, View
from tecla.filters.place import Place

_DIGITS = regex.compile(r"\p{Nd}+")
_CLUSTER = regex.compile(r"\p{Nd}(?:[\s().\-/]{0,3}\p{Nd})*+")
_REGROUPED = 7  # so many digits of the person's own may be grouped anew
_MEASURED_BEFORE = regex.compile(r"[$€£¥#]\s?$|\p{Nd}[.,:/-]$")
_MEASURED_BEHIND = regex.compile(r"\s?(?:[%‰°$€£]|[.,:/-]\p{Nd}|[ap]\.?m\b)")
_LIST_NUMBER = regex.compile(r"(?:^|\n)[ \t]*(\p{Nd}{1,3})[.)]\s")
_LINE_START = regex.compile(r"(?:^|\n)[ \t]*$")
_ADDRESS = regex.compile(
    r"(?i)(?<![\w@./-])(?:(?:https?|ftps?|file|mailto|tel):/?/?[^\s<>()\[\]\"”»]*+"
    r"|www\.[^\s<>()\[\]\"”»]*+"
    r"|(?:[a-z0-9](?:[a-z0-9-]{0,62}+)\.)+(?:com|org|net|edu|gov|info|io|dev|app|biz|co|uk|eu|es|fr"
    r"|de|it|pt|nl|mx|ar|br|cl|us|ca|ru|pl|se|ch|at|be|tv|ai)(?![\w-])(?:[/?#:][^\s<>()\"”»]*+)?)"
)


def digits(view: View) -> Iterator[Finding]:
    """Numbers that the person did not write."""
    place = view.place
    at = max(0, view.begin - 1)
    while at and view.whole[at - 1 : at + 1].isdecimal():
        at -= 1
    own_until = 0
    for match in _CLUSTER.finditer(view.whole, at):
        cluster = "".join(_DIGITS.findall(match.group()))
        more = view.is_open and match.end() + 3 >= len(view.whole)
        if (len(cluster) >= _REGROUPED or more) and cluster in place.digits:
            own_until = match.end()
        for run in _DIGITS.finditer(match.group()):
            start, end = match.start() + run.start(), match.start() + run.end()
            is_own = end <= own_until or _is_known(view, start, end)
            if view.touches(start, end) and view.is_settled(end) and not is_own:
                yield Finding(start, end, "digits")


def _is_known(view: View, start: int, end: int) -> bool:
    """Whether one run of digits may be shown."""
    number = view.whole[start:end]
    if start >= view.begin and number in view.place.numbers:
        return True
    if (end - start == 1 and not _measures(view, start, end)) or _continues_list(view, start, end):
        return True
    return start < view.begin and number in view.place.fact(_whole_numbers)


def addresses(view: View) -> Iterator[Finding]:
    """Web addresses that the person did not write."""
    if not ("." in view.whole or ":" in view.whole):
        return
    for match in _ADDRESS.finditer(view.whole, view.since(0)):
        start, end = match.span()
        text = match.group().rstrip(".,;:!?'")
        if not view.touches(start, end) or view.place.owns(text):
            continue
        if view.is_open and (view.place.may_own(text) or not _is_sure(view, end)):
            continue
        yield Finding(start, end, "url")


def _is_sure(view: View, end: int) -> bool:
    """Whether what looks like an address in an open view remains one."""
    return end < len(view.whole) and view.whole[end].isspace()


def _measures(view: View, start: int, end: int) -> bool:
    behind = _MEASURED_BEHIND.match(view.whole, end)
    before = _MEASURED_BEFORE.search(view.whole[max(0, start - 3) : start])
    return behind is not None or before is not None


def _continues_list(view: View, start: int, end: int) -> bool:
    """Whether a number at the start of a line follows the last one of the person's list."""
    if not _LINE_START.search(view.whole[max(0, start - 8) : start]):
        return False
    if view.whole[end : end + 1] not in (".", ")"):
        return view.is_open and end == len(view.whole)
    known = [int(number) for number in _LIST_NUMBER.findall(view.whole[:start])]
    return bool(known) and int(view.whole[start:end]) == known[-1] + 1


def _whole_numbers(place: Place) -> frozenset[str]:
    """Numbers of the person's text other than the one at the caret."""
    around = place.around
    before = around.before.rstrip("0123456789")
    return frozenset(_DIGITS.findall(f"{around.header}\n{before}\n{around.after}"))
