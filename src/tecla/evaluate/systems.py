"""Opening a system by what a configuration says: tecla's predictors, and peers.

Peers are `presage:DATABASE`, `llama-server:MODEL.gguf` and `transformers:MODEL.gguf`; every other
spec is `tecla.suggest.predictors.open_predictor`'s. Everything is imported when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tecla.errors import OptionError
from tecla.predict.base import Predictor


def open_system(spec: str) -> Predictor:
    """The system that `spec` names, to be closed by the caller.

    Raises `OptionError` for a spec that names nothing, `ModelError` kinds for what cannot be
    opened, `PeerMissingError` for a peer that is not installed.
    """
    kind, _, rest = spec.partition(":")
    opener = _PEERS.get(kind)
    if opener is not None:
        if not rest:
            raise OptionError(f"{kind!r} needs a file: write {kind}:PATH")
        return opener(Path(rest))
    from tecla.suggest.predictors import open_predictor

    return open_predictor(spec)


def model_file(spec: str) -> Path | None:
    """The file that a spec names, if it names one."""
    _, _, rest = spec.partition(":")
    return Path(rest) if rest and Path(rest).is_file() else None


def _presage(path: Path) -> Predictor:
    from tecla.evaluate.presage import Presage

    return Presage(path)


def _llama_server(path: Path) -> Predictor:
    from tecla.evaluate.peers import LlamaServer

    return LlamaServer.start(path)


def _transformers(path: Path) -> Predictor:
    from tecla.evaluate.peers import Transformers

    return Transformers(path)


_PEERS: Final[dict[str, Callable[[Path], Predictor]]] = {
    "presage": _presage,
    "llama-server": _llama_server,
    "transformers": _transformers,
}
