"""From records to figures: everything a report needs, as plain values for one JSON file.

It computes and asks nobody. Every figure with an interval is `{"value", "low", "high"}`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from tecla.evaluate import costs, metrics, positions, queries
from tecla.evaluate.answers import Record
from tecla.evaluate.bootstrap import difference, ratio
from tecla.evaluate.config import EvaluateConfig, Way
from tecla.evaluate.metrics import Ratio
from tecla.evaluate.reliability import reliability
from tecla.evaluate.typists import (
    LEAST_SAVED_KEYS,
    GhostTypist,
    Typing,
    ghost,
    presage_list,
    strict_list,
)

THRESHOLDS: Final = tuple(number / 20 for number in range(20))
MATCHED_WORDS: Final = (1, 2, 3, 4, 5)
Figures = dict[str, Any]


def figures(way: Way, records: Sequence[Record], config: EvaluateConfig) -> Figures:
    """All figures of one system on one corpus, asked in one way."""
    found: Figures = {"passages": len(records), "costs": _costs(records)}
    nats = metrics.nats_per_char(records)
    found["nats_per_char"] = None if nats is None else _estimate(nats, config.seed)
    perplexity = None if nats is None or nats.value is None else math.exp(nats.value)
    found["perplexity_per_char"] = perplexity
    if way == "ghost":
        return found | _ghost(records, config)
    if way == "list":
        return found | _list(records, config)
    return found


def at_threshold(records: Sequence[Record], threshold: float, seed: int) -> Figures:
    """What both ghost typists save at a threshold, and what they are shown."""
    found: Figures = {"threshold": threshold}
    for typist in LEAST_SAVED_KEYS:
        typings = [ghost(record, typist, threshold) for record in records]
        found[typist] = _typist(typings, seed)
    shown = metrics.shown_ratios(records, threshold)
    return found | {name: _estimate(each, seed) for name, each in shown.items()}


def best_threshold(records: Sequence[Record], typist: GhostTypist, glance_keys: float) -> float:
    """The threshold with the most net savings; to be looked for on a development split.

    Net savings are the typist's, less `glance_keys` for every caret with nothing right in
    what is shown: what it costs to look at it.
    """

    def net(threshold: float) -> float:
        saved = metrics.savings(ghost(each, typist, threshold) for each in records).value or 0.0
        wrong = metrics.shown_ratios(records, threshold)["wrong_show"].value or 0.0
        return saved - glance_keys * wrong

    return max(THRESHOLDS, key=net)


def paired(
    way: Way, first: Sequence[Record], second: Sequence[Record], config: EvaluateConfig
) -> Figures | None:
    """The first system's savings less the second's, over the passages that both recorded."""
    others = {record.passage.id: record for record in second}
    pairs = [(each, others[each.passage.id]) for each in first if each.passage.id in others]
    if not pairs or way == "query":
        return None
    one, other = (
        metrics.savings(
            ghost(each, "saving") if way == "ghost" else strict_list(each, config.budgets["list"].n)
            for each in records
        )
        for records in zip(*pairs, strict=True)
    )
    return asdict(difference(one, other, config.seed)) | {"passages": len(pairs)}


def query_figures(records: Sequence[Record], log: Sequence[str], seed: int) -> list[Figures]:
    """MRR and success@k by prefix length: all prefixes, seen ones and unseen ones."""
    seen = queries.SeenPrefixes(log) if log else None
    rows = []
    for each in ((1, None), *queries.PREFIX_LENGTHS):
        lengths = queries.Lengths(*each)
        for which in ("all", "seen", "unseen") if seen else ("all",):
            chosen = None if which == "all" else seen
            found = queries.query_figures(records, lengths, chosen, which == "seen")
            row: Figures = {"lengths": lengths.label, "prefixes": which}
            row["carets"] = sum(found.mrr.wholes)
            row["mrr"] = _estimate(found.mrr, seed)
            row["success"] = {str(k): _estimate(found.success[k], seed) for k in found.success}
            rows.append(row)
    return rows


def _ghost(records: Sequence[Record], config: EvaluateConfig) -> Figures:
    seed = config.seed
    curve = [_point(records, threshold) for threshold in THRESHOLDS]
    matches = {
        str(coverage): {
            str(k): None if found is None else _estimate(found, seed)
            for k in MATCHED_WORDS
            for found in [metrics.exact_match(records, k, coverage)]
        }
        for coverage in config.coverages
    }
    return {
        **at_threshold(records, 0.0, seed),
        "curve": curve,
        "exact_match": matches,
        "calibration": asdict(metrics.calibration(records)),
        "reliability": asdict(reliability(records, seed)),
        **_places(records, seed),
    }


def _list(records: Sequence[Record], config: EvaluateConfig) -> Figures:
    n = config.budgets["list"].n
    return {
        "n": n,
        "strict": _typist([strict_list(record, n) for record in records], config.seed),
        "presage": _typist([presage_list(record, n) for record in records], config.seed),
        **_places(records, config.seed),
    }


def _point(records: Sequence[Record], threshold: float) -> Figures:
    """One point of the curves, without intervals."""
    shown = metrics.shown_ratios(records, threshold)
    saved = metrics.savings(ghost(record, "saving", threshold) for record in records)
    values = {name: each.value for name, each in shown.items()}
    return {"threshold": threshold, "savings": saved.value, **values}


def _typist(typings: Sequence[Typing], seed: int) -> Figures:
    return {
        "savings": _estimate(metrics.savings(typings), seed),
        "typing_effort_saved": _estimate(metrics.typing_effort_saved(typings), seed),
        "plain_keys": sum(each.plain_keys for each in typings),
        "keys": sum(each.keys for each in typings),
        "accepted": sum(each.accepted for each in typings),
        "accepted_chars": sum(each.accepted_chars for each in typings),
    }


def _places(records: Sequence[Record], seed: int) -> Figures:
    by_word = positions.right_by_place(records, positions.typed_chars, positions.MOST_TYPED)
    by_sentence = positions.right_by_place(records, positions.words_before, positions.MOST_WORDS)
    return {
        "by_typed_chars": {str(at): _estimate(each, seed) for at, each in by_word.items()},
        "by_words_before": {str(at): _estimate(each, seed) for at, each in by_sentence.items()},
    }


def _costs(records: Sequence[Record]) -> Figures:
    return {
        "carets": sum(len(record.answers) for record in records),
        "silent": sum(not answer.offers for record in records for answer in record.answers),
        "latency_ms": costs.latency_ms(records, model_only=False),
        "model_latency_ms": costs.latency_ms(records, model_only=True),
        "cpu_s_per_1000_keys": costs.cpu_s_per_1000_keys(records),
        "model_calls_per_key": costs.model_calls_per_key(records),
        "tokens_per_key": costs.tokens_per_key(records),
        "peak_bytes": costs.peak_bytes(records),
    }


def _estimate(sums: Ratio, seed: int) -> Figures:
    return asdict(ratio(sums.parts, sums.wholes, seed))
