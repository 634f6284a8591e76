"""What may stand above a text, and what is asked for it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from retrieval.learnt import ANA
from tecla.errors import OptionError
from tecla.retrieval.choosing import (
    QUERY_CHARS,
    HeaderRule,
    chosen,
    cut,
    is_in_word,
    query_of,
)
from tecla.retrieval.retriever import Found
from tecla.store.documents import Passage

RULE = HeaderRule(passages=1, similarity=0.3, shared=1, apart_chars=10)
HARBOUR = "The harbour closes at ten, and ships wait outside until the morning comes."


def found(text: str, *, similarity: float | None = 0.9, shared: int = 3, id_: int = 1) -> Found:
    passage = Passage(id_, id_, ANA, "source", 0, text)
    return Found(passage, 1.0, 1, 1.0, 1, similarity, tuple(map(str, range(shared))))


class TestRule:
    @pytest.mark.parametrize(
        ("each", "stands"),
        [
            (found(HARBOUR), True),
            (found(HARBOUR, similarity=0.2), False),
            (found(HARBOUR, similarity=None), False),
            (found(HARBOUR, shared=0), False),
            (found(" \n"), False),
        ],
        ids=["worth", "far", "no vector", "no word", "empty"],
    )
    def test_what_is_worth_it(self, each: Found, stands: bool) -> None:
        assert bool(chosen([each], "", RULE).text) is stands

    def test_what_the_text_says_already_is_left_out(self) -> None:
        assert chosen([found(HARBOUR)], f"I wrote: {HARBOUR}", RULE).text == ""
        assert chosen([found(HARBOUR)], "The harbour closes at ten.", RULE).text == HARBOUR

    def test_so_many_passages_and_characters(self) -> None:
        several = [found(f"Passage {each} of the row", id_=each) for each in range(1, 5)]
        rule = HeaderRule(passages=3, chars=48, similarity=0, shared=0)
        text = chosen(several, "", rule).text
        assert text == "Passage 1 of the row\n\nPassage 2 of the row\n\nPass"[: len(text)]
        assert len(text) <= 48

    @given(st.lists(st.text(min_size=1, max_size=90), max_size=5), st.integers(40, 120))
    def test_never_more_than_the_budget(self, texts: list[str], chars: int) -> None:
        several = [found(text, id_=at) for at, text in enumerate(texts)]
        rule = HeaderRule(passages=4, chars=chars, similarity=0, shared=0)
        assert len(chosen(several, "", rule).text) <= chars

    @given(st.text(max_size=60), st.integers(1, 40))
    @example("two words", 5)
    def test_a_cut_is_whole_words(self, text: str, most: int) -> None:
        end = cut(text, most)
        assert len(end) <= most
        assert text.startswith(end)
        rest = text[len(end) :]
        assert not rest or not end or rest[0].isspace() or len(text) <= most

    @pytest.mark.parametrize(
        "options",
        [
            {"passages": 0},
            {"chars": 10},
            {"similarity": 2},
            {"shared": -1},
            {"apart_chars": 0},
            {"again_chars": -1},
        ],
        ids=str,
    )
    def test_what_cannot_be_is_refused(self, options: dict[str, float]) -> None:
        with pytest.raises(OptionError):
            HeaderRule(**options)  # type: ignore[arg-type]


class TestQuery:
    @pytest.mark.parametrize(
        ("before", "title", "asked"),
        [
            ("", "", ""),
            ("", "Ships", "Ships"),
            (" and so on. ", "Ships", "Ships\nand so on."),
            ("word " * 200, "Ships", ("word " * (QUERY_CHARS // 5)).strip()[5:]),
            ("x" * 900, "Ships", "x" * QUERY_CHARS),
        ],
        ids=["nothing", "title", "both", "long", "one word"],
    )
    def test_the_end_of_the_text(self, before: str, title: str, asked: str) -> None:
        assert query_of(before, title) == asked

    @pytest.mark.parametrize(
        ("before", "inside"),
        [
            ("", False),
            ("word", True),
            ("word ", False),
            ("word.", False),
            ("it'", True),
            ("日本", False),
            ("สวัสดี", False),
            ("e\N{COMBINING ACUTE ACCENT}", True),
            ("12", True),
            ("end\n", False),
        ],
        ids=ascii,
    )
    def test_inside_a_word(self, before: str, inside: bool) -> None:
        assert is_in_word(before) is inside
