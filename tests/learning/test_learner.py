"""Learning again and again: only what is new is read, what is gone is forgotten, once is enough."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from learning.files import PROSE, eml, mbox
from tecla.errors import OptionError
from tecla.learning.base import Limits, ReadingOptions
from tecla.learning.duplicates import Paragraphs, digest_of
from tecla.learning.learner import Learner, LearningOptions
from tecla.learning.reading import Reading
from tecla.learning.summary import Summary
from tecla.store.base import Store
from tecla.store.memory import MemoryStore
from tecla.store.owners import Owner
from tecla.store.sqlite import SqliteStore

ME = Owner("user", "local")
DISCLAIMER = (
    "Whoever reads this far down a mail of ours has more time than most of us have ever had, and "
    "may be glad to hear that nothing of any use to anybody is going to follow below this line."
)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "memory":
        yield MemoryStore()
        return
    with SqliteStore.open(tmp_path / "store" / "tecla.db") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "a.txt").write_text(f"{PROSE} One.")
    (made / "b.md").write_text(f"# Two\n\n{PROSE} Two.")
    return made


Learn = Callable[..., Summary]


@pytest.fixture
def learn(store: Store, folder: Path, reading: Reading) -> Learn:
    """Learn the folder, or other paths."""

    def run(*paths: Path, owner: Owner = ME, **options: object) -> Summary:
        chosen = LearningOptions(**options)  # type: ignore[arg-type]  # as the tests name them
        return Learner(store, owner, chosen, reading=reading).learn(paths or (folder,))

    return run


def texts(store: Store, owner: Owner = ME) -> dict[str, str]:
    """The texts of an owner by the name of their file."""
    found: dict[str, str] = {}
    for passage in store.documents.passages(owner):
        name = Path(passage.source.partition("#")[0]).name
        found[name] = found.get(name, "") + passage.text
    return found


def later(path: Path, text: str | bytes) -> None:
    """Write a file, so that its time is another."""
    before = path.stat().st_mtime_ns if path.exists() else 0
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, ns=(before + 10**9, before + 10**9))


pytestmark = pytest.mark.slow


def test_a_folder_is_learnt_and_then_known(store: Store, learn: Learn) -> None:
    summary = learn()
    assert (summary.files, summary.texts, summary.unchanged) == (2, 2, 0)
    assert texts(store) == {"a.txt": f"{PROSE} One.", "b.md": f"# Two\n\n{PROSE} Two."}
    version = store.documents.version(ME)
    again = learn()
    assert (again.files, again.unchanged, again.changed) == (0, 2, False)
    assert store.documents.version(ME) == version


def test_only_what_changed_is_read(store: Store, learn: Learn, folder: Path) -> None:
    learn()
    later(folder / "a.txt", f"{PROSE} Three.")
    summary = learn()
    assert (summary.files, summary.unchanged) == (1, 1)
    assert texts(store)["a.txt"] == f"{PROSE} Three."
    later(folder / "a.txt", f"{PROSE} Three.  \n")  # another time, the same text
    assert learn().changed is False


def test_what_is_gone_is_forgotten(store: Store, learn: Learn, folder: Path) -> None:
    learn()
    (folder / "a.txt").unlink()
    assert learn(keep_removed=True).forgotten == 0
    assert set(texts(store)) == {"a.txt", "b.md"}
    assert learn().forgotten == 1
    assert set(texts(store)) == {"b.md"}
    (folder / ".teclaignore").write_text("*.md\n")
    (folder / "c.txt").write_text(f"{PROSE} Four.")
    assert learn().forgotten == 1  # ruled out by now
    assert set(texts(store)) == {"c.txt"}


def test_a_file_that_has_become_empty_is_forgotten(
    store: Store, learn: Learn, folder: Path
) -> None:
    learn()
    later(folder / "a.txt", " \n")
    summary = learn()
    assert (summary.forgotten, summary.skipped["no_text"]) == (1, 1)
    assert set(texts(store)) == {"b.md"}


def test_a_file_that_cannot_be_read_now_is_kept(store: Store, learn: Learn, folder: Path) -> None:
    (folder / "c.docx").write_bytes((folder / "a.txt").read_bytes())
    learn()
    assert learn().skipped["damaged"] == 1
    later(folder / "a.txt", "x" * 300)
    too_large = ReadingOptions(limits=Limits(file_bytes=100))
    learn(reading=too_large)
    # Too large says that it is not to be learnt; damaged says nothing.
    assert "a.txt" not in texts(store)


def test_an_empty_folder_is_more_likely_a_disk_that_is_not_there(
    store: Store, learn: Learn, folder: Path
) -> None:
    learn()
    for path in folder.iterdir():
        path.unlink()
    summary = learn()
    assert summary.kept_back == [folder.resolve()]
    assert len(texts(store)) == 2
    assert "tecla forget" in "\n".join(summary.lines(dry=False))


def test_other_folders_and_owners_are_left_alone(
    store: Store, learn: Learn, folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "folder2"
    other.mkdir()
    (other / "c.txt").write_text(f"{PROSE} Other.")
    learn()
    learn(other)
    learn(other, owner=Owner("collection", "theirs"))
    (folder / "a.txt").unlink()
    learn()
    assert set(texts(store)) == {"b.md", "c.txt"}
    assert set(texts(store, Owner("collection", "theirs"))) == {"c.txt"}


def test_a_dry_run_changes_nothing(store: Store, learn: Learn, folder: Path) -> None:
    assert learn(dry=True).texts == 2
    assert texts(store) == {}
    learn()
    (folder / "a.txt").unlink()
    assert learn(dry=True).forgotten == 1
    assert len(texts(store)) == 2


def test_a_copy_is_learnt_once_and_a_new_name_is_learnt(
    store: Store, learn: Learn, folder: Path
) -> None:
    (folder / "z.md").write_text(f"{PROSE}   One.\n")
    assert learn().skipped["same"] == 1
    assert set(texts(store)) == {"a.txt", "b.md"}
    (folder / "a.txt").unlink()
    learn()
    assert set(texts(store)) == {"b.md", "z.md"}
    (folder / "z.md").rename(folder / "y.md")
    summary = learn()
    assert (summary.files, summary.forgotten) == (1, 1)
    assert set(texts(store)) == {"b.md", "y.md"}


def test_secrets_are_not_learnt(store: Store, learn: Learn, folder: Path) -> None:
    later(folder / "a.txt", f"{PROSE}\nPassword: hunter2\nCall (555) 123-4567 now.")
    summary = learn()
    assert texts(store)["a.txt"] == PROSE
    assert dict(summary.redacted) == {"secret": 1, "personal": 1}


def test_a_mailbox_that_grows_has_its_new_mails_learnt(
    store: Store, learn: Learn, tmp_path: Path
) -> None:
    box = tmp_path / "Sent.mbox"
    mails = [eml(f"{PROSE} Mail {word}.\n\n{DISCLAIMER}") for word in ("one", "two", "three")]
    box.write_bytes(mbox(mails[:2]))
    summary = learn(box)
    assert (summary.files, summary.texts, summary.repeated) == (1, 2, 1)
    ids = set(store.documents.ids(ME))
    later(box, mbox(mails))
    summary = learn(box)
    assert (summary.files, summary.texts, summary.repeated) == (1, 1, 1)
    assert (
        len(ids & set(store.documents.ids(ME))) == 2
    )  # the two mails; what says it is done is new
    assert texts(store)["Sent.mbox"].count(DISCLAIMER) == 1
    later(box, mbox(mails[1:]))
    summary = learn(box)
    assert (summary.files, summary.texts) == (1, 0)
    assert "Mail one" not in texts(store)["Sent.mbox"]
    assert learn(box).unchanged == 1


def test_rows_that_differ_in_a_digit_are_not_lost_when_they_change(
    store: Store, learn: Learn, tmp_path: Path
) -> None:
    rows = tmp_path / "a.jsonl"
    rows.write_text(json.dumps({"a": f"{DISCLAIMER} 1"}))
    learn(rows)
    later(rows, json.dumps({"a": f"{DISCLAIMER} 2"}))
    learn(rows)
    assert texts(store)["a.jsonl"] == f"{DISCLAIMER} 2"


def test_other_columns_are_another_reading(store: Store, learn: Learn, tmp_path: Path) -> None:
    table = tmp_path / "a.csv"
    table.write_text(f"one,two\n{PROSE},label\n")
    learn(table)
    assert texts(store)["a.csv"] == PROSE
    learn(table, reading=ReadingOptions(("two",)))
    assert texts(store)["a.csv"] == "label"


def test_what_is_derived_follows_a_round_that_changed_something(store: Store, folder: Path) -> None:
    called: list[Owner] = []
    with Learner(store, ME, brought_up=called.append) as learner:
        learner.learn([folder])
        learner.learn([folder])
    assert called == [ME]


def test_progress_is_told(store: Store, folder: Path, reading: Reading) -> None:
    told: list[tuple[str, int, int]] = []
    learner = Learner(store, ME, reading=reading)
    learner.learn([folder], lambda path, done, total: told.append((path.name, done, total)))
    size = (folder / "a.txt").stat().st_size
    total = size + (folder / "b.md").stat().st_size
    assert told == [("a.txt", 0, total), ("b.md", size, total)]


def test_what_is_not_there_is_an_error_before_anything_is_learnt(
    store: Store, learn: Learn, folder: Path
) -> None:
    with pytest.raises(OptionError, match="does not exist"):
        learn(folder, folder / "nothing")
    assert texts(store) == {}


def test_no_summary_holds_a_text(learn: Learn, folder: Path) -> None:
    later(folder / "a.txt", f"{PROSE}\nPassword: hunter2\n")
    summary = learn()
    said = json.dumps(summary.document()) + "".join(summary.lines(dry=False)) + repr(summary)
    assert "fox" not in said
    assert "hunter" not in said


def test_digests_are_the_same_but_for_white_space() -> None:
    assert digest_of("a  b\n") == digest_of("a b")
    assert digest_of("a b") != digest_of("ab")


def test_paragraphs_are_seen_once() -> None:
    def stays(holder: str) -> bool:
        return holder != "gone"

    seen = Paragraphs([("kept", DISCLAIMER), ("gone", DISCLAIMER.replace("Whoever", "He who"))])
    text = f"Short.\n\n{DISCLAIMER.upper()} 7\n\nShort."
    assert seen.unseen(text, "new", stays) == ("Short.\n\nShort.", 1)
    assert seen.unseen(text, "kept", stays) == (text, 0)
    again = DISCLAIMER.replace("Whoever", "He who")
    assert seen.unseen(again, "new", stays) == (again, 0)
    assert seen.unseen("Short.", "new", stays) == ("Short.", 0)


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ("foo.py", "bar.py", f'"""{DISCLAIMER}"""\n'),
        ("a.py", "z.py", f'"""{DISCLAIMER}"""\n'),
        ("q.csv", "r.csv", f"id,text\n1,{PROSE} One.\n2,{DISCLAIMER}\n"),
        ("q.md", "a.md", f"{PROSE} Three."),
    ],
)
def test_what_is_renamed_is_kept_whole(
    learn: Learn, store: Store, folder: Path, old: str, new: str, text: str
) -> None:
    (folder / old).write_text(text)
    learn()
    before = texts(store)[old]
    assert before
    (folder / old).rename(folder / new)
    summary = learn()
    assert texts(store)[new] == before
    assert old not in texts(store)
    assert summary.forgotten == 1
    assert learn().unchanged == 3


@pytest.mark.parametrize(("now", "rotated"), [("m.md", "a.md"), ("m.md", "z.md")])
def test_what_is_rotated_is_kept(
    learn: Learn, store: Store, folder: Path, now: str, rotated: str
) -> None:
    (folder / now).write_text(f"{PROSE} Old.")
    learn()
    (folder / now).rename(folder / rotated)
    later(folder / now, f"{PROSE} New.")
    learn()
    assert texts(store)[rotated].endswith("Old.")
    assert texts(store)[now].endswith("New.")


@pytest.mark.parametrize("rotated", ["A.mbox", "Z.mbox"])
def test_a_mailbox_that_is_rotated_is_kept(
    learn: Learn, store: Store, folder: Path, rotated: str
) -> None:
    (folder / "Sent.mbox").write_bytes(mbox([eml(f"{PROSE} One."), eml(f"{PROSE} Two.")]))
    learn()
    before = texts(store)["Sent.mbox"]
    (folder / "Sent.mbox").rename(folder / rotated)
    later(folder / "Sent.mbox", mbox([eml(f"{PROSE} Three.")]))
    learn()
    assert sorted(texts(store)[rotated].split()) == sorted(before.split())
    assert "Three." in texts(store)["Sent.mbox"]


def test_a_text_that_was_only_touched_is_kept_once(
    learn: Learn, store: Store, folder: Path
) -> None:
    learn()
    later(folder / "b.md", (folder / "b.md").read_bytes())
    (folder / "0.md").write_bytes((folder / "b.md").read_bytes())
    learn()
    assert list(texts(store)) in (["0.md", "a.txt"], ["a.txt", "0.md"])
    learn()
    assert sorted(texts(store)) == ["0.md", "a.txt"]


def test_a_copy_is_learnt_where_the_first_is_ruled_out(
    learn: Learn, store: Store, folder: Path
) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "x.txt").write_bytes((folder / "a.txt").read_bytes())
    (folder / "a.txt").rename(folder / "c.txt")
    learn()
    assert sorted(texts(store)) == ["b.md", "x.txt"]
    learn(exclude=("a/",))
    assert sorted(texts(store)) == ["b.md", "c.txt"]


def test_nothing_is_imported_from_where_one_stands(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "random", "re"):
        (folder / f"{name}.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.chdir(folder)
    reading = Reading()
    try:
        learner = Learner(store, ME, LearningOptions(), reading=reading)
        assert learner.learn([folder / "a.txt"]).files == 1
    finally:
        reading.close()
