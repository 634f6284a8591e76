"""What is remembered within a bound."""

from __future__ import annotations

from tecla.ngram.remembered import Remembered


def test_one_more_than_there_is_room_for_begins_again() -> None:
    known: Remembered[str, int] = Remembered(2)
    assert [known.keep("a", 1), known.keep("b", 2)] == [1, 2]
    assert known == {"a": 1, "b": 2}
    assert known.keep("c", 3) == 3
    assert known == {"c": 3}
    assert known.get("a") is None
