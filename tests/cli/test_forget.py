"""Where `tecla forget` looks: at all that tecla writes, and at nothing of the user's beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.calling import Ran, caller
from tecla.cli.forget import _places
from tecla.settings import load

CANARY = "The heron counts seventeen brass buttons before it sleeps under the viaduct."

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with something to learn."""
    made = tmp_path / "desk"
    (made / "docs").mkdir(parents=True)
    (made / "docs" / "a.txt").write_text(CANARY)
    return made


@pytest.fixture
def tecla(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], desk: Path
) -> Callable[..., Ran]:
    """Run `tecla` in that folder, with its store there too."""
    monkeypatch.chdir(desk)
    monkeypatch.setenv("TECLA_STORE_FILE", str(desk / "store.db"))
    return caller(monkeypatch, capsys)


def test_the_original_beside_the_store_is_not_looked_at(
    tecla: Callable[..., Ran], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (desk / "mine.toml").touch()
    monkeypatch.setenv("TECLA_CONFIG", str(desk / "mine.toml"))
    monkeypatch.setenv("TECLA_MODELS_DIR", str(desk / "models"))
    assert tecla("learn", "docs").status == 0
    ran = tecla("forget", "docs/a.txt", "--yes", "--json")
    assert ran.status == 0
    proof = ran.document["proof"]
    assert proof["holds"] is True
    assert proof["before"]["found"] > 0
    assert {Path(each).suffix for each in proof["before"]["where"]} == {".db", ".segment"}
    assert str(desk) not in proof["folders"]
    assert str(desk / "store.db.personal") in proof["folders"]


def test_all_that_is_written_beside_the_store_is_looked_at(
    tecla: Callable[..., Ran], desk: Path
) -> None:
    assert tecla("learn", "docs").status == 0
    assert tecla("forget", "--user", "nobody", "--yes").status == 0
    places = _places(load())
    written = [path for path in desk.iterdir() if path.name != "docs"]
    assert len(written) > 2
    assert set(written) <= set(places)
    for ending in ("-wal", "-journal", ".new"):
        left = desk / f"store.db{ending}"
        assert left in places


def test_a_trace_in_what_is_left_of_the_store_is_found(
    tecla: Callable[..., Ran], desk: Path
) -> None:
    assert tecla("learn", "docs").status == 0
    (desk / "store.db.new").write_text(CANARY)
    ran = tecla("forget", "docs", "--yes")
    assert ran.status == 1
    assert "store.db.new" in ran.err


def test_a_store_that_is_a_link_is_looked_at_where_it_lies(
    tecla: Callable[..., Ran], desk: Path
) -> None:
    (desk / "far").mkdir()
    (desk / "store.db").symlink_to(desk / "far" / "real.db")
    assert tecla("learn", "docs").status == 0
    proof = tecla("forget", "docs", "--yes", "--json").document["proof"]
    assert proof["before"]["found"] > 0
    assert proof["after"]["found"] == 0
    assert str(desk / "far" / "real.db.personal") in proof["folders"]
