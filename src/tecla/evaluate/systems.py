"""Opening a system by what a configuration says: tecla's predictors, and peers.

Peers are `presage:DATABASE` and, of the default model or another, `llama-server:MODEL` and
`transformers:MODEL`; every other spec is `tecla.controller.predictors.open_predictor`'s. What
presage learns from one passage would change what it says in the next; here it does not learn, nor
does any system: `presage:DATABASE?learning=true` is for seeing what that costs it. Everything is
imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tecla.errors import OptionError, TeclaError
from tecla.predict.base import Predictor


def open_system(spec: str) -> Predictor:
    """The system that `spec` names, to be closed by the caller.

    Raises `OptionError` for a spec that names nothing, `ModelError` kinds for what cannot be
    opened, `PeerMissingError` for a peer that is not installed.
    """
    kind, _, rest = spec.partition(":")
    opener = _PEERS.get(kind)
    if opener is not None:
        return opener(rest)
    from tecla.controller.predictors import open_predictor

    return open_predictor(spec)


def system_file(spec: str) -> Path | None:
    """The file, or the folder of a model, that a system is opened from.

    `None` if there is none, or it cannot be found.
    """
    from tecla.controller import predictors

    kind, _, rest = spec.partition(":")
    try:
        if kind == "presage":
            found: Path | None = _database(rest)[0]
        elif kind in _PEERS:
            found = predictors.language_model(rest)
        else:
            found = predictors.model_file(spec)
    except TeclaError:  # whoever opens the system says what is wrong
        return None
    return found if found is not None and found.exists() else None


def system_engine(spec: str) -> dict[str, Any] | None:
    """How tecla runs the language model of a system; `None` for a system without one, or a peer."""
    from tecla.controller.predictors import has_model
    from tecla.settings import load

    if not has_model(spec):
        return None
    return {
        name: value for name, value in asdict(load().settings.engine).items() if name != "model"
    }


def _database(rest: str) -> tuple[Path, bool]:
    """The database of presage, and whether it learns."""
    name, _, option = rest.partition("?")
    if not name or option not in {"", _LEARNING}:
        raise OptionError(
            f"'presage:{rest}': write presage:DATABASE or presage:DATABASE?{_LEARNING}"
        )
    return Path(name), bool(option)


def _presage(rest: str) -> Predictor:
    from tecla.evaluate.presage import Presage

    path, learning = _database(rest)
    return Presage(path, learning=learning)


def _llama_server(name: str) -> Predictor:
    from tecla.controller.predictors import language_model
    from tecla.evaluate.peers import LlamaServer

    return LlamaServer.start(language_model(name))


def _transformers(name: str) -> Predictor:
    from tecla.controller.predictors import language_model
    from tecla.evaluate.peers import Transformers

    return Transformers(language_model(name))


_LEARNING: Final = "learning=true"
_PEERS: Final[dict[str, Callable[[str], Predictor]]] = {
    "presage": _presage,
    "llama-server": _llama_server,
    "transformers": _transformers,
}
