"""Write `docs/reference/` from the code: commands, public classes, and what is measured.

`--check` writes nothing and exits with 1 if a page is not what the code says.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import tecla
from tecla.controller.calibration import Calibration
from tecla.controller.manner import Manner, Search
from tecla.controller.showing import Ghost, Rules
from tecla.controller.tree import Alternative
from tecla.decode.adjust import Forbid, TokenBias
from tecla.decode.request import CaretWork, EvalWork, Request, Stopping, StopReason
from tecla.decode.tree import TextTree
from tecla.engines.sampling import Sampling
from tecla.errors import OUTSIDE, TeclaError
from tecla.evaluate import bootstrap, costs, metrics, positions, queries, reliability, typists
from tecla.filters.options import FilterOptions
from tecla.models.info import ModelInfo
from tecla.scheduler.terms import Terms
from tecla.suggest.options import CompletionOptions, EngineOptions, SuggestOptions
from tecla.text.context import Context
from tecla.text.snapshot import Edit, Snapshot

PAGES = Path(__file__).resolve().parent.parent / "docs" / "reference"
COMMANDS = (
    *("complete", "compare", "type", "train", "train dictionary", "train querylog"),
    *("calibrate", "evaluate", "models", "doctor", "config"),
)
NOTE = "<!-- Written by scripts/reference.py from the code; `make docs` writes it again. -->\n"


def cli_page() -> str:
    """The help of every command."""
    parts = [NOTE, "# Command line\n"]
    for arguments in ([], *(command.split() for command in COMMANDS)):
        shown = " ".join(["tecla", *arguments])
        parts.append(f"## `{shown}`\n\n```text\n{_help(arguments)}\n```\n")
    parts.append("## Exit status\n")
    parts.append("0: a suggestion, or silence with a reason on standard error. Otherwise:\n")
    parts.append("| status | errors |\n| --- | --- |")
    by_status: dict[int, list[str]] = {}
    for code, outside in OUTSIDE.items():
        by_status.setdefault(outside.exit_status, []).append(f"`{code}`")
    parts += [f"| {status} | {', '.join(codes)} |" for status, codes in sorted(by_status.items())]
    return "\n".join(parts) + "\n"


def api_page() -> str:
    """The public classes with their signatures and docstrings."""
    parts = [NOTE, "# Python\n", "Everything here is importable from `tecla`, unless said.\n"]
    for name in tecla.__all__:
        parts.extend(_class(getattr(tecla, name), name))
    parts.append("## Values of a request\n")
    parts.extend(_values(Context, Sampling, Stopping, Request, CompletionOptions, SuggestOptions))
    parts.extend(_values(EngineOptions, TokenBias, Forbid, Terms))
    parts.append("## What a writer is made from\n")
    parts.extend(_values(Manner, Search, Rules, FilterOptions, Snapshot, Edit, Calibration))
    parts.append("## Values of an answer\n")
    parts.extend(_values(TextTree, CaretWork, EvalWork, ModelInfo, Ghost, Alternative))
    parts.append("### `tecla.decode.request.StopReason`\n")
    parts.append("\n".join(f"- `{reason}`" for reason in get_args(StopReason)) + "\n")
    parts.append("## Errors\n")
    parts.append(f"```text\n{inspect.cleandoc(inspect.getmodule(TeclaError).__doc__ or '')}\n```")
    return "\n".join(parts) + "\n"


def metrics_page() -> str:
    """What is measured: the definitions, from the modules that compute them."""
    parts = [NOTE, "# Metrics\n"]
    for module in (typists, metrics, reliability, costs, queries, positions, bootstrap):
        parts.append(f"## `{module.__name__}`\n\n{inspect.getdoc(module)}\n")
    return "\n".join(parts)


def _help(arguments: list[str]) -> str:
    command = [sys.executable, "-m", "tecla", *arguments, "--help"]
    environment = {**os.environ, "COLUMNS": "96", "TERM": "dumb", "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    lines = done.stdout.replace("python -m tecla", "tecla").splitlines()
    return "\n".join(line.rstrip() for line in lines).strip()


def _class(kind: type, name: str) -> Iterator[str]:
    yield f"### `{name}`\n"
    yield f"{inspect.getdoc(kind) or ''}\n"
    fields = inspect.get_annotations(kind)
    if issubclass(kind, TeclaError) or fields:
        if fields:
            yield "\n".join(f"- `{field}: {_named(kind)}`" for field, kind in fields.items())
            yield ""
        return
    for method_name, method in inspect.getmembers(kind):
        public = not method_name.startswith("_") or method_name == "__init__"
        if not public or method_name not in _defined_in(kind):
            continue
        if isinstance(method, property):
            yield f"#### `{method_name}` (property)\n"
        else:
            yield f"#### `{method_name}{_signature(method)}`\n"
        yield f"{inspect.getdoc(method) or ''}\n"


def _values(*kinds: type) -> Iterator[str]:
    for kind in kinds:
        yield from _class(kind, f"{kind.__module__}.{kind.__name__}")


def _defined_in(kind: type) -> set[str]:
    """Names the class defines or inherits from another class of tecla's, the class first."""
    own = [base for base in kind.__mro__ if base.__module__ == kind.__module__]
    return {name for base in own for name in vars(base)}


def _named(annotation: object) -> str:
    return str(getattr(annotation, "__forward_arg__", annotation))


class _Written:
    """An annotation as it is written."""

    def __init__(self, text: object) -> None:
        self._text = str(text)

    def __repr__(self) -> str:
        return self._text


def _signature(method: object) -> str:
    found = inspect.signature(method)  # type: ignore[arg-type]  # it is a function
    empty = inspect.Parameter.empty
    parameters = [
        each if each.annotation is empty else each.replace(annotation=_Written(each.annotation))
        for each in found.parameters.values()
    ]
    shown = found.replace(parameters=parameters)
    if found.return_annotation is not empty:
        shown = shown.replace(return_annotation=_Written(found.return_annotation))
    return str(shown)


def main() -> int:
    """Write or check the pages."""
    stale = []
    pages = {"cli.md": cli_page(), "api.md": api_page(), "metrics.md": metrics_page()}
    for name, text in pages.items():
        page = PAGES / name
        if page.is_file() and page.read_text(encoding="utf-8") == text:
            continue
        if "--check" in sys.argv[1:]:
            stale.append(name)
        else:
            PAGES.mkdir(parents=True, exist_ok=True)
            page.write_text(text, encoding="utf-8")
            print(f"wrote docs/reference/{name}")
    if stale:
        print(f"docs/reference is not what the code says ({', '.join(stale)}): run `make docs`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
