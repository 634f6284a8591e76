"""The search for what should be gone finds it in every form it could be left in."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from personal.traces import Canary

TEXT = "The otter keeps its umbrella in the piano."
TOKENS = [1017, 20_333, 4_001, 777, 31_999, 62]
CANARY = Canary(TEXT, [TOKENS])


def hidden(data: bytes) -> bytes:
    """Between bytes that are nothing."""
    return bytes(range(1, 90)) + data + bytes(range(7, 50))


@pytest.mark.parametrize(
    "data",
    [
        *(
            pytest.param(TEXT.encode(encoding)[3:-3], id=encoding)
            for encoding in ("utf-8", "utf-16-le", "utf-16-be")
        ),
        *(
            pytest.param(np.array(TOKENS[::way], low + width).tobytes(), id=f"{low}{width} {way}")
            for low in "<>"
            for width in ("u2", "i2", "u4", "i4", "i8")
            for way in (1, -1)
        ),
        pytest.param(gzip.compress(TEXT.encode()), id="gzip"),
        *(
            pytest.param(zlib.compress(TEXT.encode(), level), id=f"zlib {level}")
            for level in (1, 6, 9)
        ),
        pytest.param(lzma.compress(TEXT.encode()), id="xz"),
        pytest.param(bz2.compress(TEXT.encode()), id="bz2"),
        pytest.param(gzip.compress(hidden(zlib.compress(TEXT.encode()))), id="zlib in gzip"),
    ],
)
def test_a_canary_is_found(tmp_path: Path, data: bytes) -> None:
    folder = tmp_path / "below"
    folder.mkdir()
    (folder / "file").write_bytes(hidden(b""))
    assert CANARY.traces(tmp_path) == []
    (folder / "file").write_bytes(hidden(data))
    found = CANARY.traces(tmp_path)
    assert found
    assert found[0].place.startswith("below/file")


def test_a_canary_is_found_in_a_zip_in_a_name_and_behind_a_seal(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner", TEXT)
    assert CANARY.traces(tmp_path)
    (tmp_path / "a").write_bytes(TEXT.encode()[::-1])
    assert CANARY.traces(tmp_path) == []
    assert CANARY.traces(tmp_path, lambda path, data: data[::-1])
    (tmp_path / "a").rename(tmp_path / TEXT)
    assert CANARY.traces(tmp_path)


def test_what_is_compressed_where_it_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(9))
    with pytest.raises(AssertionError, match="a cannot be looked into"):
        CANARY.traces(tmp_path)
