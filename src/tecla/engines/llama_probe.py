"""Trying a GGUF file of unknown origin in a process of its own before it is loaded in this one.

llama.cpp trusts much of what a file says: two tokens of one text or an impossible number of
layers (one flipped bit is enough) end the process with an assertion. A file that has not been
tried before is loaded and run for one token by a child process; if that dies, the file is refused
here by name. Files that lived are remembered by path, size and time of change, so this costs
about a second once a file. The default model needs none of it: its hash is known.

Run as a module, this is the child: `python -m tecla.engines.llama_probe FILE`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tecla.errors import ModelFormatError, TeclaError
from tecla.models.seen import SeenFiles

_REFUSED = 3  # the child met an error that this process will meet in the same way
_TIMEOUT_S = 600


def check_loads(path: Path, cache_dir: Path) -> None:
    """Raise `ModelFormatError` if loading `path` ends a process; remember files that live."""
    tried = SeenFiles(cache_dir / "tried-models.json")
    if not path.is_file() or tried.knows(path):
        return  # what is no file, loading says
    command = [sys.executable, "-m", "tecla.engines.llama_probe", str(path)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise ModelFormatError(
            f"{str(path)!r} did not load within {_TIMEOUT_S} s; the file may be damaged, or too "
            "large for this machine: choose a smaller model"
        ) from None
    if done.returncode == 0:
        tried.remember(path)
    elif done.returncode != _REFUSED:
        raise ModelFormatError(
            f"{str(path)!r} ends llama.cpp when it is loaded (status {done.returncode}): the file "
            "is damaged or of a kind this build does not know; download or convert it again"
        )


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
