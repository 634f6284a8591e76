"""Nothing on the deny side is shown, near misses are, and every category does its own work."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from filters.cases import OPTIONS, Case, cases, filters
from tecla.filters.judge import Filters
from tecla.filters.options import FilterOptions

CATEGORIES = ["offensive", *OPTIONS]


def of(category: str, *, bad: bool) -> list[Case]:
    return [case for case in cases() if case.category == category and (case.bad is not None) == bad]


@pytest.mark.parametrize("category", CATEGORIES)
def test_what_must_not_be_shown_is_not(category: str) -> None:
    shown = []
    for case in of(category, bad=True):
        verdict = filters(case.level).judge(case.text, case.surroundings)
        if verdict.action == "keep" or case.bad in case.text[: verdict.end]:
            shown.append(case)
    assert shown == []


@pytest.mark.parametrize("category", CATEGORIES)
def test_its_own_filter_finds_it_alone(category: str) -> None:
    wrong = []
    for case in of(category, bad=True):
        verdict = filters(case.level, category).judge(case.text, case.surroundings)
        if verdict.reason != category:
            wrong.append((case, verdict))
    assert wrong == []


@pytest.mark.parametrize("category", CATEGORIES)
def test_near_misses_are_kept_with_every_filter_on(category: str) -> None:
    verdicts = [
        (case, filters(case.level).judge(case.text, case.surroundings))
        for case in of(category, bad=False)
    ]
    assert [(case, verdict) for case, verdict in verdicts if verdict.action != "keep"] == []


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_is_shown_with_its_filters_off(category: str) -> None:
    off = Filters(FilterOptions.none())
    found = of(category, bad=True)
    assert len(found) >= 8
    assert all(off.judge(case.text, case.surroundings).action == "keep" for case in found)


def test_standard_shows_what_only_strict_forbids() -> None:
    mild = [case for case in of("offensive", bad=True) if case.level == "strict"]
    kept = [filters("standard", "offensive").judge(case.text, case.surroundings) for case in mild]
    assert Counter(verdict.action for verdict in kept) == {"keep": len(mild)}


@pytest.mark.slow
def test_ten_thousand_mixed_suggestions_show_nothing_bad() -> None:
    draw = random.Random(20)
    harmless = [case.text for case in of("offensive", bad=False) if case.language == "en"]
    evil = [case for case in cases() if case.bad is not None]
    by_neighbours = {"echo_before", "echo_after", "repetition", "gender", "language", "template"}
    by_neighbours |= {"digits"}
    shown = []
    for _ in range(10_000):
        case = draw.choice(evil)
        alone = case.category in by_neighbours
        lead = "" if alone or case.text[:1] != " " else draw.choice(harmless)
        text = lead + case.text + ("" if alone else draw.choice(("", ".", " and so on", ", but")))
        verdict = filters(case.level, case.category).judge(text, case.surroundings)
        at = verdict.end - len(lead)
        if verdict.action == "keep" or case.bad in case.text[: max(0, at)]:
            shown.append((case, text))
    assert shown == []
