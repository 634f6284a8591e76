"""What is shown of what was found: filters, curves, eagerness."""

from __future__ import annotations

import pytest

from tecla.controller.calibration import Calibration, Curve, Kind
from tecla.controller.place import Place
from tecla.controller.ranking import Ranking, is_worth
from tecla.controller.showing import Ghost, Rules
from tecla.controller.tree import Alternative
from tecla.filters.judge import Filters
from tecla.filters.options import FilterOptions
from tecla.text.snapshot import Snapshot
from tecla.text.words import WordEnd, words

RULES = Rules()


def alternative(text: str, *probabilities: float, source: str = "neural") -> Alternative:
    ends = zip(words(text), probabilities, strict=True)
    found = tuple(WordEnd(word.end, p, 0.9 * p) for word, p in ends)
    return Alternative(text, found, source=source)


def at(before: str, language: str = "en") -> Place:
    return Place(Snapshot(before), "", language)


def test_what_saves_most_is_shown_with_a_calibrated_probability() -> None:
    half = Calibration({Kind().key: Curve((0.0, 1.0), (0.0, 0.5))})
    ranking = Ranking(None, half)
    found = [alternative("a", 0.5), alternative("ontological", 0.3)]
    shown = ranking.shown(found, at("he is "), RULES, 0.5).ghost
    assert shown is not None
    assert shown.text == "ontological "
    assert shown.raw == pytest.approx(0.27)
    assert shown.probability == pytest.approx(0.135)


def test_curves_are_chosen_by_source_language_and_place() -> None:
    curves = {
        Kind("neural", "es", in_word=True).key: Curve((0.0, 1.0), (0.0, 0.25)),
        Kind("ngram").key: Curve((0.0, 1.0), (0.0, 0.1)),
    }
    ranking = Ranking(None, Calibration(curves))

    def shown(before: str, language: str, source: str) -> float:
        ghost = Ghost("icial", 0.8, 0.8, (), source)
        return ranking.calibrated(ghost, at(before, language)).probability

    assert shown("arti", "es", "neural") == pytest.approx(0.2)
    assert shown("arti ", "es", "neural") == pytest.approx(0.8)
    assert shown("arti", "en", "neural") == pytest.approx(0.8)
    assert shown("arti", "en", "ngram") == pytest.approx(0.08)


def test_eagerness_moves_the_threshold() -> None:
    ghost = Ghost("word ", 0.1, 0.1, ())
    assert is_worth(ghost, 1.0)
    assert is_worth(ghost, 0.5)
    assert not is_worth(ghost, 0.2)
    assert not is_worth(Ghost("word ", 1.0, 1.0, ()), 0.0)
    longer = Ghost("wordiness ", 0.04, 0.04, ())
    assert is_worth(longer, 0.5)
    assert not is_worth(Ghost("word ", 0.04, 0.04, ()), 0.5)


@pytest.mark.parametrize(
    ("found", "silence"),
    [
        ([], "nothing_found"),
        ([alternative("a", 0.9)], "too_short"),
        ([alternative("certainly", 0.001)], "unsure"),
    ],
)
def test_silence_has_a_reason(found: list[Alternative], silence: str) -> None:
    shown = Ranking().shown(found, at("it is "), RULES, 0.5)
    assert shown.ghost is None
    assert shown.silence == silence


def test_what_filters_drop_makes_room_for_the_next() -> None:
    ranking = Ranking(Filters(FilterOptions(deny=("secret",))))
    found = [alternative("secret plans", 0.9, 0.8), alternative("other plans", 0.3, 0.2)]
    place = at("these are ")
    kept = ranking.allowed(found, place)
    assert [each.text for each in kept] == ["other plans"]
    assert ranking.filters is not None
    assert ranking.filters.counts["drop", "denied"] == 1
    shortened = ranking.allowed([alternative("our secret plans", 0.9, 0.8, 0.7)], place)
    assert [each.text for each in shortened] == ["our"]


def test_a_ghost_text_that_leaves_a_bracket_open_is_not_shown() -> None:
    ranking = Ranking(Filters(FilterOptions()))
    whole = alternative("(see below)", 0.9, 0.1)
    place = at("The numbers ")
    assert ranking.allowed([whole], place) == (whole,)
    shown = ranking.shown([whole], place, RULES, 1.0)
    assert shown.ghost is None
    assert shown.silence == "filtered"


def test_only_what_would_be_shown_is_judged() -> None:
    filters = Filters(FilterOptions())
    found = [alternative(f"{word} is here", 0.2, 0.1, 0.1) for word in ("this", "that", "thirst")]
    shown = Ranking(filters).shown(found, at("say that "), RULES, 1.0)
    assert shown.ghost is not None
    assert filters.counts.total() == 1


def test_where_the_favourite_may_not_be_shown_the_next_one_is() -> None:
    found = [alternative("(see below)", 0.9, 0.1), alternative("are wrong", 0.2, 0.1)]
    shown = Ranking(Filters(FilterOptions())).shown(found, at("The numbers "), RULES, 1.0)
    assert shown.ghost is not None
    assert shown.ghost.text == "are "


def test_levels_share_curves_and_counts_but_not_what_they_withhold() -> None:
    ranking = Ranking(Filters(FilterOptions()), Calibration())
    mild = [alternative("damn thing", 0.6, 0.5)]
    place = at("Fix the ")
    assert ranking.at(None) is ranking
    assert ranking.at("standard") is ranking
    strict = ranking.at("strict")
    assert strict is ranking.at("strict")
    assert [each.text for each in ranking.allowed(mild, place)] == ["damn thing"]
    assert strict.allowed(mild, place) == ()
    assert strict.filters is not None
    assert strict.filters.options.digits
    assert ranking.filtered() == {("keep", None): 1, ("drop", "offensive"): 1}
    odd = [alternative("a\x07b", 0.6, 0.6)]
    off, worse = ranking.at("off"), [alternative("fucking thing", 0.6, 0.5)]
    assert ranking.allowed(worse, place) == ()
    assert off.allowed(worse, place) == tuple(worse)
    for each in (strict, off):  # what is not about words is withheld at every level
        assert [found.text for found in each.allowed(odd, place)] == ["a"]
    assert Ranking(None).at("strict").filters is None
