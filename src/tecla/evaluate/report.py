"""The report of a run: one HTML page that needs nothing beside it, and the same in Markdown.

The Markdown page shows its plots from files in `plots/`, in a grey that is read on light and dark.

It reads `results.json` alone, so that a report can be made again without records or corpora.
jinja2 and matplotlib are imported when a report is written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tecla.errors import PeerMissingError
from tecla.evaluate.plots import plots
from tecla.evaluate.tables import DETAIL_LEGEND, LEGEND, detail_tables, plain_tables

PAGES: Final = {"report.html": "report.html.jinja", "report.md": "report.md.jinja"}
_TEMPLATES: Final = Path(__file__).with_name("templates")


PLOTS: Final = "plots"
_GREY: Final = "#808890"
_SIGNS: Final = frozenset("\\`*_{}[]<>#|~")  # of Markdown
_GAPS: Final = re.compile(r"\W+")


def write_report(results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write both pages and the plots; the paths of the pages.

    Raises `PeerMissingError` where what draws is missing.
    """
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        drawn = plots(results["figures"])
    except ImportError as error:
        raise PeerMissingError(
            f"a report needs {error.name}: pip install 'tecla[evaluate]'"
        ) from None
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=StrictUndefined,
    )
    environment.filters["cell"] = _cell
    (folder / PLOTS).mkdir(parents=True, exist_ok=True)
    files = [f"{PLOTS}/{_GAPS.sub('-', title.lower())}.svg" for title, _, _ in drawn]
    for file, (_, _, svg) in zip(files, drawn, strict=True):
        (folder / file).write_text(_alone(svg), encoding="utf-8")
    values = {
        "manifest": results["manifest"],
        "missing": results["missing"],
        "parts": (
            (LEGEND, plain_tables(results)),
            (DETAIL_LEGEND, detail_tables(results)),
        ),
        "plots": drawn,
        "plot_files": files,
        "examples": results["examples"],
        "systems": list(dict.fromkeys(row["system"] for row in results["figures"])),
        "made_from": json.dumps(results["manifest"], indent=1, ensure_ascii=False),
    }
    found = []
    for page, template in PAGES.items():
        path = folder / page
        path.write_text(environment.get_template(template).render(values), encoding="utf-8")
        found.append(path)
    return found


def _alone(svg: str) -> str:
    """A plot of the page as a file of its own."""
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    lines = svg.replace("<svg ", f"<svg {spaces} ", 1).replace("currentColor", _GREY).split("\n")
    return "\n".join(line.rstrip() for line in lines)


def _cell(text: str) -> str:
    """A text as it stands in a table of Markdown."""
    shown = text.replace("\n", "↵")
    return "".join("\\" + char if char in _SIGNS else char for char in shown)
