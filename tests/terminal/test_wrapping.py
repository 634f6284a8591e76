"""Lines break between words, and the caret is where its sign is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.formatted_text.utils import fragment_list_to_text
from prompt_toolkit.layout import BufferControl
from prompt_toolkit.layout.processors import Transformation, TransformationInput
from prompt_toolkit.utils import get_cwidth

from tecla.terminal.wrapping import WrapProcessor, paddings

LINES = st.text(alphabet="ab 今é", max_size=60)
WIDTHS = st.integers(2, 20)


def drawn(line: str, width: int) -> Transformation:
    control = BufferControl(Buffer())
    given = TransformationInput(
        control, control.buffer.document, 0, lambda at: at, [("", line)], width, 5
    )
    return WrapProcessor().apply_transformation(given)


def rows(text: str, width: int) -> list[str]:
    """A drawn line as the screen breaks it: where a row is full."""
    found, cells = [""], 0
    for sign in text:
        if cells + get_cwidth(sign) > width:
            found.append("")
            cells = 0
        found[-1] += sign
        cells += get_cwidth(sign)
    return found


@pytest.mark.parametrize(
    ("line", "width", "expected"),
    [
        ("we would come", 9, ["we would ", "come"]),
        ("we would come and see it", 11, ["we would   ", "come and   ", "see it"]),
        ("abcdefghijkl mn", 5, ["abcde", "fghij", "kl mn"]),
        ("short", 80, ["short"]),
        ("", 10, [""]),
        ("今日は天気", 4, ["今日", "は天", "気"]),
    ],
)
def test_rows(line: str, width: int, expected: list[str]) -> None:
    assert rows(fragment_list_to_text(drawn(line, width).fragments), width) == expected


@given(LINES, WIDTHS)
def test_no_word_is_broken_that_fits_a_row(line: str, width: int) -> None:
    whole = rows(fragment_list_to_text(drawn(line, width).fragments), width)
    words = [word for word in line.split() if get_cwidth(word) < width and word.isascii()]
    if "今" not in line and "é" not in line and all(len(each) < width for each in line.split()):
        assert [word for row in whole for word in row.split()] == words


@given(LINES, WIDTHS)
def test_columns_there_and_back(line: str, width: int) -> None:
    found = drawn(line, width)
    text = fragment_list_to_text(found.fragments)
    shown = [found.source_to_display(at) for at in range(len(line) + 1)]
    assert shown == sorted(set(shown))
    for at, column in enumerate(shown):
        assert found.display_to_source(column) == at
        if at < len(line):
            assert text[column] == line[at]
    back = [found.display_to_source(column) for column in range(len(text) + 1)]
    assert back == sorted(back)
    assert all(0 <= at <= len(line) for at in back)


@given(LINES, WIDTHS)
def test_blanks_stand_only_in_front_of_words(line: str, width: int) -> None:
    for start, count in paddings(line, width):
        assert 0 < count <= width
        assert not line[start].isspace()
