"""Documents of text files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tecla.errors import InputError, InvalidTextError, OptionError
from tecla.text.documents import decoded_lines, documents, read_documents


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_blank_lines_part_documents(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", b"one\ntwo\n\n \n\nthree  \r\nfour")
    assert list(read_documents(path)) == ["one\ntwo", "three  \nfour"]


def test_wrapped_lines_are_joined(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", b"  A paragraph that\nis broken.\n\nAnother\n")
    assert list(read_documents(path, wrapped=True)) == ["A paragraph that is broken.", "Another"]


def test_fields_of_json_lines(tmp_path: Path) -> None:
    data = '{"subject": "Größe", "body": "Hi,\\n\\nthere"}\n\n{"body": "x", "n": 1}\n'
    path = written(tmp_path / "a.jsonl", data.encode())
    found = list(read_documents(path, fields=("subject", "body")))
    assert found == ["Größe\nHi,\n\nthere", "x"]


@pytest.mark.parametrize(
    ("data", "fields", "error", "said"),
    [
        (b'{"a": "x"}\n', (), OptionError, "--field"),
        (b'{"a": "x"}\nno\n', ("a",), InputError, "line 2 is no JSON"),
        (b'{"a": "x"}\n{"a": 1}\n', ("a",), InputError, "line 2 has no text in 'a'"),
        (b"[1]\n", ("a", "b"), InputError, "line 1 has no text in 'a' or 'b'"),
        (b'{"a": "\xff"}\n', ("a",), InvalidTextError, "line 1 is not UTF-8"),
    ],
)
def test_lines_that_are_no_documents(
    tmp_path: Path, data: bytes, fields: tuple[str, ...], error: type[Exception], said: str
) -> None:
    path = written(tmp_path / "a.jsonl", data)
    with pytest.raises(error, match=said):
        list(read_documents(path, fields=fields))


def test_a_mark_at_the_beginning_is_no_text_and_lines_end_in_several_ways() -> None:
    assert list(decoded_lines([b"\xef\xbb\xbfa\r\n", b"b\n", b"\n", b"c"], "x")) == [
        *("a", "b", "", "c")
    ]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        list(read_documents(tmp_path / "none.txt"))


def test_endless_documents_are_cut_at_a_line() -> None:
    found = list(documents("word " * 1000 for _ in range(500)))
    assert len(found) == 3
    assert "\n".join(found).count("word") == 500_000
