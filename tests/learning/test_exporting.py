"""An export gives back all that is known of an owner, and nothing of anybody else."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path

import pytest

from learning.files import PROSE
from store.made import event
from tecla.errors import OptionError
from tecla.learning.exporting import export
from tecla.store.documents import NewDocument
from tecla.store.events import SuggestedText
from tecla.store.memory import MemoryStore
from tecla.store.owners import Owner

ME, TEAM = Owner("user", "local"), Owner("collection", "team")


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore(clock=lambda: 1000.0)
    for owner in (ME, TEAM):
        made.documents.put(
            [
                NewDocument(
                    owner=owner,
                    source=f"/home/{owner.name}/Über ../a b.txt",
                    kind="text",
                    digest=b"x",
                    time_s=1e18,
                    size_bytes=1,
                    passages=(f"{PROSE} ", owner.name),
                )
            ]
        )
        made.settings.put(owner, "eagerness", 0.25)
    made.consent.give("local")
    text = SuggestedText("before ", "suggested")
    made.feedback.record(
        [
            event("mine", user="local", time_s=2000.0, text=text),
            event("theirs", user="other", collection="team", time_s=2000.0),
        ]
    )
    return made


@pytest.mark.parametrize(("owner", "suggestion"), [(ME, "mine"), (TEAM, "theirs")], ids=str)
def test_json_lines(store: MemoryStore, tmp_path: Path, owner: Owner, suggestion: str) -> None:
    path = tmp_path / "all.jsonl"
    manifest = export(store, owner, path, now_s=0.0)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [row["what"] for row in rows] == ["manifest", "setting", "document", "feedback"]
    assert rows[0] == {"what": "manifest", **manifest}
    assert rows[1] == {"what": "setting", "key": "eagerness", "value": 0.25}
    assert rows[2]["text"] == f"{PROSE} {owner.name}"
    assert rows[3]["suggestion"] == suggestion
    assert (rows[3]["text"] is None) == (owner == TEAM)
    assert (manifest["consent_since"] is None) == (owner == TEAM)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_zip(store: MemoryStore, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    export(store, ME, path, now_s=0.0)
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None
        (row,) = [json.loads(line) for line in packed.read("documents.jsonl").splitlines()]
        assert packed.read(row["file"]).decode() == f"{PROSE} local"
        assert not {"..", "/"} & set(row["file"].removeprefix("documents/").split("-"))
        assert json.loads(packed.read("manifest.json"))["texts"] == 1
        assert json.loads(packed.read("settings.json")) == {"eagerness": 0.25}
        assert b'"mine"' in packed.read("feedback.jsonl")


def test_another_form_is_refused_and_a_failure_leaves_what_was_there(
    store: MemoryStore, tmp_path: Path
) -> None:
    with pytest.raises(OptionError, match=r"\.jsonl or \.zip"):
        export(store, ME, tmp_path / "all.txt", now_s=0.0)
    path = tmp_path / "all.zip"
    path.write_text("before")
    store.close()
    with pytest.raises(Exception, match="closed"):
        export(store, ME, path, now_s=0.0)
    assert path.read_text() == "before"
    assert list(tmp_path.glob("*all*")) == [path]
