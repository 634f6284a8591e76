"""tecla finishes what a person is writing: real-time text completion on one's own machine.

Importing tecla loads no engine; the first `AutoComplete` does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tecla.errors import TeclaError

if TYPE_CHECKING:
    from tecla.controller.controller import Controller
    from tecla.controller.suggestion import Suggestion
    from tecla.controller.writer import Writer
    from tecla.decode.request import Completed, Continuation
    from tecla.faces.autocomplete import AutoComplete
    from tecla.faces.cached import CachedAutoComplete
    from tecla.faces.lru import CacheInfo
    from tecla.faces.optimized import OptimizedAutoComplete
    from tecla.suggest.session import Session
    from tecla.suggest.suggester import Suggester
    from tecla.text.words import WordEnd

_HOMES = {
    "AutoComplete": "tecla.faces.autocomplete",
    "CacheInfo": "tecla.faces.lru",
    "CachedAutoComplete": "tecla.faces.cached",
    "Completed": "tecla.decode.request",
    "Continuation": "tecla.decode.request",
    "Controller": "tecla.controller.controller",
    "OptimizedAutoComplete": "tecla.faces.optimized",
    "Session": "tecla.suggest.session",
    "Suggester": "tecla.suggest.suggester",
    "Suggestion": "tecla.controller.suggestion",
    "WordEnd": "tecla.decode.request",
    "Writer": "tecla.controller.writer",
}

__all__ = [
    "AutoComplete",
    "CacheInfo",
    "CachedAutoComplete",
    "Completed",
    "Continuation",
    "Controller",
    "OptimizedAutoComplete",
    "Session",
    "Suggester",
    "Suggestion",
    "TeclaError",
    "WordEnd",
    "Writer",
]


def __getattr__(name: str) -> Any:
    """Load a public name on its first use."""
    if name not in _HOMES:
        raise AttributeError(f"module 'tecla' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
