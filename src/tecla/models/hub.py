"""Models from a Hugging Face repository, through `huggingface_hub`.

Owns the choice of files and the translation of the library's errors; downloading, resuming,
caching and tokens are the library's. Nothing is ever fetched but one `.gguf` file or, where a
repository has none, safetensors weights with the JSON files and vocabularies that describe them.
"""

from __future__ import annotations

import re
from pathlib import Path

from tecla.errors import TeclaError, UnknownModelError, UnsupportedModelError

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(?::[\w./-]+\.gguf)?")
_PREFERRED = ("q4_k_m", "q8_0", "q5_k_m", "q4_1", "q4_0", "f16")
_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_DESCRIPTIONS = (
    *("model.safetensors.index.json", "generation_config.json", "tokenizer.json"),
    *("tokenizer_config.json", "vocab.json", "merges.txt", "tokenizer.model", "README.md"),
)
_OFFLINE_REMEDY = "check the connection, or download a GGUF file elsewhere and name its path"


def looks_like_repository(name: str) -> bool:
    """Whether `name` has the form OWNER/REPO or OWNER/REPO:FILE.gguf."""
    return _REPOSITORY.fullmatch(name) is not None


def fetch(name: str, cache_dir: Path) -> Path:
    """What `name` stands for, downloaded once: a GGUF file, or else a transformers folder.

    Raises `UnknownModelError` when the hub or the repository cannot be reached or the choice
    of a file is not clear, `UnsupportedModelError` when the repository has neither.
    """
    repository, _, filename = name.partition(":")
    try:
        import huggingface_hub as library
        from huggingface_hub import errors
    except ImportError:
        raise UnknownModelError(
            f"model {name!r} is a Hugging Face name and huggingface_hub is not installed: run "
            "`pip install 'tecla[hub]'`, or download a GGUF file and name its path"
        ) from None
    folder = cache_dir / "hub"
    try:
        wanted = [filename]
        if not filename:
            wanted = _choose(name, library.HfApi().list_repo_files(repository))
        paths = [
            Path(library.hf_hub_download(repository, file, cache_dir=folder)) for file in wanted
        ]
        return paths[0] if paths[0].suffix == ".gguf" else paths[0].parent
    except errors.GatedRepoError:
        raise UnknownModelError(
            f"model {name!r} needs its owner's consent: accept its terms on the hub and log "
            "in with `hf auth login`"
        ) from None
    except (errors.RepositoryNotFoundError, errors.EntryNotFoundError):
        raise UnknownModelError(
            f"the hub has no model {name!r} (or no right for you to see it); check owner, "
            "repository and file name"
        ) from None
    except TeclaError:
        raise
    except Exception as error:  # the library lets errors of its HTTP client through
        raise UnknownModelError(
            f"cannot reach the model hub for {name!r} ({type(error).__name__}); {_OFFLINE_REMEDY}"
        ) from None


def _choose(name: str, files: list[str]) -> list[str]:
    """The files to fetch.

    The only GGUF file, or the preferred quantisation among several; without any, the weights of
    transformers and what describes them.
    """
    models = sorted(file for file in files if file.lower().endswith(".gguf"))
    if not models:
        weights = sorted(file for file in files if _WEIGHTS.fullmatch(file))
        if not weights or "config.json" not in files:
            raise UnsupportedModelError(
                f"repository {name!r} has no GGUF file and no safetensors weights with their "
                "config.json; name one that has, or convert the model"
            )
        return ["config.json", *weights, *(file for file in _DESCRIPTIONS if file in files)]
    if len(models) == 1:
        return models
    for kind in _PREFERRED:
        matching = [file for file in models if kind in file.lower()]
        if len(matching) == 1:
            return matching
    listed = ", ".join(models[:8])
    raise UnknownModelError(
        f"repository {name!r} has {len(models)} GGUF files ({listed}): name one as "
        f"{name}:{models[0]}"
    )
