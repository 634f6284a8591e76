from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.small_records import offer, record
from tecla.evaluate.answers import Answer, Offer, Record
from tecla.evaluate.corpora import Passage
from tecla.evaluate.typists import (
    Typing,
    ghost,
    presage_list,
    right_chars,
    right_cuts,
    shown,
    strict_list,
)


def test_all_of_a_suggestion_is_one_key() -> None:
    typed = record("see you soon", {0: [offer("see you soon")]})
    assert ghost(typed, "saving") == Typing(12, 1, 1, 1, 12)
    assert ghost(typed, "exact") == Typing(12, 1, 1, 1, 12)


def test_a_part_is_one_key_for_each_word() -> None:
    typed = record("see you soon", {0: [offer("see you later")]})
    # "see you" for two keys, then five letters
    assert ghost(typed, "saving") == Typing(12, 7, 2, 1, 7)
    assert ghost(typed, "exact") == Typing(12, 12)


def test_the_saving_typist_wants_two_keys() -> None:
    assert ghost(record("so", {0: [offer("so")]}), "saving").keys == 2
    assert ghost(record("so", {0: [offer("so")]}), "exact").keys == 1
    assert ghost(record("sow", {0: [offer("sow")]}), "saving").keys == 1


def test_what_goes_on_inside_its_last_word_is_wrong() -> None:
    assert ghost(record("cannot", {0: [offer("can")]}), "exact").keys == 6
    assert ghost(record("another", {0: [offer("an other")]}), "saving").keys == 7


def test_nothing_is_accepted_where_the_typist_jumped_over() -> None:
    offers = {0: [offer("good night")], 5: [offer("night all")]}
    assert ghost(record("good night all", offers), "saving").keys == 1 + 4


@pytest.mark.parametrize(
    ("threshold", "text"), [(0.0, "a b c"), (0.7, "a b"), (0.8, "a"), (0.95, None)]
)
def test_a_threshold_cuts_at_word_ends(threshold: float, text: str | None) -> None:
    best = Offer("a b c", 0.5, ((1, 0.9), (3, 0.7), (5, 0.5)))
    found = shown(Answer((best, offer("other"))), threshold)
    assert (None if found is None else found.text) == text


def test_a_candidate_that_respells_what_is_typed() -> None:
    text = "árbol"
    assert right_chars(text, 3, offer("árbol", replaces=3)) == 5
    assert right_cuts(text, 3, offer("árbol", replaces=3)) == [5]
    assert right_chars(text, 3, offer("arbol", replaces=3)) is None
    assert right_chars(text, 1, offer("árbol", replaces=3)) is None
    assert ghost(record("mil árboles", {7: [offer("árboles", replaces=3)]}), "saving").keys == 8


def test_the_strict_list_charges_the_space_that_is_not_wanted() -> None:
    words = {0: [offer("Hello")], 6: [offer("x"), offer("world")]}
    assert strict_list(record("Hello world, yes", words), 2) == Typing(16, 1 + 2 + 5, 3, 2, 11)
    assert strict_list(record("Hello world, yes", words), 1).keys == 1 + 10
    assert strict_list(record("hello world", {0: [offer("Hello")]}), 1).keys == 11


def test_the_presage_protocol_by_hand() -> None:
    words = {0: [offer("hello")], 8: [offer("rld")]}
    # "Hello": 0 letters and a key; "world": 2 letters ("wo") and a key; "yes": 3 letters and a key
    assert presage_list(record("Hello world, yes!", {0: words[0]}), 6).keys == 1 + 6 + 4
    found = presage_list(record("Hello world, yes!", words), 6)
    assert (found.plain_keys, found.keys) == (6 + 6 + 4, 1 + 3 + 4)


def test_marks_behind_a_word_are_not_the_lists() -> None:
    full_stop = {0: [Offer("hello.", 0.3, ((5, 0.4),))]}
    assert presage_list(record("Hello you", full_stop), 6).keys == 1 + 4
    assert strict_list(record("hello you", full_stop), 6).keys == 1 + 3


def test_an_apostrophe_parts_a_word_under_presages_protocol() -> None:
    found = presage_list(record("don't go", {0: [offer("don't")]}), 6)
    assert (found.plain_keys, found.keys) == (4 + 2 + 3, 1 + 2 + 3)
    assert presage_list(record("don quixote", {0: [offer("don't")]}), 6).keys == 12


@st.composite
def typed_records(draw: st.DrawFn) -> Record:
    text = draw(st.text("ab .", min_size=1, max_size=20))
    answers = []
    for at in range(len(text)):
        right = text[at:] + draw(st.text("ab ", max_size=3))
        wrong = draw(st.text("abc ", min_size=1, max_size=6))
        guess = draw(st.sampled_from([right, right[:3], wrong]))
        answers.append(Answer((offer(guess, draw(st.floats(0, 1))),)))
    return Record(Passage("p:1", "lines", "", "", text), tuple(answers))


@pytest.mark.slow
@given(typed_records(), st.floats(0, 1))
def test_no_typist_beats_one_key_or_loses_by_accepting(typed: Record, threshold: float) -> None:
    for typing in (
        ghost(typed, "saving", threshold),
        ghost(typed, "exact", threshold),
        strict_list(typed, 1),
    ):
        assert 1 <= typing.keys <= typing.plain_keys == len(typed.passage.text)
        assert typing.keys - typing.accept_keys + typing.accepted_chars == typing.plain_keys


@given(typed_records(), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_shows_more(typed: Record, one: float, other: float) -> None:
    low, high = sorted((one, other))
    for answer in typed.answers:
        more, less = shown(answer, low), shown(answer, high)
        assert less is None or (more is not None and more.text.startswith(less.text))
