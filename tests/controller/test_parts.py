"""Pieces of a ghost text: nothing is lost between steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.controller.parts import PARTS, Part, end_of


def steps(text: str, part: Part) -> list[str]:
    found = []
    while text:
        end = end_of(text, part)
        found.append(text[:end])
        text = text[end:]
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("icial intelligence is ", ["icial", " intelligence", " is "]),
        (", and then", [",", " and", " then"]),
        ("n't (see below).", ["n't", " (", "see", " below", ")."]),
        ("don't worry", ["don't", " worry"]),
        ("東京に行く", ["東", "京", "に", "行", "く"]),
        ("カタカナ です", ["カタカナ", " で", "す"]),
        (" ", [" "]),
        ("...", ["..."]),
    ],
)
def test_word_by_word(text: str, expected: list[str]) -> None:
    assert steps(text, "word") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two\nthree", ["one two", "\n", "three"]),
        ("\n\nthree", ["\n", "\n", "three"]),
        ("\r\nthree", ["\r\n", "three"]),
        ("three", ["three"]),
    ],
)
def test_line_by_line(text: str, expected: list[str]) -> None:
    assert steps(text, "line") == expected


@given(st.text(alphabet="ab .,'\n東ñ(\r", min_size=1, max_size=20), st.sampled_from(PARTS))
def test_every_step_takes_something_and_all_steps_take_all(text: str, part: Part) -> None:
    found = steps(text, part)
    assert all(found)
    assert "".join(found) == text
