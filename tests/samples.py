"""Lines of real text that many tests walk through; where they come from is in NOTICE."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hypothesis import strategies as st

_DATA = Path(__file__).parent / "data"


@cache
def lines(name: str) -> tuple[str, ...]:
    """The lines of `english`, `spanish` or `scripts`; split at line feeds and nowhere else."""
    return tuple((_DATA / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n"))


def all_lines() -> tuple[str, ...]:
    """Every line of every file."""
    return lines("english") + lines("spanish") + lines("scripts")


FRAGMENTS = (
    "the", "The", "future", "of", "I", "'", "'ll", "'s", "’re", "don't", "Agu", "stín", "artif",
    "icial", "a", "aa", "help", ".", ",", "...", "--", "-", "—", "!", "?", ":", "/", "@", "(", ")",
    '"', "«", "»", "¿", "¡", " ", " ", " ", "  ", "     ", "\t", "\n", "\n\n", "\r\n", "\r", "\v",
    "\u00a0", "\u2003", "\u3000", "\u200b", "\u200d", "\u0085", "\u2028", "0", "19", "3.14",
    "1,000", "é", "e\u0301", "ñ", "\u0301", "猫", "かい", "カナ", "。", "한", "글", "नमस्ते", "क्ष",
    "ال", "שלום", "สวัส", "👍🏽", "👩\u200d💻", "😀", "🇪🇸", "🇪", "❤️", "<|im_end|>", "�",
)  # fmt: skip


def texts(max_fragments: int = 12) -> st.SearchStrategy[str]:
    """Texts put together from awkward fragments and any characters."""
    anything = st.text(st.characters(codec="utf-8"), min_size=1, max_size=3)
    pieces = st.one_of(st.sampled_from(FRAGMENTS), st.sampled_from(FRAGMENTS), anything)
    return st.lists(pieces, max_size=max_fragments).map("".join)
