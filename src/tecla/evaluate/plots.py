"""Plots of a run as SVG that fits the page it stands in.

Text stays text, the ground is clear, and everything drawn in the ink colour becomes
`currentColor`, so that one picture serves light and dark. The hues of systems have enough contrast
with both. matplotlib is imported when a plot is drawn.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

Row = Mapping[str, Any]
_INK: Final = "#010203"
_HUES: Final = (
    *("#3b82c4", "#e0792b", "#2a9d6e", "#b65fc0", "#c9a227"),
    *("#d1495b", "#7a8a99", "#8a6d3b", "#17a2b8", "#6a5acd"),
    *("#7f9f2f", "#e57fa6", "#a04a2a", "#4f8f8b"),
)
_SVG_TAG: Final = re.compile(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>')
_STYLE: Final[dict[str, Any]] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
}
_HANDLE_INCHES: Final = 0.6  # of an entry of the legend
_CHAR_INCHES: Final = 0.09  # wider than those of most fonts
Draw = Callable[[Any, Sequence[Row], Mapping[str, str]], None]


def plots(rows: Sequence[Row]) -> list[tuple[str, str, str]]:
    """Title, explanation and SVG of every plot that the figures have something for."""
    systems = list(dict.fromkeys(row["system"] for row in rows))
    hues = {name: _HUES[number % len(_HUES)] for number, name in enumerate(systems)}
    found = []
    for title, why, way, draw in _PLOTS:
        groups = _groups([row for row in rows if row["way"] == way])
        if groups:
            found.append((title, why, _svg(title, groups, hues, draw)))
    return found


def _groups(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(f"{row['corpus']} ({row['split']})", []).append(row)
    return found


def _svg(
    name: str, groups: Mapping[str, Sequence[Row]], hues: Mapping[str, str], draw: Draw
) -> str:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    across = min(len(groups), 3)
    down = -(-len(groups) // across)
    style: Any = {**_STYLE, "svg.hashsalt": name}
    with rc_context(style):
        width = 5.4 if across == 1 else 3.4 * across + 1
        figure = Figure(figsize=(width, 3.1 * down + 0.4), layout="constrained")
        panels = figure.subplots(down, across, squeeze=False).ravel()
        for panel, (title, rows) in zip(panels, groups.items(), strict=False):
            draw(panel, rows, hues)
            panel.set_title(title)
        for panel in panels[len(groups) :]:
            panel.set_visible(False)
        handles: dict[str, Any] = {}
        for panel in panels:
            for handle, label in zip(*panel.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        if handles:
            entry = _HANDLE_INCHES + _CHAR_INCHES * max(map(len, handles))
            figure.legend(
                handles.values(),
                handles.keys(),
                loc="outside lower center",
                ncols=max(1, min(4, int(width / entry))),
                frameon=False,
            )
        output = io.StringIO()
        figure.savefig(output, format="svg", transparent=True, metadata={"Date": None})
    svg = output.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    tag = rf'<svg viewBox="\1" role="img" style="max-width: {1.4 * width:g}in">'
    return _SVG_TAG.sub(tag, svg, count=1)


def _bars(panel: Any, names: Sequence[str], estimates: Sequence[Row], hues: Sequence[str]) -> None:
    for at, each in enumerate(estimates):
        value = 100 * (each["value"] or 0)
        panel.barh(at, value, color=hues[at], height=0.7)
        reach = value
        if each["low"] is not None:
            low, high = 100 * each["low"], 100 * each["high"]
            panel.plot([low, high], [at, at], color=_INK, linewidth=1.2)
            reach = max(value, high)
        panel.text(reach + 1, at, f"{value:.1f}", va="center")
    panel.set_yticks(range(len(names)), names)
    panel.invert_yaxis()
    panel.set_xlim(0, 100)
    panel.set_xlabel("keystrokes saved, %")


def _savings(typist: str) -> Draw:
    def draw(panel: Any, rows: Sequence[Row], hues: Mapping[str, str]) -> None:
        names = [row["system"] for row in rows]
        estimates = [row[typist]["savings"] for row in rows]
        _bars(panel, names, estimates, [hues[name] for name in names])

    return draw


def _precision(panel: Any, rows: Sequence[Row], hues: Mapping[str, str]) -> None:
    for row in rows:
        points = [
            (100 * point["coverage"], 100 * point["precision"])
            for point in row["curve"]
            if point["precision"] is not None
        ]
        if points:
            name = row["system"]
            panel.plot(*zip(*points, strict=True), "o-", ms=3, color=hues[name], label=name)
    panel.set(xlim=(0, 102), ylim=(0, 102))
    panel.set(xlabel="carets with something shown, %", ylabel="right as a whole, %")


def _latency(panel: Any, rows: Sequence[Row], hues: Mapping[str, str]) -> None:
    for row in rows:
        name, latency = row["system"], row["costs"]["latency_ms"]
        saved = 100 * (row["saving"]["savings"]["value"] or 0)
        times = [max(latency[key], 0.01) for key in ("p50", "p99")]
        panel.plot(times, [saved, saved], color=hues[name], linewidth=1.5, alpha=0.6)
        panel.plot(times[:1], [saved], "o", color=hues[name], label=name)
        panel.plot(times[1:], [saved], "|", ms=9, color=hues[name])
    ends = [max(row["costs"]["latency_ms"][key], 0.01) for row in rows for key in ("p50", "p99")]
    low, high = (math.floor(math.log10(end)) for end in (min(ends), max(ends)))
    panel.set_xscale("log")
    panel.set_xlim(10.0**low, 10.0 ** (high + 1))
    panel.xaxis.set_major_formatter("{x:g}")
    panel.set_ylim(0, 1.15 * max(100 * (row["saving"]["savings"]["value"] or 0.05) for row in rows))
    panel.set(xlabel="ms a key: p50 (dot) to p99 (bar)", ylabel="keystrokes saved, %")


def _places(key: str, label: str) -> Draw:
    def draw(panel: Any, rows: Sequence[Row], hues: Mapping[str, str]) -> None:
        last = ""
        for row in rows:
            known = [(at, each) for at, each in row[key].items() if each["value"] is not None]
            places = [int(at) for at, _ in known]
            values = [100 * each["value"] for _, each in known]
            name = row["system"]
            panel.plot(places, values, "o-", ms=3, color=hues[name], label=name)
            last = max(row[key], key=int)
        ticks = range(int(last) + 1)
        panel.set_xticks(ticks, [*map(str, ticks[:-1]), f"{last}+"])
        panel.set_ylim(0, 102)
        panel.set(xlabel=label, ylabel="next word right, %")

    return draw


def _reliability(panel: Any, rows: Sequence[Row], hues: Mapping[str, str]) -> None:
    panel.plot([0, 1], [0, 1], "--", color=_INK, linewidth=0.8, alpha=0.6)
    for row in rows:
        bins, name = row["calibration"]["bins"], row["system"]
        if bins:
            means = [each["mean_probability"] for each in bins]
            shares = [each["right_share"] for each in bins]
            panel.plot(means, shares, "o-", ms=3, color=hues[name], label=name)
    panel.set(xlim=(0, 1), ylim=(0, 1.02))
    panel.set(xlabel="probability of the first word", ylabel="share that is right")


def _seen(panel: Any, rows: Sequence[Row], hues: Mapping[str, str]) -> None:
    top = 0.1
    for row in rows:
        for which, style in (("all", "-"), ("seen", "--"), ("unseen", ":")):
            own = [
                (each["lengths"], each["mrr"]["value"])
                for each in row["queries"]
                if each["prefixes"] == which and each["lengths"] != "1+"
            ]
            known = [(at, value) for at, value in own if value is not None]
            if known:
                label = f"{row['system']}, {which}"
                top = max(top, *(value for _, value in known))
                panel.plot(
                    *zip(*known, strict=True), style, marker="o", ms=3,
                    color=hues[row["system"]], label=label,
                )  # fmt: skip
    panel.set_ylim(0, min(1.02, 1.1 * top))
    panel.set(xlabel="characters typed", ylabel="MRR of the whole query")


_PLOTS: Final[tuple[tuple[str, str, str, Draw], ...]] = (
    (
        "Ghost text: keystrokes saved",
        "One suggestion at a time; the typist takes the longest right part that saves two keys. "
        "Lines are 95 % intervals.",
        "ghost",
        _savings("saving"),
    ),
    (
        "List of words: keystrokes saved, everything charged",
        "Case, punctuation and spaces cost keys.",
        "list",
        _savings("strict"),
    ),
    (
        "List of words: keystrokes saved, presage's protocol",
        "Letters of words alone count; one key a word is the least there can be.",
        "list",
        _savings("presage"),
    ),
    (
        "Precision against coverage",
        "Each point is a threshold on the probability: the higher, the less is shown, and the "
        "more of it is right.",
        "ghost",
        _precision,
    ),
    ("Savings against latency", "Up is better, left is faster.", "ghost", _latency),
    (
        "By position in the word",
        "How often the first word of the suggestion is right, by how much of it is typed.",
        "ghost",
        _places("by_typed_chars", "characters of the word typed"),
    ),
    (
        "By position in the sentence",
        "The same, by how many words of the sentence stand before.",
        "ghost",
        _places("by_words_before", "words before"),
    ),
    (
        "Reliability",
        "On the dashed line, what is said to be right with probability p is right that often.",
        "ghost",
        _reliability,
    ),
    (
        "Queries: seen and unseen prefixes",
        "The place of the person's whole query in the list.",
        "query",
        _seen,
    ),
)
