"""Which of several texts is shown first, in cases that can be worked out by hand and at random."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.decode.favourite import favourite

TEXTS = st.text(alphabet="ab ", min_size=1, max_size=6)
FOUND = st.lists(st.tuples(TEXTS, st.floats(0, 0.25)), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        ([("the ", 0.4)], "the "),
        # Each that is not shown comes a key later: the likelier one wins, however short.
        ([("there ", 0.4), ("interesting ", 0.3)], "there "),
        # One key later "to " is not worth a key any more, so it loses two keys and not one.
        ([("to ", 0.3), ("interesting ", 0.4)], "to "),
        ([("to ", 0.3), ("interesting ", 0.7)], "interesting "),
        # What saves no more than the key it costs gives way to what saves.
        ([("a ", 0.5), ("book ", 0.2)], "book "),
        # "there" saves nothing once it has parted from "thereabouts"; that still saves six keys.
        ([("there ", 0.4), ("thereabouts ", 0.3)], "there "),
        ([("there ", 0.3), ("thereabouts ", 0.4)], "thereabouts "),
    ],
)
def test_cases(found: Sequence[tuple[str, float]], shown: str) -> None:
    assert found[favourite(found)][0] == shown


def saved(found: dict[str, float], shown: str) -> float:
    """Keys saved on average, by typing every text."""
    total = 0.0
    for text, probability in found.items():
        rest, left, offered = text, dict(found), shown
        while rest != offered:
            letter = rest[0]
            left = {one[1:]: share for one, share in left.items() if one[:1] == letter}
            left = {one: share for one, share in left.items() if len(one) > 2}
            rest, stays = rest[1:], offered[1:] if offered[:1] == letter else ""
            if rest not in left:
                break
            offered = stays if stays in left else max(left, key=left.__getitem__)
        if rest == offered:
            total += probability * (len(rest) - 1) * (1.0 if len(rest) > 2 else 0.25)
    return total


@given(FOUND)
def test_no_other_saves_more(found: list[tuple[str, float]]) -> None:
    shares: dict[str, float] = {}
    for text, probability in found:
        shares[text] = shares.get(text, 0.0) + probability
    chosen = found[favourite(found)][0]
    best = max(saved(shares, text) for text in shares)
    assert saved(shares, chosen) == pytest.approx(best)
