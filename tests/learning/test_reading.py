"""The process that reads: hostile files cost themselves, and nothing is fetched or written."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from learning.files import PROSE, changed_in_zip, docx, pdf, texts_of, why_not
from tecla.errors import OptionError
from tecla.learning.base import REASONS, Limits, ReadingOptions, UnreadableError
from tecla.learning.child import read
from tecla.learning.kinds import KINDS, Kind
from tecla.learning.reading import Reading

OPTIONS = ReadingOptions()


def outcome(
    reading: Reading, path: Path, kind: Kind, options: ReadingOptions = OPTIONS
) -> str | list[object]:
    try:
        return list(reading.texts(path, kind, options))
    except UnreadableError as unreadable:
        return unreadable.reason


@pytest.mark.slow
def test_texts_come_through_whatever_they_hold(reading: Reading, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for text in (PROSE, "\u2028 \N{GRINNING FACE} \\ \"' \x1b[31m", "x" * 300_000):
        path.write_text(text, encoding="utf-8")
        assert outcome(reading, path, "text") == [text]


def bomb(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        packed.writestr("word/document.xml", b"0" * 300_000)
    return path


def entities(path: Path) -> Path:
    """Ten entities, each of ten of the one before, and one that names a file of the system."""
    docx(path, ["BODY"])
    entity = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 11))
    begin = f'<!DOCTYPE x [<!ENTITY e0 "ha"><!ENTITY f SYSTEM "file:///etc/hostname">{entity}]>'
    changed_in_zip(path, "word/document.xml", b"<w:document", f"{begin}<w:document".encode())
    changed_in_zip(path, "word/document.xml", b"BODY", b"BODY &e10; &f;")
    return path


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    little = ReadingOptions(limits=Limits(unpacked_bytes=100_000))
    assert why_not(bomb(tmp_path / "a.docx"), options=little) == "too_large"


@pytest.mark.slow
def test_entities_are_not_resolved(tmp_path: Path) -> None:
    path = entities(tmp_path / "a.docx")
    if why_not(path) == "read":
        (text,) = texts_of(path)
        assert len(text) < 100
        assert "haha" not in text
    else:
        assert why_not(path) == "damaged"


@pytest.mark.slow
def test_passwords_lock(tmp_path: Path) -> None:
    assert why_not(pdf(tmp_path / "a.pdf", [[PROSE]], password="x")) == "locked"
    (tmp_path / "a.docx").write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)
    assert why_not(tmp_path / "a.docx") == "locked"


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_that_are_no_text_are_told_apart(tmp_path: Path, kind: Kind) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(bytes(range(256)) * 20)
    assert why_not(path, kind) in {"binary", "damaged", "no_column", "no_text"}
    path.write_bytes(b"")
    assert why_not(path, kind) in {"read", "damaged", "no_column", "no_text"}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["docx", "pdf"])
@given(cut=st.integers(0, 3000), flip=st.integers(0, 3000), value=st.integers(0, 255))
@settings(max_examples=25)
def test_damaged_files_have_a_reason(
    tmp_path_factory: pytest.TempPathFactory, kind: Kind, cut: int, flip: int, value: int
) -> None:
    path = tmp_path_factory.mktemp("damaged") / f"a.{kind}"
    whole = docx(path, [PROSE]) if kind == "docx" else pdf(path, [[PROSE]])
    data = bytearray(whole.read_bytes())
    data[flip % len(data)] = value
    path.write_bytes(data[: len(data) - cut % len(data)])
    assert why_not(path, kind) in {"read", "no_text", *REASONS}


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 101)
    assert why_not(path, options=ReadingOptions(limits=Limits(file_bytes=100))) == "too_large"
    rows = tmp_path / "a.jsonl"
    rows.write_text('{"a": "one two three four"}\n' * 9)
    few = ReadingOptions(limits=Limits(file_chars=60))
    assert why_not(rows, options=few) == "too_large"


def test_a_text_that_is_too_long_is_several(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * 25)
    found = list(read(path, "text", ReadingOptions(limits=Limits(text_chars=10))))
    assert found == ["x" * 10, "x" * 10, "x" * 5]


def test_source_code_that_a_program_made_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.js"
    path.write_text("// a comment of some words\n" + "x();" * 1000)
    assert why_not(path) == "too_large"


@pytest.mark.slow
def test_what_takes_too_long_is_given_up_and_the_next_is_read(
    reading: Reading, tmp_path: Path
) -> None:
    nested, plain = tmp_path / "a.html", tmp_path / "b.txt"
    nested.write_text("<div>" * 100_000 + "</div>" * 100_000)  # a minute's work
    plain.write_text(PROSE)
    short = replace(OPTIONS, limits=Limits(seconds=0.3))
    assert outcome(reading, nested, "html", short) == "too_long"
    assert outcome(reading, plain, "text") == [PROSE]


@pytest.mark.slow
def test_memory_has_a_limit(reading: Reading, tmp_path: Path) -> None:
    large, plain = tmp_path / "a.txt", tmp_path / "b.txt"
    large.write_bytes(b"a line of text\n" * 3_000_000)
    plain.write_text(PROSE)
    little = replace(OPTIONS, limits=Limits(memory_bytes=20_000_000))
    assert outcome(reading, large, "text", little) in ("too_much_memory", "broke_down")
    assert outcome(reading, plain, "text") == [PROSE]


@pytest.mark.slow
def test_a_reader_that_is_ended_costs_one_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "one two three four"}\n' * 2_000)
    with Reading() as reading:
        texts = reading.texts(path, "json-lines", OPTIONS)
        next(texts)
        assert reading._process is not None
        reading._process.kill()
        with pytest.raises(UnreadableError, match="broke_down"):
            list(texts)
        assert len(outcome(reading, path, "json-lines")) == 2_000
        left = reading.texts(path, "json-lines", OPTIONS)
        next(left)
        left.close()  # whoever stops asking leaves no half answer behind
        assert len(outcome(reading, path, "json-lines")) == 2_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "deed",
    [
        "socket.create_connection(('127.0.0.1', 9))",
        "subprocess.run(['true'])",
        "os.system('true')",
        "os.fork()",
        "open('x', 'w')",
        "os.remove('x')",
    ],
)
def test_readers_can_do_nothing_but_read(tmp_path: Path, deed: str) -> None:
    import subprocess
    import sys

    code = f"""
import os, socket, subprocess, sys
from tecla.learning.child import _refuse
sys.addaudithook(_refuse)
try:
    {deed}
except PermissionError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert "a reader of files may not" in done.stdout, done.stderr


def test_a_missing_library_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text(PROSE)
    with Reading() as reading:
        monkeypatch.setattr(reading, "_begun", lambda: None)
        monkeypatch.setattr(reading, "_ask", lambda process, request: None)
        monkeypatch.setattr(reading, "_message", lambda process, until: {"end": "not_installed"})
        with pytest.raises(OptionError, match=r"tecla\[learn\]"):
            list(reading.texts(path, "text", OPTIONS))


def test_every_reason_is_explained() -> None:
    from typing import get_args

    from tecla.learning.base import Reason

    assert set(REASONS) == set(get_args(Reason))


@pytest.mark.parametrize("name", ["file_bytes", "text_chars", "pages", "seconds"])
def test_limits_are_checked(name: str) -> None:
    with pytest.raises(OptionError, match=name):
        Limits(**{name: 0})
