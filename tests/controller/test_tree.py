"""What is left of known alternatives by what was typed, by hand."""

from __future__ import annotations

import pytest

from tecla.controller.tree import UNSEEN_SHARE, Alternative, rests
from tecla.text.words import WordEnd

KNOWN = (
    Alternative("it with milk", (WordEnd(2, 0.3, 0.27), WordEnd(7, 0.1), WordEnd(12, 0.02))),
    Alternative("its", (WordEnd(3, 0.1),)),
    Alternative("me", (WordEnd(2, 0.2),)),
)
UNSEEN = 0.4


@pytest.mark.parametrize(
    ("typed", "mass", "left"),
    [
        ("i", 0.3 + 0.1, {"t with milk": 0.3, "ts": 0.1}),
        ("it", 0.3 + 0.1, {" with milk": 0.1, "s": 0.1}),
        ("it ", 0.27, {"with milk": 0.1}),
        ("it w", 0.1, {"ith milk": 0.1}),
        ("m", 0.2, {"e": 0.2}),
    ],
)
def test_probabilities_are_given_what_was_typed(
    typed: str, mass: float, left: dict[str, float]
) -> None:
    share = mass + UNSEEN * UNSEEN_SHARE ** len(typed)
    found = {each.text: each.probability for each in rests(KNOWN, typed)}
    assert found == {text: pytest.approx(chance / share) for text, chance in left.items()}


@pytest.mark.parametrize("typed", ["me", "me ", "x", "its a"])
def test_nothing_is_left_of_what_does_not_go_on(typed: str) -> None:
    assert rests(KNOWN, typed) == ()
