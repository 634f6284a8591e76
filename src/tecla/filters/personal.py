"""Personal data and secrets that the person did not write themselves.

E-mail addresses, phone, card, account and identity numbers; keys, tokens and passwords. Judged
by form: a card number that fails its check digit is as unwanted in a suggestion as one that
passes, so check digits only tell long unbroken numbers apart. What stands in the person's own
text, in any grouping, is theirs to complete.

A number that an open view ends with may still become one of the person's own, so it is settled
only when something else follows, or when nothing of theirs begins like it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import regex

from tecla.filters.base import Finding, Reason, View

_EMAIL = regex.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)*+")
_NUMBER = regex.compile(r"(?<![\w.,])(?:\+|\()?\p{Nd}(?:[\s().\-/]{0,3}\p{Nd}){6,40}(?![\w%€$])")
_IDENTITY = regex.compile(
    r"\b(?:\d{3}-\d{2}-\d{4}|\d{8}[\s-]?[A-Z]|[XYZ]-?\d{7}-?[A-Z]|\d{3}\.\d{3}\.\d{3}-\d{2}"
    r"|[12]\s?\d{2}\s?(?:0[1-9]|1[0-2])\s?\d{2}\s?\d{3}\s?\d{3}(?:\s?\d{2})?"
    r"|[A-Z]{2}\s?\d{2}\s?\d{2}\s?\d{2}\s?[A-D]|[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]"
    r"|[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}(?:\s?[A-Z0-9]{1,3})?+)\b"
)
_SECRET = regex.compile(
    r"(?<![\w-])(?:(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{12,}+|gh[pousr]_\w{16,}+|github_pat_\w{16,}+"
    r"|glpat-[\w-]{16,}+|xox[abeoprs]-[\w-]{8,}+|AIza[\w-]{30,}+|[sprk]k[-_](?:live|test|proj|ant|or)"
    r"[-_][\w-]{8,}+|sk-[\w-]{16,}+|npm_\w{24,}+|hf_\w{20,}+|pypi-\w{16,}+|SG\.[\w-]{16,}+"
    r"|ya29\.[\w-]{16,}+|eyJ[\w-]{8,}+(?:\.[\w-]*+){1,2})|-----BEGIN\s(?:[A-Z]+\s){0,4}PRIVATE\sKEY"
)
_PASSWORD = regex.compile(
    r"(?i)\b(?:passw(?:or)?d|pwd|passphrase|contraseña|mot\sde\spasse|passwort|senha|api[\s_-]?key"
    r"|secret(?:[\s_-]?key)?|access[\s_-]?token)\s?(?:[:=]|is\b|es\b)\s?"
    r"[\"'`]?(?=\S{0,40}[\d!@#$%^&*])\S{5,64}+"
)
_TOKEN = regex.compile(r"(?<![\w/+-])[A-Za-z0-9_+-]{20,}+={0,2}")
_HEX = regex.compile(r"(?i)(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{32,}")
_RANDOM_BITS = 3.6  # bits a character from which on a mixed token is taken to be random
_MORE = regex.compile(r"[^\s().\-/]")
_LOOK_BACK_CHARS = 48
_DIGITS = regex.compile(r"\p{Nd}+")


def personal(view: View) -> Iterator[Finding]:
    """E-mail addresses and numbers that lead to a person."""
    whole = view.whole
    if "@" in whole:
        for match in _EMAIL.finditer(whole, view.since(0)):
            yield from _unless_own(view, match, "personal")
    start = view.since(_LOOK_BACK_CHARS)
    if _DIGITS.search(whole, start) is None:
        return
    for match in _IDENTITY.finditer(whole, start):
        yield from _unless_own(view, match, "personal", digits_only=True)
    for match in _NUMBER.finditer(whole, start):
        if _is_personal(match.group()):
            yield from _unless_own(view, match, "personal", digits_only=True)


def secrets(view: View) -> Iterator[Finding]:
    """Keys, tokens and passwords."""
    whole = view.whole
    start = view.since(_LOOK_BACK_CHARS)
    for pattern in (_SECRET, _PASSWORD):
        for match in pattern.finditer(whole, start):
            yield from _unless_own(view, match, "secret")
    for match in _TOKEN.finditer(whole, view.since(0)):
        if view.is_settled(match.end()) and _is_random(match.group()):  # growing, it may be none
            yield from _unless_own(view, match, "secret")


def luhn(digits: str) -> bool:
    """Whether the check digit of a card number is right (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0


def _unless_own(
    view: View, match: regex.Match[str], reason: Reason, *, digits_only: bool = False
) -> Iterator[Finding]:
    start, end = match.span()
    if not view.touches(start, end):
        return
    text, place = match.group(), view.place
    digits = "".join(_DIGITS.findall(text)) if digits_only else ""
    if view.is_open and _MORE.match(view.whole, end) is None:
        may_be_own = place.may_own(text) or (digits_only and digits in place.digits)
        if may_be_own or reason == "personal":
            return
    if place.owns(text) or (digits_only and len(digits) > 6 and digits in place.digits):
        return
    yield Finding(start, end, reason)


def _is_personal(text: str) -> bool:
    """Whether a number of seven digits or more is one that leads to somebody."""
    groups = _DIGITS.findall(text)
    sizes = tuple(map(len, groups))
    total = sum(sizes)
    if text.startswith("+"):
        return total >= 8
    if len(groups) == 1:
        return total in (9, 10, 11, 12) or (total >= 13 and luhn(text))
    if sizes == (4, 4) or (sizes[0] in (1, 2) and sizes[1:] in ((2, 4), (1, 4))):
        return False  # a range of years; a date
    if sizes[:3] in ((4, 2, 2), (4, 1, 2), (4, 2, 1), (1, 2, 4), (2, 2, 4)):
        return False
    if "." in text and all(size <= 3 for size in sizes) and (sizes[0] < 3 or len(sizes) > 3):
        return False  # thousands; an address of the internet protocol
    if all(group == "000" for group in groups[1:]):
        return False
    return (all(size >= 2 for size in sizes) and total >= 8) or sizes == (3, 4)


def _is_random(text: str) -> bool:
    """Whether a long token looks drawn at random."""
    if _HEX.fullmatch(text):
        return True
    kinds = (str.isdigit, str.isupper, str.islower)
    if not all(any(kind(char) for char in text) for kind in kinds):
        return False
    turns = sum(a.isdigit() != b.isdigit() or a.isupper() != b.isupper() for a, b in pairwise(text))
    counts = Counter(text).values()
    bits = -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
    return bits >= _RANDOM_BITS and turns >= len(text) // 4
