"""From the setting `embedding` to an embedding; heavy libraries wait until the first text."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from tecla.errors import OptionError
from tecla.retrieval.base import Embedding

OFF: Final = "off"
DEFAULT: Final = "wordllama"
_ENTRY = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def open_embedding(name: str = DEFAULT) -> Embedding | None:
    """The embedding of a name; `None` for `off`.

    `wordllama` is the one that needs nothing else, `http://host:port/v1#model` a server's, and
    `module:function` whatever that function gives: the way to any other library. Raises
    `OptionError` for what is none of these, or gives no embedding.
    """
    if name == OFF:
        return None
    if name == DEFAULT:
        return _static()
    if name.startswith(("http://", "https://")):
        from tecla.retrieval.server import ServerEmbedding

        return ServerEmbedding(name)
    if _ENTRY.fullmatch(name):
        return _made_by(name)
    raise OptionError(
        f"embedding is {name!r}; it must be {DEFAULT}, {OFF}, http://host:port/v1#model, or "
        "module:function"
    )


@cache
def _static() -> Embedding:
    """One for the whole process: its weights take 60 MB."""
    from tecla.retrieval.static import StaticEmbedding

    return StaticEmbedding()


def _made_by(entry: str) -> Embedding:
    from importlib import import_module

    module, _, function = entry.partition(":")
    try:
        made = getattr(import_module(module), function)()
    except (ImportError, AttributeError, TypeError) as error:
        raise OptionError(
            f"embedding is {entry!r}, which cannot be made ({type(error).__name__}); it must name "
            "a function without arguments in a module that can be imported"
        ) from error
    if not all(hasattr(made, each) for each in ("name", "dim", "embed")):
        raise OptionError(
            f"embedding is {entry!r}, which gives a {type(made).__name__}; it must have name, dim "
            "and embed (tecla.retrieval.base.Embedding)"
        )
    embedding: Embedding = made
    return embedding
