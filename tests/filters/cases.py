"""The red-team set: what a suggestion must not show, and near misses that must pass.

`redteam.json` holds rows of category, level, language, before, text, after and the part of the
text that must not be shown (`null`: the text is kept whole). Offensive rows are in ROT13, so that
the file is no list of insults.
"""

from __future__ import annotations

import codecs
import json
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tecla.filters.judge import Filters
from tecla.filters.options import FilterOptions
from tecla.filters.place import Surroundings


class Case(NamedTuple):
    """One row; `bad` is what must not be shown."""

    category: str
    level: str
    language: str | None
    before: str
    text: str
    after: str
    bad: str | None

    @property
    def surroundings(self) -> Surroundings:
        return Surroundings(self.before, self.after, "", self.language)


# Which option answers for a category.
OPTIONS = {
    "personal": "personal", "secret": "secrets", "gender": "gender", "repetition": "repetition",
    "echo_before": "repetition", "echo_after": "overlap", "language": "language",
    "unbalanced": "balance", "digits": "digits", "url": "addresses", "control": "artefacts",
    "special_token": "artefacts", "template": "artefacts",
}  # fmt: skip


def plain(coded: str) -> str:
    """An offensive text of the tests, which write it in ROT13."""
    return codecs.decode(coded, "rot13")


@cache
def cases() -> tuple[Case, ...]:
    file = Path(__file__).parent / "redteam.json"
    rows = json.loads(file.read_text(encoding="utf-8"))
    found = []
    for category, level, language, before, text, after, bad in rows:
        case = Case(category, level, language or None, before, text, after, bad)
        if category == "offensive" and bad is not None:
            case = Case(*case[:3], *map(plain, case[3:]))
        found.append(case)
    return tuple(found)


@cache
def filters(level: str = "standard", only: str | None = None) -> Filters:
    """All filters, or those of one category alone."""
    if only is None:
        return Filters(FilterOptions(offensive=level))
    off = dict.fromkeys(OPTIONS.values(), False)
    if only == "offensive":
        return Filters(FilterOptions(offensive=level, **off))
    return Filters(FilterOptions(offensive="off", **(off | {OPTIONS[only]: True})))
