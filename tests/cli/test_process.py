"""The installed command in processes of its own: what is loaded, and that nothing spills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TECLA = [str(Path(sys.executable).with_name("tecla"))]
HEAVY = ("llama_cpp", "numpy", "torch", "transformers", "rich", "regex")


def run(*command: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(command),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize("code", ["import tecla", "import tecla.cli.main"])
def test_importing_loads_nothing_heavy(code: str) -> None:
    listed = f"{code}; import sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    assert run(sys.executable, "-c", listed).stdout.strip() == "[]"


def test_help_loads_nothing_heavy() -> None:
    done = run(sys.executable, "-X", "importtime", "-m", "tecla", "--help")
    assert done.returncode == 0
    assert "complete" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert not loaded & set(HEAVY)


def test_a_completion_writes_nothing_but_its_json() -> None:
    done = run(*TECLA, "complete", "The future of artif", "--json")
    assert done.returncode == 0
    assert done.stderr == ""
    assert json.loads(done.stdout)["suggestions"][0]["text"].startswith("icial")


def test_an_error_is_one_line_without_a_traceback() -> None:
    done = run(*TECLA, "complete", "x", "--model", "no-such-model")
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_a_megabyte_on_standard_input_is_read_to_its_end() -> None:
    text = "Some words that stand before. " * 34_000 + "I am looking forw"
    environment = {**os.environ, "TECLA_CONTEXT_TOKENS": "256"}
    done = run(*TECLA, "complete", "-", "--max-words", "1", input=text, env=environment)
    assert done.returncode == 0
    assert done.stdout == "ard\n"


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    done = run("bash", "-c", f"{TECLA[0]} config | head -c 1")
    assert "Traceback" not in done.stderr
