"""Where `tecla forget` looks: at all that tecla writes, and at nothing of the user's beside it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import platformdirs
import pytest

from cli.calling import Ran, caller
from store.made import event
from tecla.cli.forget import _places
from tecla.settings import load
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

CANARY = "The heron counts seventeen brass buttons before it sleeps under the viaduct."

OF_KEYS = ("q7k2m9x4ab:ann", "z3c8v1b6cd:ann")  # a user of each of two keys

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
    assert tecla("forget", "docs", "--yes").status == 0
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


@pytest.mark.parametrize(
    "arguments",
    [("--user", "nobody"), ("--user", "nobody", "docs"), ("--user", "nobody", "--feedback")],
)
def test_a_user_of_whom_nothing_is_known(
    tecla: Callable[..., Ran], desk: Path, arguments: tuple[str, ...]
) -> None:
    assert "of the user 'nobody', nor of anybody else" in tecla("forget", *arguments, "--yes").err
    tecla("learn", "docs", "--user", "ann")
    tecla("learn", "docs", "--user", "bob")
    tecla("learn", "docs", "--collection", "team")
    ran = tecla("forget", *arguments, "--yes")
    assert ran.status == 2
    assert "nothing is known of the user 'nobody', but of the users 'ann', 'bob'" in ran.err
    assert "the collection 'team'" in ran.err
    assert tecla("forget", "--collection", "ann", "--yes").status == 2


@pytest.mark.parametrize("command", [("forget", "--yes"), ("learned",)])
def test_a_name_that_came_with_keys_is_named_in_full(
    tecla: Callable[..., Ran], command: tuple[str, ...]
) -> None:
    for name in OF_KEYS:
        tecla("learn", "docs", "--user", name)
    ran = tecla(*command, "--user", "ann")
    assert f"did you mean {OF_KEYS[0]!r} or {OF_KEYS[1]!r}?" in ran.err + ran.out
    assert tecla(*command, "--user", OF_KEYS[0]).status == 0


def test_what_little_is_known_of_a_user_can_be_forgotten(tecla: Callable[..., Ran]) -> None:
    with SqliteStore.open() as store:
        store.consent.give("ann")
        store.settings.put(Owner("user", "bob"), "eagerness", 0.5)
        store.feedback.record([event("one", user="cid", time_s=time.time())])
    assert "Nothing was learnt for the user 'cid'." in tecla("learned", "--user", "cid").out
    assert "has not agreed" in tecla("forget", "--user", "cid", "--feedback", "--yes").err
    assert tecla("forget", "--user", "ann", "--feedback", "--yes").status == 0
    for name in ("bob", "cid"):
        assert tecla("forget", "--user", name, "--yes").status == 0
        assert tecla("forget", "--user", name, "--yes").status == 2


def test_what_a_forgetting_that_was_ended_has_left_goes_though_nobody_is_known(
    tecla: Callable[..., Ran], desk: Path
) -> None:
    assert tecla("learn", "docs").status == 0
    with SqliteStore.open() as store:
        store.forget_user("local")
    assert list(desk.rglob("*.segment"))
    assert tecla("forget", "--user", "local", "--yes").status == 2
    assert not list(desk.rglob("*.segment"))


def test_a_trace_in_another_store_is_forgotten_there(
    tecla: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = platformdirs.user_data_path("tecla") / "my other.db"
    monkeypatch.setenv("TECLA_STORE_FILE", str(other))
    assert tecla("learn", "docs").status == 0
    monkeypatch.setenv("TECLA_STORE_FILE", "store.db")
    assert tecla("learn", "docs").status == 0
    (other.parent / "left").write_text(CANARY)
    ran = tecla("forget", "docs/a.txt", "--yes")
    assert ran.status == 1
    command = f"TECLA_STORE_FILE='{other}' tecla forget docs/a.txt --user local"
    assert f"{str(other)!r}, " in ran.err
    assert ".segment': that is another store, and `" in ran.err
    assert f"`{command}` forgets it there" in ran.err
    assert "left': end every program" in ran.err
    (other.parent / "left").unlink()
    monkeypatch.setenv("TECLA_STORE_FILE", str(other))
    assert tecla("forget", "docs/a.txt", "--user", "local", "--yes").status == 0
