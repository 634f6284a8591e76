"""The table of token bytes, against looking at every token."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tecla.text.base import Tokenizer
from tecla.text.table import TokenTable

PIECES = [b"a", b"ab", b"", b"abc", b"b", b"\xff", b"\xff\xff", b"ab", b" a", b"\x00"]


def longer(table: TokenTable, rest: bytes) -> set[int]:
    return {
        token
        for token, piece in enumerate(table.pieces)
        if len(piece) > len(rest) and piece.startswith(rest)
    }


def test_finds_the_tokens_that_go_beyond_a_rest() -> None:
    table = TokenTable(PIECES)
    assert set(table.going_beyond(b"a").tolist()) == {1, 3, 7}
    assert set(table.going_beyond(b"ab").tolist()) == {3}
    assert set(table.going_beyond(b"\xff").tolist()) == {6}
    assert table.going_beyond(b"abc").tolist() == []
    assert table.going_beyond(b"zz").tolist() == []


def test_every_spelt_token_goes_beyond_nothing() -> None:
    table = TokenTable(PIECES)
    everything = table.going_beyond(b"").tolist()
    assert sorted(everything) == [0, 1, 3, 4, 5, 6, 7, 8, 9]
    assert [PIECES[token] for token in everything] == sorted(filter(None, PIECES))
    assert [PIECES[table.exact(PIECES[token])] for token in everything] == [
        PIECES[token] for token in everything
    ]
    assert table.exact(b"never") is None


def test_knows_its_extremes() -> None:
    table = TokenTable(PIECES)
    assert len(table) == len(PIECES)
    assert table.longest_bytes == 3
    assert table.unencodable == frozenset(range(256)) - {0x61, 0x62, 0xFF, 0x00}


def test_an_empty_vocabulary_spells_nothing() -> None:
    table = TokenTable([b"", b""])
    assert table.longest_bytes == 0
    assert table.going_beyond(b"").tolist() == []
    assert table.going_beyond(b"a").tolist() == []
    assert len(table.unencodable) == 256


@given(st.lists(st.binary(max_size=4), max_size=40), st.binary(max_size=3))
def test_any_vocabulary_agrees_with_looking_at_every_token(
    pieces: list[bytes], rest: bytes
) -> None:
    table = TokenTable(pieces)
    found = table.going_beyond(rest).tolist()
    assert set(found) == longer(table, rest)
    assert len(found) == len(set(found))
    assert [pieces[token] for token in found] == sorted(pieces[token] for token in found)


def test_real_vocabularies_agree_with_looking_at_every_token(tokenizer: Tokenizer) -> None:
    table = tokenizer.table
    for rest in (b" ", b" th", b" Agu", b"\xe3\x81", b"\xf0\x9f\x91", b"'", b"\n", b"qzx"):
        assert set(table.going_beyond(rest).tolist()) == longer(table, rest)
    assert all(not table.pieces[token] for token in tokenizer.end_ids)
    assert table.longest_bytes == max(map(len, table.pieces))
