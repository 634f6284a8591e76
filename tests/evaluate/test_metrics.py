from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluate.small_records import offer, passage, record
from tecla.evaluate import costs, metrics
from tecla.evaluate.answers import Answer, Offer, Record
from tecla.evaluate.typists import Typing


def test_savings_and_typing_effort_saved() -> None:
    typings = [Typing(10, 5), Typing(90, 90)]
    assert metrics.savings(typings).value == 0.05
    assert metrics.typing_effort_saved(typings).value == 0.25
    assert metrics.savings([]).value is None


def test_what_is_shown_by_hand() -> None:
    offers = {0: [offer("see you", 0.9)], 4: [offer("you later", 0.4)], 8: [offer("never", 0.3)]}
    found = metrics.shown_ratios([record("see you soon", offers)], 0.0)
    assert found["coverage"].value == 3 / 12
    assert found["precision"].value == 1 / 3
    assert found["wrong_show"].value == 1 / 12
    # right: "see you", "you ", nothing; shown: 7, 9 and 5; still to be written: 12, 8 and 4
    assert found["partial_precision"].value == 11 / 21
    assert found["partial_recall"].value == 11 / 24
    cut = metrics.shown_ratios([record("see you soon", offers)], 0.6)
    assert cut["coverage"].value == 2 / 12  # one is cut, one silent
    assert cut["precision"].value == 1.0


def one_word(text: str, probability: float) -> Offer:
    return Offer(text, probability, ((len(text), probability),))


def test_exact_match_takes_the_most_probable_first() -> None:
    typed = record("ab ab", {0: [one_word("ab", 0.9)], 3: [one_word("xy", 0.5)]})
    assert metrics.exact_match([typed], 1, 0.2) == ([1.0], [1.0])
    assert metrics.exact_match([typed], 1, 0.4) == ([1.0], [2.0])
    assert metrics.exact_match([typed], 1, 0.6) is None
    assert metrics.exact_match([typed], 2, 0.2) is None


def test_exact_match_counts_ties_in_part() -> None:
    typed = record("ab ab", {0: [one_word("ab", 0.5)], 3: [one_word("xy", 0.5)]})
    found = metrics.exact_match([typed], 1, 0.2)
    assert found is not None
    assert found.value == 0.5
    assert sum(found.wholes) == 1.0


@given(st.lists(st.sampled_from([0.1, 0.2, 0.5]), min_size=1, max_size=30), st.floats(0.01, 1.0))
def test_coverage_is_exact(probabilities: list[float], coverage: float) -> None:
    records = [
        Record(passage("a", number), (Answer((one_word("a", each),)),))
        for number, each in enumerate(probabilities)
    ]
    found = metrics.exact_match(records, 1, coverage)
    assert found is not None
    assert sum(found.wholes) == pytest.approx(coverage * len(probabilities))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=10), st.floats(0, 1), st.floats(0, 1))
def test_coverage_falls_with_the_threshold(shares: list[float], one: float, other: float) -> None:
    records = [Record(passage("a"), (Answer((one_word("a", each),)),)) for each in shares]
    low, high = sorted((one, other))
    wide = metrics.shown_ratios(records, low)["coverage"].value
    narrow = metrics.shown_ratios(records, high)["coverage"].value
    assert wide is not None
    assert narrow is not None
    assert narrow <= wide


def test_calibration_by_hand() -> None:
    offers = {0: [one_word("ab", 0.95)], 3: [one_word("xy", 0.85)], 4: [one_word("b", 0.85)]}
    found = metrics.calibration([record("ab ab", offers)])
    assert [(each.count, each.right_share) for each in found.bins] == [(2, 0.5), (1, 1.0)]
    assert found.error == pytest.approx((2 * 0.35 + 0.05) / 3)
    assert metrics.calibration([record("ab", {})]).error is None


def test_perplexity_of_a_system_that_knows_two_letters() -> None:
    class Coin:
        def logprob(self, context_text: str, text: str) -> float:
            assert context_text == "Subject: x\n\nab\n"
            return -len(text) * math.log(2)

    nats = metrics.text_nats(Coin(), passage("abba", lead="ab\n", header="Subject: x"))
    assert nats == pytest.approx(4 * math.log(2))
    known = Record(passage("abba"), (), nats=nats)
    found = metrics.nats_per_char([known, known])
    assert found is not None
    assert found.value is not None
    assert math.exp(found.value) == pytest.approx(2)
    assert metrics.nats_per_char([known, Record(passage("a"), ())]) is None


def test_costs() -> None:
    typed = record("abcd", {0: [offer("abcd")]})
    assert costs.percentile([3, 1, 2, 4], 50) == 2
    assert costs.percentile([3, 1, 2, 4], 99) == 4
    assert costs.latency_ms([typed], model_only=False) == {"p50": 1.0, "p90": 1.0, "p99": 1.0}
    assert costs.model_calls_per_key([typed]) == 0.25
    assert costs.tokens_per_key([typed]) == 0.25
    assert costs.cpu_s_per_1000_keys([typed]) == 125
    assert costs.peak_bytes([typed]) == 1000
    unknown = Record(passage("a"), (Answer((), 2.0),))
    assert costs.model_calls_per_key([unknown]) is None
    assert costs.latency_ms([unknown], model_only=True)["p50"] is None
