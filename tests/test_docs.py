"""The examples in the README and the documentation run, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from serve.serving import live
from tecla.ngram.train import train_ngram

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
SERVICE = "127.0.0.1:8757"  # where the examples look for one
EXAMPLES = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in PAGES
    for number, code in enumerate(
        re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    )
]
COMMANDS = [
    line.removeprefix("$ ")
    for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("$ ")
]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the README's commands name, and with a cache that they share."""
    folder = tmp_path_factory.mktemp("desk")
    letters = "I am looking forward to seeing you.\n\nThank you for the flowers.\n"
    for name in ("letters.txt", "notes.txt"):
        (folder / name).write_text(letters, encoding="utf-8")
    train_ngram(letters.split("\n\n"), folder / "mine.ngram")
    page = (ROOT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    (run,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (folder / "run.toml").write_text(run, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def at_the_desk(desk: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in that folder."""
    monkeypatch.chdir(desk)
    monkeypatch.setenv("TECLA_CACHE_DIR", str(desk / "cache"))


@pytest.mark.slow
@pytest.mark.parametrize("code", EXAMPLES)
def test_python_examples_run(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    with live() if SERVICE in code else nullcontext() as served:
        code = code.replace(SERVICE, f"127.0.0.1:{served.port}" if served else SERVICE)
        exec(compile(code, "example", "exec"), {"__name__": "example"})
    assert capsys.readouterr().out.strip()


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_commands_of_the_readme_run(command: str) -> None:
    tecla = shlex.quote(str(Path(sys.executable).with_name("tecla")))
    here = command.replace(".venv/bin/tecla", tecla)
    assert here != command
    done = subprocess.run(
        ["bash", "-c", here], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 2
    assert len(COMMANDS) >= 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_the_readme_names_every_command_and_make_target() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ("complete", "models", "doctor", "config"):
        assert f"tecla {name}" in readme
    for target in ("demo", "test"):
        assert f"make {target}" in readme
