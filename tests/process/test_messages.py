"""What passes between two processes arrives as it was."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from tecla.errors import OUTSIDE, OverloadedError, TeclaError
from tecla.process.messages import Spliced

TEXTS = st.text("ab\n é😀", max_size=40)


@given(TEXTS, TEXTS)
def test_a_text_is_said_by_what_changed(last: str, text: str) -> None:
    spliced = Spliced.of(text, last)
    assert spliced.on(last) == text
    assert text[: spliced.keep + 1] != last[: spliced.keep + 1] or spliced.keep == min(
        len(text), len(last)
    )


def test_a_key_in_a_long_text_is_short() -> None:
    text = "word " * 100_000
    assert Spliced.of(text + "x", text) == Spliced(len(text), "x")


def kinds(base: type[TeclaError] = TeclaError) -> list[type[TeclaError]]:
    return [base, *(each for kind in base.__subclasses__() for each in kinds(kind))]


def test_every_error_crosses() -> None:
    assert {kind.code for kind in kinds()} == set(OUTSIDE)
    for kind in kinds():
        more = {"retry_after_ms": 5.0} if issubclass(kind, OverloadedError) else {}
        error = kind("why", **more)
        there = pickle.loads(pickle.dumps(error))
        assert (type(there), str(there), vars(there)) == (kind, "why", vars(error))
