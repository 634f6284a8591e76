"""A prompt that remembers plans what a prompt without memory plans; its window moves rarely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.decode.prompt import Prompt
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeTokenizer
from tecla.text.base import Tokenizer
from tecla.text.caret import plan_caret
from tecla.text.context import Context

TOKENIZER = FakeTokenizer()
PIECES = st.sampled_from(
    ["the", " ", "  ", "'", "l", "ll ", "ñ", "\n", "\n\n", " art", "9", "かい", "."]
)
EDITS = st.lists(st.one_of(PIECES, st.integers(1, 9)), max_size=40)


def edited(edits: list[str | int]) -> list[str]:
    """Every text on the way; a number deletes so many characters."""
    text, found = "", [""]
    for edit in edits:
        text = text[:-edit] if isinstance(edit, int) else text + edit
        found.append(text)
    return found


def check_remembers(tokenizer: Tokenizer, texts: list[str], header: str = "") -> None:
    prompt = Prompt(tokenizer, 4096)
    for text in texts:
        planned = prompt.plan(Context(text, header=header))
        fresh = Prompt(tokenizer, 4096).plan(Context(text, header=header))
        assert planned == fresh
        assert planned.plan == plan_caret(tokenizer, planned.data)


@given(EDITS, st.sampled_from(["", "art"]))
def test_a_plan_does_not_depend_on_what_was_typed_before(
    edits: list[str | int], header: str
) -> None:
    check_remembers(TOKENIZER, edited(edits), header)


@pytest.mark.slow
def test_nor_does_it_with_a_real_vocabulary(default_model: LoadedModel) -> None:
    text = "I'll see Agustín at the café, won't I?  \n\n  Yes:  he's  there — 1,234 times.\n"
    typed = [text[:end] for end in range(len(text) + 1)]
    back = [text[:end] for end in range(len(text), 20, -3)]
    check_remembers(default_model.tokenizer, [*typed, *back, *typed[20:]])


def test_the_window_stays_until_it_is_full_and_then_moves_far() -> None:
    prompt = Prompt(TOKENIZER, 120)
    text, starts, data = "", [], b""
    for number in range(120):
        text += f"she would think {number}.\n\n"
        planned = prompt.plan(Context(text))
        assert text.encode().endswith(planned.data)
        assert planned.n_tokens <= 104
        starts.append(len(text.encode()) - len(planned.data))
        data = planned.data
    assert starts == sorted(starts)
    moves = len(set(starts)) - 1
    tokens = len(TOKENIZER.encode(text.encode()))
    assert 0 < moves <= tokens / (104 * 0.25)
    assert data.startswith(b"she would")  # cut at a paragraph


def test_a_window_begins_anew_where_the_text_before_it_was_changed() -> None:
    prompt = Prompt(TOKENIZER, 120)
    text = "".join(f"she would think {number}. " for number in range(60))
    long = prompt.plan(Context(text))
    assert len(long.data) < len(text)
    assert prompt.plan(Context("the future")).data == b"the future"
    other = prompt.plan(Context("the art of " * 60))
    assert b"think" not in other.data
    assert other.n_tokens <= 104


def test_a_huge_paste_is_cut_before_it_is_tokenised() -> None:
    counted = 0

    class Counting(FakeTokenizer):
        def encode(self, data: bytes) -> list[int]:
            nonlocal counted
            counted += len(data)
            return super().encode(data)

    planned = Prompt(Counting(), 64).plan(Context("the art of " * 50_000))
    assert planned.n_tokens <= 48
    assert counted < 20_000
