"""Results as tables; what a figure means is in `metrics.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from rich.table import Table

Row = Mapping[str, Any]
LEGEND: Final = (
    "saves %: keys saved by the typist who takes the longest right part of a suggestion where "
    "that saves two keys; exact: by one who takes it whole or not at all; tuned: the same, at the "
    "threshold that was best on the development split; TES: the mean over passages; shown, right, "
    "wrong: of all carets those with a suggestion, of these the wholly right ones, and of all "
    "carets those where not even the first word was right. MRR: the mean, over beginnings of "
    "queries, of one over the place of the whole query in the list, 0 where it is missing; seen, "
    "unseen: for beginnings that the log has, and has not; @k: how often it is among the first k. "
    "p50, p99: milliseconds a key; CPU s: processor seconds for 1,000 keys; calls: share of keys "
    "that needed the model; MB: most memory held."
)
DETAIL_LEGEND: Final = (
    "perplexity: of a character; ECE: calibration error of the first word's probability; of whole "
    "suggestions their number, the calibration error with its interval, the Brier score, that of a "
    "constant, and how often a right one is more probable than a wrong one (AUC); partial: "
    "characters that were right of those shown, and of those still to be written; 1 to 5 words: "
    "of the most probable suggestions, as many as the coverage says, those whose first words are "
    "exactly right, %; tokens: evaluated for a key; model p50, p99: milliseconds of the keys that "
    "needed the model."
)


class PlainTable(NamedTuple):
    """A table as text."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def plain_tables(results: Row) -> list[PlainTable]:
    """One table for each corpus and way of asking."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in results["figures"]:
        groups.setdefault((row["corpus"], row["split"], row["way"]), []).append(row)
    return [
        PlainTable(
            f"{corpus} ({split}), asked as {way}",
            _COLUMNS[way] + _COST_COLUMNS,
            [(row["system"], *_CELLS[way](row), *_costs(row["costs"])) for row in rows],
        )
        for (corpus, split, way), rows in groups.items()
    ]


def detail_tables(results: Row) -> list[PlainTable]:
    """The other figures of ghost text, one table for each corpus."""
    groups: dict[str, list[Row]] = {}
    for row in results["figures"]:
        if row["way"] == "ghost":
            groups.setdefault(f"{row['corpus']} ({row['split']})", []).append(row)
    found = []
    for title, rows in groups.items():
        coverages = list(rows[0]["exact_match"])
        columns = (
            *("system", "perplexity", "ECE"),
            *("suggestions", "whole ECE", "Brier", "of a constant", "AUC"),
            *("partial precision", "recall"),
            *(f"{k} at {float(each):.0%}" for each in coverages for k in _matched(rows[0], each)),
            *("tokens", "model p50", "p99"),
        )
        found.append(PlainTable(title, columns, [tuple(_details(row, coverages)) for row in rows]))
    return found


def tables(results: Row) -> Iterator[Table]:
    """The tables for a terminal, which has room for 80 characters."""
    for plain in plain_tables(results):
        table = Table(
            title=plain.title,
            title_justify="left",
            box=None,
            header_style="bold",
            pad_edge=False,
            padding=(0, 1, 0, 0),
        )
        kept = [at for at, name in enumerate(plain.columns) if name not in _REPORT_ONLY]
        for at in kept:
            table.add_column(plain.columns[at], justify="right" if at else "left", no_wrap=True)
        for cells in plain.rows:
            table.add_row(*(cells[at] for at in kept))
        yield table


_REPORT_ONLY = {"TES"}
_COLUMNS = {
    "ghost": ("system", "saves %", "exact", "tuned", "TES", "shown", "right", "wrong"),
    "list": ("system", "strict %", "presage %"),
    "query": ("system", "MRR", "seen", "unseen", "@1", "@3", "@10"),
}
_COST_COLUMNS = ("p50 ms", "p99", "CPU s", "calls", "MB")


def _ghost(row: Row) -> Iterator[str]:
    yield _interval(row["saving"]["savings"])
    yield _percent(row["exact"]["savings"])
    yield _percent(row["tuned"]["exact"]["exact"]["savings"]) if "tuned" in row else "-"
    yield _percent(row["exact"]["typing_effort_saved"])
    for name in ("coverage", "precision", "wrong_show"):
        yield _percent(row[name])


def _list(row: Row) -> Iterator[str]:
    yield _interval(row["strict"]["savings"])
    yield _interval(row["presage"]["savings"])


def _query(row: Row) -> Iterator[str]:
    whole = {each["prefixes"]: each for each in row["queries"] if each["lengths"] == "1+"}
    for which in ("all", "seen", "unseen"):
        yield _plain(whole[which]["mrr"]["value"], 3) if which in whole else "-"
    for k in ("1", "3", "10"):
        yield _plain(whole["all"]["success"][k]["value"], 3)


def _costs(row: Row) -> Sequence[str]:
    return (
        _short(row["latency_ms"]["p50"]),
        _short(row["latency_ms"]["p99"]),
        _short(row["cpu_s_per_1000_keys"]),
        _plain(row["model_calls_per_key"], 2),
        _plain(row["peak_bytes"] / 1e6, 0),
    )


def _details(row: Row, coverages: Sequence[str]) -> Iterator[str]:
    yield row["system"]
    yield _plain(row["perplexity_per_char"], 2)
    yield _plain(row["calibration"]["error"], 3)
    yield from _reliability(row["reliability"])
    yield _percent(row["partial_precision"])
    yield _percent(row["partial_recall"])
    for coverage in coverages:
        for k in _matched(row, coverage):
            match = row["exact_match"][coverage][k]
            yield "-" if match is None else _percent(match)
    yield _plain(row["costs"]["tokens_per_key"], 2)
    for percent in ("p50", "p99"):
        yield _short(row["costs"]["model_latency_ms"][percent])


def _reliability(figures: Row) -> Iterator[str]:
    error = figures["error"]
    yield str(figures["events"])
    interval = "" if error["low"] is None else f" ({error['low']:.3f} to {error['high']:.3f})"
    yield _plain(error["value"], 3) + interval
    for name in ("brier", "brier_constant", "auc"):
        yield _plain(figures[name], 3)


def _matched(row: Row, coverage: str) -> Sequence[str]:
    """Numbers of words, as keys."""
    return list(row["exact_match"][coverage])


def _interval(estimate: Row) -> str:
    if estimate["value"] is None:
        return "-"
    if estimate["low"] is None:
        return f"{100 * estimate['value']:.1f}"
    half = 50 * (estimate["high"] - estimate["low"])
    return f"{100 * estimate['value']:.1f} ± {half:.1f}"


def _percent(estimate: Row) -> str:
    return "-" if estimate["value"] is None else f"{100 * estimate['value']:.1f}"


def _short(value: float | None) -> str:
    """Two digits at least, and no more than one behind the point from 10 on."""
    return "-" if value is None else f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"


def _plain(value: float | None, places: int) -> str:
    return "-" if value is None else f"{value:.{places}f}"


_CELLS = {"ghost": _ghost, "list": _list, "query": _query}
