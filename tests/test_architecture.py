"""The house's rules: which room may import which, how long files are, what errors map to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tecla import errors

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "tecla"

# Each room and the rooms it may import, beside itself and the foundations.
FOUNDATIONS = {
    *("background", "checks", "closing", "errors", "files", "machine", "sections", "settings"),
}
ALLOWED = {
    "text": set(),
    "predict": {"text"},
    "store": {"text", "predict"},
    "retrieval": {"text", "store"},
    "ngram": {"text"},
    "filters": {"text"},
    "learning": {"text", "filters", "store"},
    "classic": {"text", "predict", "ngram"},
    "models": set(),
    "engines": {"text", "models"},
    "decode": {"text", "engines"},
    "personal": {"text", "engines", "decode", "store", "ngram", "classic"},
    "scheduler": {"text", "engines", "decode"},
    "suggest": {"text", "engines", "decode", "models", "scheduler", "predict"},
    "controller": {
        *("text", "decode", "models", "scheduler", "suggest"),
        *("predict", "classic", "ngram", "filters", "store", "retrieval", "learning", "personal"),
    },
    "process": {"text", "decode", "models", "scheduler", "suggest", "filters", "engines"},
    "terminal": {"text", "controller"},
    "serve": {
        *("text", "engines", "decode", "models", "scheduler", "suggest", "filters"),
        *("process", "controller", "store", "learning", "personal", "retrieval"),
    },
    "evaluate": {"text", "predict", "ngram", "suggest", "controller"},
    "faces": {"text", "engines", "decode", "models", "suggest"},
    "cli": {
        *("text", "engines", "decode", "models", "suggest", "faces"),
        *("predict", "classic", "ngram", "evaluate", "controller", "filters", "terminal", "store"),
        *("serve", "retrieval", "learning", "personal"),
    },
}
ENGINE_LIBRARIES = {"llama_cpp", "safetensors", "tokenizers", "torch", "transformers"}


def modules(folder: Path = SOURCE) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("room", ALLOWED)
def test_rooms_import_one_way(room: str) -> None:
    allowed = ALLOWED[room] | FOUNDATIONS | {room}
    for path in modules(SOURCE / room):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "tecla" and len(parts) > 1:
                assert parts[1] in allowed, f"{path.relative_to(SOURCE)} imports {name}"


def test_only_the_engine_room_knows_engine_libraries() -> None:
    for path in modules():
        known = path.parent.name == "engines"
        found = {name.split(".")[0] for name in imports(path)} & ENGINE_LIBRARIES
        assert known or not found, f"{path.relative_to(SOURCE)} imports {found}"


def test_files_are_short_and_no_deeper_than_two() -> None:
    for path in modules():
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400, path
        assert len(path.relative_to(SOURCE).parts) <= 2, path
        assert path.stem not in {"utils", "helpers", "common"}, path


def test_every_room_is_in_the_rules() -> None:
    rooms = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert rooms == set(ALLOWED)


def error_classes(base: type[errors.TeclaError]) -> Iterator[type[errors.TeclaError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from error_classes(kind)


def test_every_error_has_a_code_that_is_mapped_and_drawn() -> None:
    kinds = [errors.TeclaError, *error_classes(errors.TeclaError)]
    codes = [kind.code for kind in kinds]
    assert len(set(codes)) == len(codes)
    assert set(codes) == set(errors.OUTSIDE)
    assert errors.__doc__ is not None
    for kind in kinds:
        assert kind.__name__ in errors.__doc__
        assert errors.OUTSIDE[kind.code].exit_status in {1, 2, 3}


def test_the_architecture_page_names_what_exists() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:src/tecla|tests|benchmarks|scripts|docs)/[\w./-]*)`", page)
    assert len(named) > 10
    for name in named:
        assert (ROOT / name).exists(), f"docs/architecture.md names {name}"
    for room in ALLOWED:
        assert f"`src/tecla/{room}/`" in page
