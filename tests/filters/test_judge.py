"""What the judge promises whatever the text: what is shown is clean, and the dead stay dead."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from filters.cases import cases, filters, plain
from tecla.filters.judge import Filters
from tecla.filters.options import FilterOptions
from tecla.filters.place import Surroundings
from tecla.text.words import WordEnd, words

PIECES = [
    *"abcdefghijklmnopqrstuvwxyz", *" .,;:!?-_*()[]\"'`@$/+#<>|\n\t0123456789", "  ", "**", "```",
    "“", "”", "«", "»", "é", "ñ", "\u0301", "\u200b", "\u200d", "\x00", "\ufffd", "с", "你", "😀",
    " the ", " cat ", " he ", " she", " her ", " él ", "Mr. ", " as", "sess ", " an", "al", "S",
    "the quick brown fox ", "jumps over the lazy dog ", "con mucho gusto ", "www.", ".com", "http",
    "s://", "john@", "example", "+34 612 ", "345 678", "415-555-", "2671", "12345678", "Z ",
    "ES91 ", "2100 0418", "AKIA", "IOSFODNN7EXAMPLE", "password", ": ", "hunter2!", "<|", "im_end",
    "|>", "As an AI", " language model", "User:", "1. ", "2. ", "5", "%", "Dick", " Cheney", "tit",
    " for",
    *map(plain, ("shpx", "fuvg ", "shp", "xvat ", "phag ", "ahg", "ovgpu ", "avttre", " ahqr")),
    *map(plain, ("f1", "fpha", "gubecr ", "chgn ", "chg", "uvwb qr", " n", "ff", "ubyr ")),
    plain("s h p "),
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
places = st.builds(
    Surroundings, texts, texts, st.just(""), st.sampled_from([None, "en", "es", "fr", "ru"])
)
ALL = FilterOptions(offensive="strict")
LISTED = FilterOptions(allow=("cat", "the quick brown"), deny=("fox", "lazy dog"))


@pytest.mark.parametrize("options", [ALL, LISTED], ids=["all", "listed"])
@settings(max_examples=300)
@given(text=texts, place=places)
def test_what_is_shown_would_be_kept(
    options: FilterOptions, text: str, place: Surroundings
) -> None:
    judge = Filters(options)
    verdict = judge.judge(text, place)
    assert 0 <= verdict.end <= len(text)
    assert (verdict.reason is None) == (verdict.action == "keep")
    if verdict.action == "keep":
        assert verdict.end == len(text)
    if verdict.action == "shorten":
        assert verdict.end in {word.end for word in words(text[: verdict.end])}
        assert judge.judge(text[: verdict.end], place).action == "keep"


@pytest.mark.parametrize("options", [ALL, LISTED], ids=["all", "listed"])
@settings(max_examples=600)
@example("IOSFODNN7EXAMPLEa", "scun", Surroundings("aa0"))  # random, and then not any more
@given(beginning=texts, ending=texts, place=places)
def test_nothing_saves_a_dead_beginning(
    options: FilterOptions, beginning: str, ending: str, place: Surroundings
) -> None:
    judge = Filters(options)
    if judge.dead(beginning, place) is None:
        return
    verdict = judge.judge(beginning + ending, place)
    assert verdict.action != "keep"
    assert verdict.end < len(beginning)


@settings(max_examples=300)
@given(text=texts, place=places)
def test_the_dead_stay_dead(text: str, place: Surroundings) -> None:
    judge = Filters(ALL)
    deaths = [judge.dead(text[:end], place) is not None for end in range(len(text) + 1)]
    assert deaths == sorted(deaths)


def test_a_kept_near_miss_was_never_dead_while_it_grew() -> None:
    killed = [
        (case, case.text[:end])
        for case in cases()
        if case.bad is None
        for end in range(len(case.text) + 1)
        if filters(case.level).dead(case.text[:end], case.surroundings)
    ]
    assert killed == []


def test_most_of_what_is_dropped_dies_in_the_search() -> None:
    """With a space behind it, which every going-on brings, an offence is settled."""
    died = Counter(
        filters(case.level).dead(case.text + " then so", case.surroundings) is not None
        for case in cases()
        if case.bad is not None and case.category in {"offensive", "personal", "control", "gender"}
    )
    assert died[True] >= 0.95 * died.total()


def test_verdicts_are_counted_and_dead_beginnings_are_not() -> None:
    judge = Filters()
    place = Surroundings("Hello", language="en")
    judge.judge(" there", place)
    judge.judge(" there", place)
    judge.judge(" a\x00", place)
    judge.judge("\x00", place)
    judge.dead("\x00", place)
    assert judge.counts == {
        ("keep", None): 2,
        ("shorten", "control"): 1,
        ("drop", "control"): 1,
    }


def test_the_cut_is_at_one_of_the_given_ends() -> None:
    place = Surroundings("We can", language="en")
    text = " go to the sea \x00 now"
    assert Filters().judge(text, place).end == len(" go to the sea")
    only = [WordEnd(len(" go to"), 0.9), WordEnd(len(text), 0.1)]
    assert Filters().judge(text, place, only).end == len(" go to")
    assert Filters().judge(text, place, only[1:]).action == "drop"


def test_the_earliest_of_all_findings_decides() -> None:
    place = Surroundings("", language="en")
    verdict = Filters().judge("meet me (see john@example.com and", place)
    assert (verdict.action, verdict.end, verdict.reason) == (
        "shorten",
        len("meet me"),
        "unbalanced",
    )


def test_a_cut_that_leaves_a_bracket_open_goes_further_back() -> None:
    place = Surroundings("", language="en")
    verdict = Filters().judge("we met (with john@example.com) there", place)
    assert (verdict.end, verdict.reason) == (len("we met"), "personal")


def test_empty_text_is_kept() -> None:
    assert Filters().judge("", Surroundings("(" + plain("shpx"), ")")).action == "keep"
    assert Filters().dead("", Surroundings("(" + plain("shpx"), ")")) is None


def test_what_the_person_typed_in_full_is_theirs_but_not_its_continuation() -> None:
    typed = plain("lbh ner n shpx")
    place = Surroundings(typed, language="en")
    assert Filters().judge(" and a friend", place).action == "keep"
    assert Filters().judge(plain("re naq"), place).reason == "offensive"
    assert Filters().judge(plain("ubyr naq"), Surroundings("an as" + "s")).reason == "offensive"


def test_the_word_goes_on_behind_the_caret() -> None:
    assert Filters().judge("ass", Surroundings("the ", "essor said", language="en")).end == 3
    cut = Filters().judge(plain("pha"), Surroundings("the ", "t said", language="en"))
    assert (cut.action, cut.reason) == ("drop", "offensive")


HOSTILE = [
    "a", "(", "(\n", "1 ", "1-", "a@", "a.", "ab ", "f*", " a b", "0x1F", '"a', "password=",
    "\u0301", "aA1", "1.2.3.4.", "***", "http://", "- - ", "as an ", "\n", "([{",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("unit", HOSTILE, ids=ascii)
@pytest.mark.parametrize(
    "chars",
    [
        pytest.param(20_000, marks=pytest.mark.timeout(60)),
        pytest.param(100_000, marks=[pytest.mark.soak, pytest.mark.timeout(300)]),
    ],
)
def test_long_hostile_texts_are_judged_in_time(unit: str, chars: int) -> None:
    """What takes the square of so many steps would not come back."""
    text = unit * (chars // len(unit))
    place = Surroundings(text, text, text, "en")
    judge = Filters(FilterOptions(offensive="strict", allow=("zebra",), deny=("zebra",)))
    assert judge.judge(text, place).end <= len(text)
    judge.dead(text, place)
