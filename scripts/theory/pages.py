"""What was measured, put into the pages: what is between markers is the script's.

In a page, `<!--counts seen_5-->12 %<!--/-->` is a quote called `seen_5` from `figures/counts.json`,
and `<!--table counts orders-->` … `<!--/table-->` a table from it. `filled` writes both anew, so a
page says what its figures say. Knows nothing of measuring.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "theory"
FIGURES = FOLDER / "figures"
QUOTE = re.compile(r"<!--(\w+) (\w+)-->(.*?)<!--/-->", re.DOTALL)
TABLE = re.compile(r"<!--table (\w+) (\w+)-->\n.*?<!--/table-->", re.DOTALL)


def figure(name: str) -> dict[str, Any]:
    """What was measured for a figure."""
    found: dict[str, Any] = json.loads((FIGURES / f"{name}.json").read_text(encoding="utf-8"))
    return found


def filled(page: str) -> str:
    """The text of a page with every quote and every table written anew."""

    def quote(match: re.Match[str]) -> str:
        name, key = match.group(1, 2)
        return f"<!--{name} {key}-->{figure(name)['quotes'][key]}<!--/-->"

    def table(match: re.Match[str]) -> str:
        name, key = match.group(1, 2)
        return f"<!--table {name} {key}-->\n{markdown(figure(name)['tables'][key])}<!--/table-->"

    return TABLE.sub(table, QUOTE.sub(quote, page))


def markdown(rows: list[list[str]]) -> str:
    """A table; the first row is its head."""
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def fill_all() -> None:
    """Write every page anew whose figures are all there."""
    for path in sorted(FOLDER.glob("*.md")):
        page = path.read_text(encoding="utf-8")
        names = {match.group(1) for match in [*QUOTE.finditer(page), *TABLE.finditer(page)]}
        if all((FIGURES / f"{name}.json").is_file() for name in names):
            path.write_text(filled(page), encoding="utf-8")
