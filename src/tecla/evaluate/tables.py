"""Results as tables on the terminal; what a figure means is in `metrics.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table

Row = Mapping[str, Any]


def tables(results: Row) -> Iterator[Table]:
    """One table for each corpus and way of asking."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in results["figures"]:
        groups.setdefault((row["corpus"], row["split"], row["way"]), []).append(row)
    for (corpus, split, way), rows in groups.items():
        table = Table(
            title=f"{corpus} ({split}), asked as {way}", title_justify="left", box=None,
            header_style="bold", pad_edge=False,
        )  # fmt: skip
        for number, name in enumerate(_COLUMNS[way] + _COST_COLUMNS):
            table.add_column(name, justify="left" if number == 0 else "right", overflow="fold")
        for row in rows:
            table.add_row(row["system"], *_CELLS[way](row), *_costs(row["costs"]))
        yield table


_COLUMNS = {
    "ghost": ("system", "saves % (saving)", "exact %", "TES %", "shown %", "right %", "wrong %"),
    "list": ("system", "saves % (strict)", "presage %"),
    "query": ("system", "MRR", "MRR seen", "MRR unseen", "success@1", "success@3", "success@10"),
}
_COST_COLUMNS = ("p50 ms", "p99 ms", "CPU s/1000", "calls/key", "peak MB")


def _ghost(row: Row) -> Iterator[str]:
    yield _interval(row["saving"]["savings"])
    yield _percent(row["exact"]["savings"])
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
        _plain(row["latency_ms"]["p50"], 2),
        _plain(row["latency_ms"]["p99"], 1),
        _plain(row["cpu_s_per_1000_keys"], 2),
        _plain(row["model_calls_per_key"], 2),
        _plain(row["peak_bytes"] / 1e6, 0),
    )


def _interval(estimate: Row) -> str:
    if estimate["value"] is None:
        return "-"
    half = 50 * (estimate["high"] - estimate["low"])
    return f"{100 * estimate['value']:.1f} ± {half:.1f}"


def _percent(estimate: Row) -> str:
    return "-" if estimate["value"] is None else f"{100 * estimate['value']:.1f}"


def _plain(value: float | None, places: int) -> str:
    return "-" if value is None else f"{value:.{places}f}"


_CELLS = {"ghost": _ghost, "list": _list, "query": _query}
