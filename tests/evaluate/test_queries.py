from __future__ import annotations

from evaluate.small_records import offer, record
from tecla.evaluate.queries import Lengths, SeenPrefixes, query_figures, rank


def test_rank_is_that_of_the_whole_query() -> None:
    typed = record("lost card", {2: [offer("st"), offer("st card ")], 5: [offer("card")]})
    assert [rank(typed, at) for at in (0, 2, 5)] == [None, 2, 1]


def test_mrr_and_success_by_hand() -> None:
    typed = record("card", {1: [offer("ar"), offer("ard")], 2: [offer("rd")]})
    found = query_figures([typed], Lengths(1, None))
    assert found.mrr.value == (0.5 + 1 + 0) / 3
    assert found.success[1].value == 1 / 3
    assert found.success[3].value == 2 / 3
    assert query_figures([typed], Lengths(1, 1)).mrr.value == 0.5


def test_seen_prefixes() -> None:
    seen = SeenPrefixes(["Card lost", "cash"])
    assert "car" in seen
    assert "CARD" in seen
    assert "cards" not in seen
    typed = record("carts", {1: [offer("arts")], 4: [offer("s")]})
    assert query_figures([typed], Lengths(1, None), seen, True).mrr.wholes == [3]
    assert query_figures([typed], Lengths(1, None), seen, False).mrr.value == 1.0
