from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.errors import InvalidTextError, OptionError
from tecla.text.offsets import UNITS, Offsets, Unit
from tecla.text.snapshot import Edit, Snapshot

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(TEXTS, TEXTS, TEXTS, st.data(), st.sampled_from(UNITS))
def test_an_edit_in_any_unit(
    before: str, after: str, new: str, data: st.DataObject, unit: Unit
) -> None:
    old = Snapshot(before, after)
    text = old.text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    offsets = Offsets(text)
    edit = Edit(offsets.of_chars(start, unit), offsets.of_chars(end, unit), new, unit)
    found = old.edited(edit)
    assert (found.before, found.after) == (text[:start] + new, text[end:])
    assert old == Snapshot(before, after)
    moved = old.moved(offsets.of_chars(start, unit), unit)
    assert (moved.text, moved.caret) == (text, start)


@given(TEXTS, TEXTS, TEXTS)
def test_typing_and_deleting_again(before: str, after: str, new: str) -> None:
    old = Snapshot(before, after)
    assert old.typed(new).deleted(len(new)) == old
    assert old.deleted(len(before) + 3) == Snapshot("", after)


def test_what_is_no_edit() -> None:
    snapshot = Snapshot("a😀", "b")
    with pytest.raises(OptionError, match="runs backwards"):
        snapshot.edited(Edit(2, 1, ""))
    with pytest.raises(OptionError, match="inside character 1"):
        snapshot.edited(Edit(2, 3, "", "utf16"))
    with pytest.raises(OptionError, match="the text has 4"):
        snapshot.moved(9, "utf16")
    with pytest.raises(InvalidTextError, match="before holds U\\+D83D"):
        snapshot.typed("\ud83d")
