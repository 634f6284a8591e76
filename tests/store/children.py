"""Other processes that work on a store, and die at it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PRELUDE = """
import os, signal, sys
from pathlib import Path
from store.made import NO_LIMIT, document, event
from tecla.store.base import Owner
from tecla.store.sqlite import SqliteStore
from tecla.store.sqlite_file import SqliteFile
from tecla.store.events import SuggestedText

path = Path(sys.argv[1])

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def say(what):
    print(what, flush=True)

def opened(**options):
    return SqliteStore.open(path, retention=NO_LIMIT, **options)
"""
KILLED = -9


def start(code: str, path: Path, *arguments: object) -> subprocess.Popen[str]:
    """A child that runs `code` on the store at `path`; its output is a pipe."""
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, str(path), *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def run(code: str, path: Path, *arguments: object) -> tuple[int, str]:
    """Its exit status and what it said."""
    with start(code, path, *arguments) as child:
        said, _ = child.communicate(timeout=120)
        return child.returncode, said
