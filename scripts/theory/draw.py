"""How the figures look: text stays text, a clear ground, greys to be read on light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BLUE, ORANGE, GREEN, PURPLE, RED, GREY = (
    *("#3b82c4", "#e0792b", "#2a9d6e", "#b65fc0", "#d1495b"),
    "#808890",
)
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "theory",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": GREY,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 9,
    **dict.fromkeys(
        (
            *("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor"),
            *("xtick.color", "ytick.color", "legend.labelcolor"),
        ),
        GREY,
    ),
}


class Canvas:
    """Panels side by side."""

    def __init__(self, widths: Sequence[float], height: float = 3.3) -> None:
        """One panel for each width, in inches."""
        from matplotlib import rc_context
        from matplotlib.figure import Figure

        self._context = rc_context(_STYLE)
        self._context.__enter__()
        self._figure = Figure(figsize=(sum(widths), height), layout="constrained")
        found = self._figure.subplots(1, len(widths), squeeze=False, width_ratios=list(widths))
        self.panels: list[Any] = list(found[0])

    def legend_below(self) -> None:
        """One legend for all panels, from the first."""
        handles, labels = self.panels[0].get_legend_handles_labels()
        self._figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))

    def save(self, path: Path, label: str) -> None:
        """Write the figure; `label` says in words what it shows."""
        output = io.StringIO()
        self._figure.savefig(output, format="svg", transparent=True, metadata={"Date": None})
        self._context.__exit__(None, None, None)
        svg = output.getvalue()
        svg = svg[svg.index("<svg") :].replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
        svg = re.sub(r"[ \t]+$", "", svg, flags=re.MULTILINE)
        path.write_text(svg, encoding="utf-8")


def bars(
    panel: Any, labels: Sequence[str], series: Sequence[tuple[str, Sequence[float], str]]
) -> None:
    """Bars in groups, each with its number above it."""
    width = 0.8 / len(series)
    for number, (name, values, colour) in enumerate(series):
        places = [at + (number - (len(series) - 1) / 2) * width for at in range(len(labels))]
        panel.bar(places, values, width * 0.92, color=colour, label=name)
        for place, value in zip(places, values, strict=True):
            panel.annotate(f"{value:.0f}", (place, value), ha="center", va="bottom", fontsize=9)
    panel.set_xticks(range(len(labels)), labels)
    panel.grid(visible=False, axis="x")
