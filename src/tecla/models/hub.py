"""GGUF files from a Hugging Face repository, through `huggingface_hub`.

Owns the choice of a file and the translation of the library's errors; downloading, resuming,
caching and tokens are the library's. Nothing but a `.gguf` file is ever fetched.
"""

from __future__ import annotations

import re
from pathlib import Path

from tecla.errors import TeclaError, UnknownModelError, UnsupportedModelError

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(?::[\w./-]+\.gguf)?")
_PREFERRED = ("q4_k_m", "q8_0", "q5_k_m", "q4_1", "q4_0", "f16")
_OFFLINE_REMEDY = "check the connection, or download a GGUF file elsewhere and name its path"


def looks_like_repository(name: str) -> bool:
    """Whether `name` has the form OWNER/REPO or OWNER/REPO:FILE.gguf."""
    return _REPOSITORY.fullmatch(name) is not None


def fetch_gguf(name: str, cache_dir: Path) -> Path:
    """The local path of the GGUF file that `name` stands for, downloaded once.

    Raises `UnknownModelError` when the hub or the repository cannot be reached or the choice
    of a file is not clear, `UnsupportedModelError` when the repository has no GGUF file.
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
        if not filename:
            filename = _choose(name, library.HfApi().list_repo_files(repository))
        return Path(library.hf_hub_download(repository, filename, cache_dir=folder))
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


def _choose(name: str, files: list[str]) -> str:
    """The file to fetch: the only GGUF file, or the preferred quantisation among several."""
    models = sorted(file for file in files if file.lower().endswith(".gguf"))
    if not models:
        raise UnsupportedModelError(
            f"repository {name!r} has no GGUF file; name one that has, or convert the model to GGUF"
        )
    if len(models) == 1:
        return models[0]
    for kind in _PREFERRED:
        matching = [file for file in models if kind in file.lower()]
        if len(matching) == 1:
            return matching[0]
    listed = ", ".join(models[:8])
    raise UnknownModelError(
        f"repository {name!r} has {len(models)} GGUF files ({listed}): name one as "
        f"{name}:{models[0]}"
    )
