"""Files that are renamed, rotated, swapped or ruled out: a text stays while a file holds it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from learning.files import PROSE, eml, mbox
from tecla.learning.learner import Learner, LearningOptions
from tecla.learning.reading import Reading
from tecla.learning.summary import Summary
from tecla.store.memory import MemoryStore
from tecla.store.owners import Owner

ME = Owner("user", "local")
GATES = ("old", "low", "far", "red")
LONG = " ".join(f"The {each} gate of the garden was painted" for each in GATES)
OLD, NEW = f"{PROSE} Old.", f"{PROSE} New."

Learn = Callable[..., Summary]

pytestmark = pytest.mark.slow


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    (made / "other.txt").write_text(f"{PROSE} Other.")
    return made


@pytest.fixture
def learn(store: MemoryStore, folder: Path, reading: Reading) -> Learn:
    """Learn the folder, or other paths, leaving out what is excluded."""

    def run(*paths: Path, exclude: tuple[str, ...] = ()) -> Summary:
        chosen = LearningOptions(exclude=exclude)
        return Learner(store, ME, chosen, reading=reading).learn(paths or (folder,))

    return run


def texts(store: MemoryStore) -> dict[str, str]:
    """The texts by the name of their file, without that of the other file."""
    found: dict[str, str] = {}
    for passage in store.documents.passages(ME):
        name = Path(passage.source.partition("#")[0]).name
        found[name] = found.get(name, "") + passage.text
    found.pop("other.txt", None)
    return found


def renew(path: Path, text: str | bytes) -> None:
    """Write a file, so that it has changed."""
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    os.utime(path, ns=(2 * 10**18, 2 * 10**18))


def letter(path: Path, words: str) -> None:
    path.write_bytes(eml(f"{words}\n\nAnd {path.stem} is what this is called."))


def source(path: Path, words: str) -> None:
    path.write_text(f'"""{words}."""\n')


def table(path: Path, words: str) -> None:
    path.write_text(f"id,text\n1,{words}\n2,{words.replace('gate', 'wall')}\n")


@pytest.mark.parametrize(
    ("make", "old", "new"),
    [(letter, "a.eml", "b.eml"), (source, "b.py", "a.py"), (table, "a.csv", "b.csv")],
)
def test_a_new_name_keeps_the_paragraphs(
    store: MemoryStore,
    learn: Learn,
    folder: Path,
    make: Callable[[Path, str], None],
    old: str,
    new: str,
) -> None:
    make(folder / old, LONG)
    learn()
    before = texts(store)[old]
    (folder / old).rename(folder / new)
    summary = learn()
    assert LONG in before
    assert texts(store) == {new: before}
    assert (summary.forgotten, summary.repeated) == (1, 0)


@pytest.mark.parametrize("moved", ["journal-2024.md", "old-journal.md"])  # read before, or after
def test_a_rotated_file_keeps_the_old_text(
    store: MemoryStore, learn: Learn, folder: Path, moved: str
) -> None:
    (folder / "journal.md").write_text(OLD)
    learn()
    (folder / "journal.md").rename(folder / moved)
    renew(folder / "journal.md", NEW)
    learn()
    assert texts(store) == {"journal.md": NEW, moved: OLD}
    assert learn().changed is False


@pytest.mark.parametrize("moved", ["a.py", "z.py"])
def test_a_rotated_source_file_keeps_the_old_paragraphs(
    store: MemoryStore, learn: Learn, folder: Path, moved: str
) -> None:
    source(folder / "m.py", LONG)
    learn()
    (folder / "m.py").rename(folder / moved)
    renew(folder / "m.py", f'"""{PROSE}"""\n')
    learn()
    assert LONG in texts(store)[moved]
    assert texts(store)["m.py"] == PROSE


@pytest.mark.parametrize("moved", ["Sent-2023.mbox", "Was-sent.mbox"])
def test_a_rotated_mailbox_keeps_the_old_mails(
    store: MemoryStore, learn: Learn, folder: Path, moved: str
) -> None:
    mails = [eml(f"{PROSE} Mail {word}.") for word in ("one", "two", "three")]
    (folder / "Sent.mbox").write_bytes(mbox(mails))
    learn()
    before = texts(store)["Sent.mbox"]
    (folder / "Sent.mbox").rename(folder / moved)
    renew(folder / "Sent.mbox", mbox([eml(f"{PROSE} Mail four.")]))
    learn()
    assert texts(store)[moved] == before
    assert texts(store)["Sent.mbox"] == f"{PROSE} Mail four."


def test_texts_that_change_places_are_both_kept(
    store: MemoryStore, learn: Learn, folder: Path
) -> None:
    (folder / "a.txt").write_text(OLD)
    (folder / "b.txt").write_text(NEW)
    learn()
    renew(folder / "a.txt", NEW)
    renew(folder / "b.txt", OLD)
    learn()
    assert texts(store) == {"a.txt": NEW, "b.txt": OLD}


def test_a_copy_of_what_is_ruled_out_is_learnt(
    store: MemoryStore, learn: Learn, folder: Path
) -> None:
    (folder / "a").mkdir()
    (folder / "a" / "x.txt").write_text(OLD)
    (folder / "b.txt").write_text(OLD)
    learn()
    assert texts(store) == {"x.txt": OLD}
    learn(exclude=("a/",))
    assert texts(store) == {"b.txt": OLD}


def test_a_copy_is_learnt_once_though_its_file_was_touched(
    store: MemoryStore, learn: Learn, folder: Path
) -> None:
    (folder / "m.txt").write_text(OLD)
    learn()
    renew(folder / "m.txt", OLD)
    (folder / "a.txt").write_text(OLD)
    learn()
    assert list(texts(store).values()) == [OLD]
    assert learn().changed is False


def test_a_text_that_moved_to_another_folder_is_not_elsewhere(
    store: MemoryStore, learn: Learn, folder: Path, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    second.mkdir()
    source(folder / "m.py", LONG)
    (folder / "m.txt").write_text(OLD)
    learn()
    (second / "copy.txt").write_text(OLD)
    assert learn(second).skipped["same"] == 1
    (folder / "m.py").rename(second / "n.py")
    renew(folder / "m.txt", NEW)
    learn(second)
    learn()
    assert texts(store) == {"m.txt": NEW, "copy.txt": OLD, "n.py": f"{LONG}."}


def boxes(folder: Path) -> tuple[Path, Path]:
    """Two mailboxes that share their second mail."""
    made = []
    for name, words in {"a.mbox": ("one", "two"), "b.mbox": ("two", "three")}.items():
        made.append(folder / name)
        made[-1].write_bytes(mbox([eml(f"{PROSE} Mail {word}.") for word in words]))
    return made[0], made[1]


def mails(store: MemoryStore) -> dict[str, set[str]]:
    """The last words of the mails that are kept, by the name of their mailbox."""
    found: dict[str, set[str]] = {}
    for passage in store.documents.passages(ME):
        name, is_mail, _ = Path(passage.source).name.partition("#")
        if is_mail:
            found.setdefault(name, set()).add(passage.text.rpartition(" ")[2])
    return found


def test_a_mail_that_two_mailboxes_share_is_kept_while_one_has_it(
    store: MemoryStore, learn: Learn, folder: Path
) -> None:
    first, _ = boxes(folder)
    learn()
    assert mails(store) == {"a.mbox": {"one.", "two."}, "b.mbox": {"three."}}
    assert learn().changed is False
    first.unlink()
    learn()
    assert mails(store) == {"b.mbox": {"two.", "three."}}
    assert learn().changed is False


def test_a_shared_mail_is_kept_when_its_mailbox_loses_it(
    store: MemoryStore, learn: Learn, folder: Path
) -> None:
    first, second = boxes(folder)
    learn()
    renew(first, mbox([eml(f"{PROSE} Mail one.")]))
    learn()
    assert mails(store) == {"a.mbox": {"one."}, "b.mbox": {"two.", "three."}}
    second.unlink()
    learn()
    assert mails(store) == {"a.mbox": {"one."}}


def test_a_shared_mail_is_kept_once_when_its_mailbox_grows(
    store: MemoryStore, learn: Learn, folder: Path
) -> None:
    first, _ = boxes(folder)
    first.rename(folder / "z.mbox")
    learn()
    assert mails(store) == {"b.mbox": {"two.", "three."}, "z.mbox": {"one."}}
    words = ("one", "two", "five")
    renew(folder / "z.mbox", mbox([eml(f"{PROSE} Mail {word}.") for word in words]))
    learn()
    assert mails(store) == {"b.mbox": {"two.", "three."}, "z.mbox": {"one.", "five."}}
    assert learn().changed is False


def test_a_mail_that_was_forgotten_with_its_mailbox_is_learnt_from_the_other(
    store: MemoryStore, learn: Learn, folder: Path
) -> None:
    first, second = boxes(folder)
    learn()
    sources = [each.source for each in store.documents.all([ME])]
    store.documents.remove(ME, [each for each in sources if each.startswith(str(first.resolve()))])
    learn(second)
    assert mails(store) == {"b.mbox": {"two.", "three."}}


def test_a_shared_mail_outlives_the_folder_of_its_mailbox(
    store: MemoryStore, learn: Learn, folder: Path, tmp_path: Path
) -> None:
    _, second = boxes(folder)
    other = tmp_path / "other"
    other.mkdir()
    second.rename(other / "b.mbox")
    learn()
    learn(other)
    (folder / "a.mbox").unlink()
    learn()
    assert mails(store) == {"b.mbox": {"three."}}
    learn(other)
    assert mails(store) == {"b.mbox": {"two.", "three."}}
