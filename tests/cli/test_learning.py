"""`tecla learn`, `learned`, `forget` and `export`, as a person calls them."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.calling import Ran, caller
from learning.files import PROSE

CANARY = "The heron counts seventeen brass buttons before it sleeps under the viaduct."

pytestmark = pytest.mark.slow


@pytest.fixture
def tecla(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Ran]:
    """Run `tecla` in a folder with something to learn."""
    folder = tmp_path / "desk" / "notes"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text(f"{CANARY}\nPassword: hunter2\n")
    (folder / "b.csv").write_text(f"id,body,tag\n1,{PROSE},fox\n")
    (folder / "c.docx").write_bytes(b"no archive")
    (folder / "d.jpg").write_bytes(b"\xff\xd8")
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("TECLA_MODEL", "absent.gguf")  # most of it needs no model, and is quicker
    return caller(monkeypatch, capsys)


def test_learn_look_and_learn_again(tecla: Callable[..., Ran]) -> None:
    ran = tecla("learn", "notes")
    assert ran.status == 0
    assert "learnt 2 files: 2 texts" in ran.out
    assert "left out 1 sentence: a secret" in ran.out
    assert "c.docx: damaged" in ran.err
    assert "not indexed before a model is used" in ran.err
    listed = tecla("learned")
    assert "user local  text" in listed.out
    assert listed.out.splitlines()[-1].startswith("2 files, 2 texts")
    assert "2 files known already" in tecla("learn", "notes").out
    assert "hunter2" not in ran.out + ran.err + listed.out
    assert CANARY not in ran.out + ran.err + listed.out


def test_dry_runs_and_json(tecla: Callable[..., Ran]) -> None:
    dry = tecla("learn", "notes", "--dry-run", "--json").document
    assert (dry["files"], dry["redacted_sentences"]) == (2, {"secret": 1})
    assert {Path(each["path"]).name: each["reason"] for each in dry["skipped_files"]} == {
        "c.docx": "damaged",
        "d.jpg": "kind",
    }
    assert tecla("learned", "--json").document == {"learned": []}
    assert tecla("learned").out.startswith("Nothing is known.")


def test_owners_columns_and_filters(tecla: Callable[..., Ran]) -> None:
    tecla("learn", "notes", "--user", "ann", "--exclude", "*.txt", "--column", "tag")
    tecla("learn", "notes/a.txt", "--collection", "team")
    rows = tecla("learned", "--json").document["learned"]
    assert [(row["owner"]["name"], row["kind"], row["chars"]) for row in rows] == [
        ("team", "text", len(CANARY)),
        ("ann", "table", 3),
    ]
    assert len(tecla("learned", "--kind", "text", "--json").document["learned"]) == 1
    assert len(tecla("learned", "b.csv", "--json").document["learned"]) == 1
    assert len(tecla("learned", "--user", "ann", "--json").document["learned"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("xyz", "--kind", "pdf"), "(2 files) nothing has 'xyz' in its path and is of the kind"),
        (("--user", "local", "--kind", "pdf"), "for the user 'local' (2 files) nothing is of the"),
        (("--user", "ann"), "Nothing is known of the user 'ann', but of the user 'local'."),
    ],
)
def test_filters_that_meet_nothing_are_named(
    tecla: Callable[..., Ran], arguments: tuple[str, ...], said: str
) -> None:
    tecla("learn", "notes")
    assert said in tecla("learned", *arguments).out


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("txt", "did you mean 'text'? kinds are text, "),
        ("csv", "there is no kind 'csv'; did you mean 'table'? kinds are text, "),
        ("tables", "did you mean 'table'?"),
        ("x-ray", "there is no kind 'x-ray'; kinds are text, markdown, html, mail, mbox, "),
    ],
)
def test_what_is_no_kind(tecla: Callable[..., Ran], kind: str, said: str) -> None:
    ran = tecla("learned", "--kind", kind)
    assert ran.status == 2
    assert said in ran.err


def test_columns_that_are_not_there_are_answered_with_those_that_are(
    tecla: Callable[..., Ran],
) -> None:
    (Path("notes") / "e.jsonl").write_text(json.dumps({"name": PROSE, "note": CANARY}))
    (Path("notes") / "f.csv").write_text(f"1,{PROSE} One.\n2,{PROSE} Two.\n")
    tecla("learn", "notes")
    ran = tecla("learn", "notes", "--column", "bodies")
    assert "b.csv: none of its columns or fields has a name given with --column; it has" in ran.err
    assert "it has 'id', 'body', 'tag'\n" in ran.err
    assert "it has 'name', 'note'\n" in ran.err
    assert "it has '1', '2'\n" in ran.err
    assert tecla("learned").out.splitlines()[-1].startswith("4 files")  # a slip erases nothing


def test_a_file_that_was_named_and_is_ruled_out_by_its_folder_is_named_when_it_goes(
    tecla: Callable[..., Ran],
) -> None:
    (Path("notes") / ".gitignore").write_text("a.*\n")
    assert tecla("learn", "notes/a.txt").status == 0
    told = "a.txt: would be forgotten, though it is there; its folder is learnt without it"
    assert told in tecla("learn", "notes", "--dry-run").err
    ran = tecla("learn", "notes", "--json")
    assert [Path(each).name for each in ran.document["ruled_out"]] == ["a.txt"]
    tecla("learn", "notes/a.txt", "notes/b.csv")
    ran = tecla("learn", "notes", "--exclude", "b.*")
    assert "a.txt: forgotten, though it is there" in ran.err
    assert "b.csv: forgotten, though it is there" in ran.err
    tecla("learn", "notes/a.txt")
    (Path("notes") / "a.txt").unlink()
    ran = tecla("learn", "notes")
    assert "1 file forgotten" in ran.out
    assert "though it is there" not in ran.err


def test_forget_a_file_with_proof(
    tecla: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TECLA_MODEL")
    assert "indexed" not in tecla("learn", "notes").err
    ran = tecla("forget", "notes/a.txt", "--yes")
    assert ran.status == 0
    assert "forgot 1 file with 1 text" in ran.out
    assert "searched" in ran.out
    assert ", 0 times after" in ran.out
    proof = tecla("forget", "--user", "local", "--yes", "--json").document["proof"]
    assert proof["holds"] is True
    assert proof["before"]["found"] > 0
    assert proof["after"]["found"] == 0
    places = [Path(place).suffix for place in proof["before"]["where"]]
    assert {".db", ".segment"} <= set(places)  # as text, and as token ids in the index
    assert not any(path.is_file() for path in Path.home().rglob("*.segment"))
    assert tecla("learned", "--json").document == {"learned": []}


def test_forget_asks_first(tecla: Callable[..., Ran]) -> None:
    tecla("learn", "notes")
    ran = tecla("forget", "--everything")
    assert ran.status == 2
    assert "This forgets everything of everybody: 2 files" in ran.err
    assert "--yes" in ran.err
    assert len(tecla("learned", "--json").document["learned"]) == 2
    assert tecla("forget", "--everything", "--yes").status == 0


def test_what_is_left_somewhere_is_said(
    tecla: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TECLA_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "left").write_text(CANARY)
    tecla("learn", "notes")
    ran = tecla("forget", "--user", "local", "--yes")
    assert ran.status == 1
    assert "still in" in ran.err
    assert "left" in ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("learn", "nothing"), "cannot learn 'nothing': it does not exist"),
        (("learn", "notes", "--user", "a", "--collection", "b"), "one of the two"),
        (("forget",), "there is nothing to forget"),
        (("forget", "--everything", "notes"), "give it alone"),
        (("forget", "nothing", "--yes"), "nothing was learnt from 'nothing'"),
        (("export", "-o", "all.txt"), ".jsonl or .zip"),
        (("export", "-o", "no/folder.zip"), "there is no folder"),
    ],
)
def test_bad_input_has_a_remedy(
    tecla: Callable[..., Ran], arguments: tuple[str, ...], told: str
) -> None:
    ran = tecla(*arguments)
    assert ran.status == 2
    assert told in ran.err


def test_export(tecla: Callable[..., Ran]) -> None:
    tecla("learn", "notes")
    ran = tecla("export", "-o", "all.jsonl")
    assert "wrote all.jsonl: 2 texts" in ran.out
    rows = [json.loads(line) for line in Path("all.jsonl").read_text().splitlines()]
    assert CANARY in [row.get("text") for row in rows]
    assert tecla("export", "-o", "all.zip", "--json").document["texts"] == 2


def test_watching_goes_on_until_it_is_ended(
    tecla: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    from collections.abc import Iterator

    from tecla.learning import watching

    def changes(paths: object) -> Iterator[set[Path]]:
        (Path("notes") / "new.txt").write_text(f"{PROSE} Anew.")
        yield {Path("notes").resolve() / "new.txt"}
        yield {Path("notes").resolve() / "new.txt"}
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "changes_in", changes)
    ran = tecla("learn", "notes", "--watch")
    assert ran.status == 0
    assert "watching; Ctrl-C ends it" in ran.err
    assert ran.out.count("learnt 2 files") == 1
    assert ran.out.count("learnt 1 file: 1 text") == 1


def test_a_name_that_is_no_unicode_is_told_as_json(
    tecla: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    named = os.fsdecode(b"notes/\xff\xc3\xa9.txt")
    Path(named).write_text(PROSE)
    out = io.TextIOWrapper(io.BytesIO(), "utf-8", "strict")
    monkeypatch.setattr(sys, "stdout", out)
    tecla("learn", "notes", "--dry-run", "--json")
    out.flush()
    told = out.buffer.getvalue().decode()
    assert "é" in told
    skipped = [Path(each["path"]).name for each in json.loads(told)["skipped_files"]]
    assert Path(named).name in skipped


def test_excluded_by_the_settings(
    tecla: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TECLA_LEARN_EXCLUDE", "*.csv, *.docx")
    ran = tecla("learn", "notes")
    assert "learnt 1 file: 1 text" in ran.out
    assert "left out by a rule" in ran.out
