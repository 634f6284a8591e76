"""A growing text in tokens, against tokenising the whole text again after every token."""

from __future__ import annotations

import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from samples import lines, texts
from tecla.text.base import Tokenizer
from tecla.text.spelling import Spelling, local_split, spellings

FURTHER = ("", "x", "?", "\u0301", "7", " x", "\n", "ll", "s", "猫")
LONG = {
    "japanese": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 6,
    "url": "https://example.org/" + "a-b_c/d.e?f=g&h=" * 40,
    "letters": "heheyllothanthefuturewould" * 13,
    "thai": "สวัสดีครับวันนี้อากาศดีมากไปกินข้าวกันไหม" * 6,
}


def full_check(tokenizer: Tokenizer, data: bytes, ids: list[int]) -> bool:
    """Whether the whole text, alone or before some further text, is spelt `ids`."""
    if tokenizer.is_canonical(data, ids):
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return any(tokenizer.encode(data + more.encode())[: len(ids)] == ids for more in FURTHER)


def walk(tokenizer: Tokenizer, text: str, wrong_per_step: int, seed: int) -> None:
    """Type `text` token by token; its own tokens and some others are judged at every step."""
    generator = random.Random(seed)
    pieces = tokenizer.table.pieces
    spelling, data, ids = Spelling(tokenizer, b"", []), b"", []
    for token in tokenizer.encode(text.encode()):
        others = generator.sample(range(len(pieces)), wrong_per_step)
        shorter = [t for n in (1, 2) for t in tokenizer.table.going_beyond(pieces[token][:n])[:2]]
        for other in (int(t) for t in [*others, *shorter[:wrong_per_step]]):
            if pieces[other]:
                expected = full_check(tokenizer, data + pieces[other], [*ids, other])
                assert spelling.allows(other) == expected, (data, pieces[other])
        assert spelling.allows(token), (data, pieces[token])
        spelling.push(token)
        data, ids = data + pieces[token], [*ids, token]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["english", "spanish", "scripts"])
def test_real_text_is_judged_as_if_tokenised_again(tokenizer: Tokenizer, name: str) -> None:
    chosen = lines(name) if name == "scripts" else lines(name)[::4]
    for number, line in enumerate(chosen):
        walk(tokenizer, line, 3, number)


@pytest.mark.slow
@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_long_texts_without_spaces_are_judged_as_if_tokenised_again(
    tokenizer: Tokenizer, text: str
) -> None:
    assert len(text.encode()) > 300
    walk(tokenizer, text, 2, 0)


@pytest.mark.slow
@settings(max_examples=100)
@given(texts(10), st.integers(0, 99))
def test_any_text_can_be_typed(tokenizer: Tokenizer, text: str, seed: int) -> None:
    """But for white space of several bytes: the fake takes half a character for a letter."""
    text = "".join(c for c in text if not set(c.encode()) & tokenizer.table.unencodable)
    assume(not any(c.isspace() and len(c.encode()) > 1 for c in text))
    walk(tokenizer, text, 1, seed)


@pytest.mark.parametrize(
    "text", ["x.\n\nThe", "x\t\tthe", "a\n\n\nb", "he\r\n\r\nhe", "I'll", "a  b"]
)
def test_texts_spelt_otherwise_before_more_can_be_typed(tokenizer: Tokenizer, text: str) -> None:
    """Two line feeds are one token at the end and two before a letter; both must be possible."""
    walk(tokenizer, text, 2, 1)


def test_spellings_that_the_tokenizer_never_produces_are_refused(tokenizer: Tokenizer) -> None:
    the = tokenizer.encode(b" the")
    single = {piece: token for token, piece in enumerate(tokenizer.table.pieces) if len(piece) == 1}
    assert len(the) == 1
    spelling = Spelling(tokenizer, b" ", [single[b" "]])
    for letter in (b"t", b"h", b"e"):
        allowed = spelling.allows(single[letter])
        spelling.push(single[letter])
    assert not allowed
    assert Spelling(tokenizer, b"", []).allows(the[0])


def test_control_tokens_are_refused(tokenizer: Tokenizer) -> None:
    spelling = Spelling(tokenizer, b"a", tokenizer.encode(b"a"))
    for end in tokenizer.end_ids:
        assert not spelling.allows(end)


def test_halves_of_a_character_are_allowed_in_order(tokenizer: Tokenizer) -> None:
    spelt = (tokenizer.encode(char.encode()) for char in "क😀𐍈𠜎")
    ids = next(ids for ids in spelt if len(ids) > 1)
    spelling = Spelling(tokenizer, b"", [])
    assert not spelling.allows(ids[-1])
    for token in ids:
        assert spelling.allows(token)
        spelling.push(token)


def test_copies_are_independent(tokenizer: Tokenizer) -> None:
    first = Spelling(tokenizer, b"", [])
    for token in tokenizer.encode(b"she is"):
        first.push(token)
    twin = first.copy()
    [the], [future] = tokenizer.encode(b" the"), tokenizer.encode(b" of")
    letters = tokenizer.encode(b"n")
    before = [first.allows(token) for token in (the, future, *letters)]
    twin.push(the)
    assert [first.allows(token) for token in (the, future, *letters)] == before
    first.push(future)
    assert twin.allows(future)
    assert twin.copy().allows(future)


def test_own_spelling_comes_first_among_all(tokenizer: Tokenizer) -> None:
    for text in (b"x.\n\n", b"a  ", b"I'l", b"word", b"", b"caf\xc3"):
        found = spellings(tokenizer, text)
        own = tokenizer.encode_cut(text)
        assert own is not None
        assert found[0] == tuple(own)
        assert len(set(found)) == len(found)
        assert all(tokenizer.decode(ids) == text for ids in found)
    two_feeds = spellings(tokenizer, b"x.\n\n")
    assert tuple(tokenizer.encode(b"x.\n\nThe")[: len(two_feeds[1])]) in two_feeds


def test_a_local_split_gives_the_same_tokens(tokenizer: Tokenizer) -> None:
    for text in LONG.values():
        data = text.encode()
        ids = tokenizer.encode(data)
        at = local_split(tokenizer, data, ids, 96)
        assert at is not None
        assert 96 <= len(data) - at <= 288
        kept = tokenizer.encode(data[at:])
        assert ids[len(ids) - len(kept) :] == kept
        assert tokenizer.decode(kept) == data[at:]


def test_short_texts_have_no_local_split(tokenizer: Tokenizer) -> None:
    assert local_split(tokenizer, b"the future", tokenizer.encode(b"the future"), 96) is None
    assert local_split(tokenizer, b"", [], 96) is None
