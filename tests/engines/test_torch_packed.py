"""Which cells each token of a packed batch reads, and what that costs, counted."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from torch.nn import functional

from tecla.engines.torch_attention import KeyValues
from tecla.engines.torch_packed import PackedAttention, PackedFeed, Row, divide

HEADS, KV_HEADS, DIM, CELLS = 4, 2, 8, 64


def feeds_over(*layout: tuple[int, list[int]]) -> list[PackedFeed]:
    """Feeds of so many new tokens over the cells of their slots."""
    feeds, first = [], 0
    for n_tokens, cells in layout:
        feeds.append(PackedFeed(first, n_tokens, np.array(cells)))
        first += n_tokens
    return feeds


def test_cells_that_follow_one_another_are_read_without_a_copy() -> None:
    (row,) = divide(feeds_over((3, [*range(10, 30)])))
    assert row.is_view
    assert row.cost == 20 * (3 + 2)
    assert not row.visible(None).all()


def test_a_single_new_token_over_such_cells_needs_no_mask() -> None:
    (row,) = divide(feeds_over((1, [*range(10, 30)])))
    assert row.visible(None).all()


def test_unrelated_texts_are_never_joined() -> None:
    """Two steps over 500 cells each are not two steps over 1,000."""
    rows = divide(feeds_over((1, [*range(500)]), (1, [*range(500, 1000)])))
    assert [row.cost for row in rows] == [500 * 3, 500 * 3]


def test_branches_of_a_fork_read_their_common_cells_once() -> None:
    """Four steps over 500 shared cells and one each: one view of 504, where four copies were."""
    stem = [*range(500)]
    rows = divide(feeds_over(*((1, [*stem, 500 + branch]) for branch in range(4))))
    assert len(rows) == 1
    assert rows[0].is_view
    assert rows[0].cost == 504 * (4 + 2)
    scattered = divide(feeds_over(*((1, [*stem, 900 + 90 * branch]) for branch in range(4))))
    assert sum(row.cost for row in scattered) < sum(
        Row([feed]).cost for row in scattered for feed in row.feeds
    )


def test_branches_that_share_little_stay_apart() -> None:
    """One common cell is not worth thousands of masked products."""
    layout = [(40, [0, *range(1 + 100 * branch, 100 * branch + 90)]) for branch in range(3)]
    rows = divide(feeds_over(*layout))
    assert len(rows) == 3


@pytest.mark.parametrize("window", [None, 1, 3, 8])
def test_a_token_sees_its_own_text_up_to_itself(window: int | None) -> None:
    cells = [7, 3, 20, 21, 22]
    row = Row(feeds_over((2, cells)))
    for token, seen in enumerate(row.visible(window)):
        position = 3 + token
        first = 0 if window is None else max(0, position - window + 1)
        assert {int(row.cells[at]) for at in np.flatnonzero(seen)} == {*cells[first : position + 1]}


def plain_attention(
    query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, window: int | None
) -> torch.Tensor:
    """One token, `[heads, dim]`, over the keys and values of its text, `[tokens, heads, dim]`."""
    keys, values = (part if window is None else part[-window:] for part in (keys, values))
    repeats = HEADS // KV_HEADS
    result = functional.scaled_dot_product_attention(
        query[None, :, None],
        keys.transpose(0, 1)[None].repeat_interleave(repeats, 1),
        values.transpose(0, 1)[None].repeat_interleave(repeats, 1),
    )
    return result[0, :, 0]


@settings(max_examples=60)
@given(data=st.data(), window=st.sampled_from([None, 1, 4]))
def test_packed_attention_is_that_of_each_token_alone(
    data: st.DataObject, window: int | None
) -> None:
    """Whatever slots share and however their cells lie."""
    order = data.draw(st.permutations(range(CELLS)))
    stem, rest = order[: data.draw(st.integers(1, 9))], order[9:]
    layout = []
    for _ in range(data.draw(st.integers(1, 4))):
        own, rest = rest[: data.draw(st.integers(1, 6))], rest[6:]
        shared = stem[: data.draw(st.integers(0, len(stem)))]
        layout.append((data.draw(st.integers(1, len(own))), [*shared, *own]))
    layout.sort(key=lambda feed: feed[1][0])
    feeds = feeds_over(*layout)
    n_tokens = sum(feed.n_tokens for feed in feeds)
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 1000)))
    shape = (KV_HEADS, DIM)
    memory = KeyValues([(shape, shape)], CELLS, torch.float32, torch.device("cpu"))
    for part in (memory.keys[0], memory.values[0]):
        part.copy_(torch.randn(part.shape, generator=generator))
    query = torch.randn((1, HEADS, n_tokens, DIM), generator=generator)
    key, value = (torch.randn((1, KV_HEADS, n_tokens, DIM), generator=generator) for _ in "kv")
    written = np.concatenate([feed.cells[-feed.n_tokens :] for feed in feeds])
    attention = PackedAttention(memory, divide(feeds), written, torch.device("cpu"))
    found = attention.attend(0, query, key, value, None, window)
    assert found.shape == (1, n_tokens, HEADS, DIM)
    torch.testing.assert_close(memory.keys[0][written], key[0].transpose(0, 1))
    for feed in feeds:
        for token in range(feed.n_tokens):
            end = len(feed.cells) - feed.n_tokens + token + 1
            cells = torch.from_numpy(feed.cells[:end])
            expected = plain_attention(
                query[0, :, feed.first_token + token],
                memory.keys[0][cells],
                memory.values[0][cells],
                window,
            )
            torch.testing.assert_close(
                found[0, feed.first_token + token], expected, atol=2e-6, rtol=1e-5
            )
