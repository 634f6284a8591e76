"""Trying a GGUF file of unknown origin in a process of its own before it is loaded in this one.

llama.cpp trusts much of what a file says: two tokens of one text or an impossible number of
layers (one flipped bit is enough) end the process with an assertion. A file that has not been
tried before is loaded and run for one token by a child process; if that dies, the file is refused
here by name. Files that lived are remembered by path, size and time of change, so this costs
about a second once a file. The default model needs none of it: its hash is known.

Run as a module, this is the child: `python -m tecla.engines.llama_probe FILE`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tecla.errors import ModelFormatError, TeclaError

_REFUSED = 3  # the child met an error that this process will meet in the same way
_TIMEOUT_S = 600


def check_loads(path: Path, cache_dir: Path) -> None:
    """Raise `ModelFormatError` if loading `path` ends a process; remember files that live."""
    stamp = cache_dir / "tried-models.json"
    tried = _read(stamp)
    identity = _identity(path)
    if identity is None or identity in tried:
        return
    command = [sys.executable, "-m", "tecla.engines.llama_probe", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise ModelFormatError(
            f"{str(path)!r} did not load within {_TIMEOUT_S} s; the file may be damaged, or too "
            "large for this machine: choose a smaller model"
        ) from None
    if done.returncode == 0:
        _remember(stamp, [*tried, identity])
    elif done.returncode != _REFUSED:
        raise ModelFormatError(
            f"{str(path)!r} ends llama.cpp when it is loaded (status {done.returncode}): the file "
            "is damaged or of a kind this build does not know; download or convert it again"
        )


def _identity(path: Path) -> str | None:
    try:
        status = path.stat()
    except OSError:
        return None  # loading will say why
    return f"{path.resolve()}|{status.st_size}|{status.st_mtime_ns}"


def _read(stamp: Path) -> list[str]:
    try:
        known = json.loads(stamp.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [item for item in known if isinstance(item, str)] if isinstance(known, list) else []


def _remember(stamp: Path, identities: list[str]) -> None:
    try:
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.write_text(json.dumps(identities), encoding="utf-8")
    except OSError:
        return  # a read-only cache folder only means trying again next time


def main() -> int:
    """Load the file named on the command line and evaluate one token."""
    from tecla.engines.base import Feed
    from tecla.engines.llama import LlamaEngine
    from tecla.engines.llama_model import LlamaModel

    try:
        model = LlamaModel(Path(sys.argv[1]))
        engine = LlamaEngine(model, context_tokens=64, kv_tokens=256, n_slots=2)
        engine.eval([Feed(0, [model.tokenizer.start_id or 0])])
        engine.close()
    except TeclaError:
        return _REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
