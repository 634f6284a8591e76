from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.errors import InvalidTextError, OptionError
from tecla.text.offsets import UNITS, Offsets, Unit

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(TEXTS)
def test_every_char_offset_goes_there_and_back(text: str) -> None:
    offsets = Offsets(text)
    for at in range(len(text) + 1):
        before = text[:at]
        assert offsets.of_chars(at, "chars") == at
        assert offsets.of_chars(at, "utf16") == len(before.encode("utf-16-le")) // 2
        assert offsets.of_chars(at, "bytes") == len(before.encode())
        for unit in UNITS:
            assert offsets.to_chars(offsets.of_chars(at, unit), unit) == at


@given(TEXTS, st.sampled_from(["utf16", "bytes"]))
def test_every_other_offset_is_refused(text: str, unit: Unit) -> None:
    offsets = Offsets(text)
    valid = {offsets.of_chars(at, unit) for at in range(len(text) + 1)}
    for offset in range(max(valid) + 3):
        if offset not in valid:
            with pytest.raises(OptionError, match=str(offset)):
                offsets.to_chars(offset, unit)


def test_what_is_said_of_an_offset_that_is_none() -> None:
    offsets = Offsets("a😀b\r\n")
    with pytest.raises(OptionError, match="inside character 1; use 1 or 3"):
        offsets.to_chars(2, "utf16")
    with pytest.raises(OptionError, match="inside character 1; use 1 or 5"):
        offsets.to_chars(3, "bytes")
    with pytest.raises(OptionError, match="7 utf16; the text has 6"):
        offsets.to_chars(7, "utf16")
    with pytest.raises(OptionError, match="the text has 5 characters"):
        offsets.of_chars(6, "bytes")
    with pytest.raises(OptionError, match="-1"):
        offsets.to_chars(-1, "chars")
    with pytest.raises(OptionError, match="one of chars, utf16, bytes"):
        offsets.to_chars(0, "words")  # type: ignore[arg-type]
    assert offsets.to_chars(5, "utf16") == 4  # between CR and LF


def test_no_text() -> None:
    with pytest.raises(InvalidTextError):
        Offsets("\ud83d")
