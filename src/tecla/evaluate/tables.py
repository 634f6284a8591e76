"""Results as tables; what a figure means is in `metrics.py`.

saves: the saving ghost typist. exact: the exact one; tuned: the exact one at the threshold that
was best on the development split. shown, right, wrong: coverage, precision when shown, wrong-show
rate with no threshold. CPU s: for 1,000 keys. calls: model calls per key. MB: peak memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.table import Table

Row = Mapping[str, Any]


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
