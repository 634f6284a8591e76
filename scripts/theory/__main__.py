"""Measure and draw the figures of `docs/theory/`, and write what was measured into its pages.

    .venv/bin/python scripts/theory FIGURE|all [--corpora FOLDER] [--redraw]

Numbers go to `docs/theory/figures/FIGURE.json`, the picture to `FIGURE.svg`; the picture, and
every number that a page marks as measured, come from the JSON alone. `--redraw` measures nothing.
Models are trained on training splits and everything is measured on development splits.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from datetime import date
from importlib import import_module
from pathlib import Path

import pages
from sources import CORPORA, SEED

MODULES = {
    "counts": "counting",
    "words": "wordlists",
    "networks": "networks",
    "carets": "carets",
    "search": "searching",
    "silence": "silence",
}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Measure and draw the figures of docs/theory.")
    parser.add_argument("figure", choices=[*MODULES, "all"])
    parser.add_argument("--corpora", type=Path, default=CORPORA, metavar="FOLDER")
    parser.add_argument("--redraw", action="store_true", help="from the numbers that are there")
    given = parser.parse_args()
    if not given.redraw and not given.corpora.is_dir():
        sys.exit(f"there is no folder {str(given.corpora)!r}; name it with --corpora")
    for name in MODULES if given.figure == "all" else [given.figure]:
        module = import_module(MODULES[name])
        path = pages.FIGURES / f"{name}.json"
        if given.redraw:
            found = pages.figure(name)
        else:
            began = time.monotonic()
            measured = module.measure(given.corpora)
            found = {
                "figure": name,
                "date": date.today().isoformat(),
                "command": f".venv/bin/python scripts/theory {name}",
                "seconds": round(time.monotonic() - began),
                "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
                "settings": {"seed": SEED, **measured.settings},
                "values": measured.values,
            }
        found["quotes"], found["tables"] = module.tell(found["values"])
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        module.draw(found["values"], path.with_suffix(".svg"))
        print(f"{name}: {found['seconds']} s; {found['quotes']}")
    pages.fill_all()


if __name__ == "__main__":
    main()
