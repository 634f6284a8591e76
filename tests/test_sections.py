"""Files of named arrays: what is written is read, and nothing damaged is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tecla.errors import ModelError, ModelFormatError, UnknownModelError
from tecla.sections import read_sections, write_sections

ARRAYS: dict[str, Any] = {
    "words": np.arange(1000, dtype=np.uint32),
    "table": np.linspace(0, 1, 12).reshape(3, 4),
    "none": np.empty(0, np.float32),
    "every other": np.arange(100)[::2],
}


def written(path: Path) -> int:
    return write_sections(path, "test", 3, {"name": "größer", "list": [1, 2]}, ARRAYS)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    size = written(path)
    assert size == path.stat().st_size
    found = read_sections(path, "test", 3, "train it")
    assert found.meta == {"name": "größer", "list": [1, 2]}
    assert set(found.arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert found.arrays[name].dtype == array.dtype
        np.testing.assert_array_equal(found.arrays[name], array)
        assert not found.arrays[name].flags.writeable


def test_a_file_is_replaced_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    written(path)
    assert [each.name for each in tmp_path.glob("file*")] == ["file"]

    class Broken(dict[str, Any]):
        def items(self) -> Any:
            raise OSError(28, "No space left on device")

    before = path.read_bytes()
    with pytest.raises(ModelError, match="No space left"):
        write_sections(path, "test", 3, {}, Broken())
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.glob("file*")] == ["file"]


@pytest.mark.parametrize(
    ("kind", "version", "said"),
    [("other", 3, "holds a test, not a other"), ("test", 4, "is of version 3, this program")],
)
def test_other_kinds_and_versions_are_refused(
    tmp_path: Path, kind: str, version: int, said: str
) -> None:
    written(tmp_path / "file")
    with pytest.raises(ModelFormatError, match=f"{said}.*; train it"):
        read_sections(tmp_path / "file", kind, version, "train it")


def test_any_cut_and_any_flipped_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "file"
    size = written(path)
    whole = path.read_bytes()
    header = json.loads(whole[whole.rindex(b'{"kind"') :])
    inside = [start + n // 2 for _, _, start, n, _ in header["arrays"].values() if n]
    for cut in (0, 1, 40, size // 2, size - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(ModelFormatError):
            read_sections(path, "test", 3, "train it")
    for at in (0, 13, 20, 30, *inside, size - 5):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(ModelFormatError):
            read_sections(path, "test", 3, "train it")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnknownModelError, match="there is no file"):
        read_sections(tmp_path / "none", "test", 3, "train it")
    with pytest.raises(ModelError, match="cannot read"):
        read_sections(tmp_path, "test", 3, "train it")
