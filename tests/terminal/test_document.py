"""A file that is edited: what it was stays, it is saved whole, and nothing is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.errors import InvalidTextError, OptionError
from tecla.terminal.document import Document


@pytest.mark.parametrize(
    "data", [b"one\ntwo\n", b"one\r\ntwo", b"\xef\xbb\xbfone\r\n", b"", b"a\rb\n", b"a\r\nb\n"]
)
def test_saving_what_was_read_changes_no_byte(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    document = Document.open(path)
    assert not document.is_changed(document.text)
    document.save(document.text)
    assert path.read_bytes() == data


def test_line_breaks_and_mark_of_the_file_are_used_for_what_is_new(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n")
    document = Document.open(path)
    assert document.text == "one\n"
    assert document.is_changed("one\ntwo\n")
    document.save("one\ntwo\n")
    assert path.read_bytes() == b"\xef\xbb\xbfone\r\ntwo\r\n"
    assert not document.is_changed("one\ntwo\n")


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "a.txt", tmp_path / "link.txt"
    path.write_text("one")
    path.chmod(0o640)
    link.symlink_to(path)
    Document.open(link).save("two")
    assert link.is_symlink()
    assert path.read_text() == "two"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [each.name for each in tmp_path.iterdir() if "part" in each.name] == []


def test_a_new_file_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "new.txt"
    document = Document.open(path)
    assert document.text == ""
    assert not document.is_changed("")
    assert document.is_changed("x")
    document.save("día")
    assert path.read_text(encoding="utf-8") == "día"
    with pytest.raises(OptionError, match="no file"):
        Document.open(None).save("x")


def test_somebody_else_writes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    document = Document.open(path)
    assert not document.is_changed_outside()
    path.write_text("other")
    assert document.is_changed_outside()
    path.unlink()
    assert document.is_changed_outside()
    assert not Document.open(tmp_path / "none").is_changed_outside()


def test_what_cannot_be_edited_is_refused_and_left(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"ok \xff")
    with pytest.raises(InvalidTextError, match="byte 3"):
        Document.open(path)
    assert path.read_bytes() == b"ok \xff"
    with pytest.raises(OptionError, match="is a folder"):
        Document.open(tmp_path)
    lost = Document.open(tmp_path / "gone" / "a.txt")
    with pytest.raises(OptionError, match="cannot write"):
        lost.save("x")


@given(st.text(max_size=40))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("any") / "a.txt"
    try:
        path.write_bytes(text.encode())
    except UnicodeEncodeError:
        return
    document = Document.open(path)
    document.save(document.text)
    assert path.read_bytes() == text.encode()
