"""Where a text may be split before it is tokenised, against the tokenizers themselves."""

from __future__ import annotations

import base64
from functools import lru_cache

import pytest
from hypothesis import example, given, settings

from samples import lines, texts
from tecla.text.base import Tokenizer
from tecla.text.split import before_mark, space_between, spaces_only_lead, split_point

LONG_URL = "https://example.org/" + "/".join(f"segment-{n}_ü?q={n}&x=y" for n in range(40))
LONG_TEXTS = {
    "url": "see " + LONG_URL,
    "base64": base64.b64encode(bytes(range(256)) * 4).decode(),
    "japanese": "吾輩は猫である。名前はまだ無い。" * 30,
    "japanese with marks": "東京都の人口は約1,400万人（2024年）です:「はい」," * 20,
    "thai": "สวัสดีครับวันนี้อากาศดีมากไปกินข้าวกันไหม" * 10,
    "letters": "abcdefghij" * 60,
    "spaces": "word" + " " * 400,
    "line feeds": "one.\n\ntwo.\r\n\r\nthree.\n" * 30,
    "code": "for(int\ti=0;i<n;++i){\n\tsum+=a[i]*b[i];\n}\n" * 12,
    "contractions": "I'll;you've,they're.it's!don't?we'd:o'clock/" * 10,
    "no-break spaces": "10\u00a0000\u00a0km,\u3000a\u2003b;c\u2028d" * 16,
}


def check(tokenizer: Tokenizer, text: str, carets: range) -> None:
    """Both halves tokenised apart are the whole, up to each caret and with what follows it."""
    whole = tokenizer.encode(text.encode())
    encode = lru_cache(maxsize=None)(tokenizer.encode)
    for caret in carets:
        data = text[:caret].encode()
        at = tokenizer.split_point(data)
        head = encode(data[:at])
        data[:at].decode()  # a character boundary, or this raises
        assert head + encode(data[at:]) == tokenizer.encode(data), repr(text[:caret])
        assert whole[: len(head)] == head, f"{text[:caret]!r} | {text[caret:]!r}"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["english", "spanish", "scripts"])
def test_halves_of_real_text_are_tokenised_apart(tokenizer: Tokenizer, name: str) -> None:
    for line in lines(name):
        check(tokenizer, line, range(len(line) + 1))


@pytest.mark.slow
def test_lines_joined_in_every_way_are_tokenised_apart(tokenizer: Tokenizer) -> None:
    joints = [
        "\n",
        "\r\n",
        "\n\n",
        " \n",
        "\n ",
        "\n\n\n  ",
        "\t",
        "  ",
        "\u00a0",
        " \u3000 ",
        "\r",
    ]
    for number, line in enumerate(lines("scripts")):
        text = "".join(
            part + joint for part, joint in zip(line.split(" "), joints * 9, strict=False)
        )
        check(tokenizer, text + str(number), range(0, len(text) + 1))


@pytest.mark.slow
@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=LONG_TEXTS.keys())
def test_long_texts_without_spaces_are_tokenised_apart(tokenizer: Tokenizer, text: str) -> None:
    check(tokenizer, text, range(1, len(text) + 1, 7))


@pytest.mark.slow
@settings(max_examples=400)
@given(texts(20), texts(6))
@example("help.", "\n5765")
@example("I'l", "l be")
@example("a  ", " b")
@example("say \u00a0", "x")
@example("two \u001c", "three")
def test_any_text_is_tokenised_apart(tokenizer: Tokenizer, before: str, after: str) -> None:
    check(tokenizer, before + after, range(len(before), len(before) + 1))


@pytest.mark.slow
@settings(max_examples=60)
@given(texts(8), texts(6))
def test_any_long_tail_is_tokenised_apart(tokenizer: Tokenizer, part: str, after: str) -> None:
    before = (part + "é,x" + part + "k/").replace(" ", "") * (300 // (len(part) + 1) + 1)
    check(tokenizer, before + after, range(len(before), len(before) + 1))


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", 0),
        ("word", 0),
        (" word", 0),
        ("one two", 3),
        ("one two three", 7),
        ("one two ", 3),  # a space behind which nothing stands may join what follows
        ("one  two", 0),
        ("one \n", 0),
        ("one\n two", 0),
        ("one \u00a0two", 0),
        ("one\u3000 two", 0),
        ("one \u3000two", 0),
        ("año dos", 4),
        ("猫 犬", 3),
        ("a b  c", 1),
    ],
)
def test_splits_at_the_last_space_between_two_others(text: str, at: int) -> None:
    assert space_between(text.encode()) == at
    assert split_point(text.encode()) == at


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("word.", 0),  # one character must follow, or the mark might join it
        ("word.x", 4),
        ("wörd.x", 5),
        ("one/two/three", 7),
        ("don't", 0),  # an apostrophe begins a contraction
        ("12.5", 0),
        (".x", 0),
        ("猫。犬", 0),
        ("猫,犬", 3),
    ],
)
def test_long_tails_split_before_a_mark_that_follows_a_letter(text: str, at: int) -> None:
    assert before_mark(text.encode()) == at


def test_only_long_tails_split_before_a_mark() -> None:
    assert split_point(b"see " + b"ab/" * 20) == 3
    long = b"see " + b"ab/" * 200
    assert split_point(long) == len(long) - 4
    assert split_point(b"x" * 1000) == 0


def test_the_tail_of_a_url_stays_short(tokenizer: Tokenizer) -> None:
    for end in range(300, len(LONG_URL), 5):
        data = LONG_URL[:end].encode()
        assert len(data) - tokenizer.split_point(data) <= 256


def test_says_whether_spaces_only_lead() -> None:
    assert spaces_only_lead([b"a", b" a", b"  ", b"\n"])
    assert not spaces_only_lead([b"a", b"a b"])
    assert not spaces_only_lead([b". "])
