"""What Hypothesis makes of documents, and questions about them."""

from __future__ import annotations

from hypothesis import strategies as st

from tecla.personal.base import BOUNDARY

SMALL = 4  # ids of the small alphabet: much repeats
tokens = st.integers(0, SMALL - 1)
row = st.lists(tokens, max_size=24)
rows = st.lists(row, max_size=6)
question = st.one_of(
    st.lists(tokens, max_size=20),
    st.lists(tokens, max_size=6).map(lambda end: [BOUNDARY, *end]),
)
