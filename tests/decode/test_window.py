"""Fitting a text into the window: the end stays, cut where a reader would cut it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samples import lines, texts
from tecla.decode.prompt import Prompt
from tecla.decode.window import keep_end
from tecla.engines.fake import FakeTokenizer
from tecla.errors import InvalidTextError
from tecla.text.base import Tokenizer
from tecla.text.context import Context

FAKE = FakeTokenizer()
WORDS = " ".join(lines("english"))
CHANGED = 2  # tokens that a cut at a boundary may add: a word without its space


class CountingTokenizer(FakeTokenizer):
    """Counts the bytes it is given: the work, without a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.encoded_bytes = 0

    def encode(self, data: bytes) -> list[int]:
        self.encoded_bytes += len(data)
        return super().encode(data)


class HoledTokenizer(FakeTokenizer):
    """Has no token for a control character, like many vocabularies."""

    def encode(self, data: bytes) -> list[int]:
        return super().encode(data.replace(b"\x04", b""))


def fit(tokenizer: Tokenizer, context: Context, room_tokens: int) -> bytes:
    """What the model reads of a text that nobody has seen before."""
    return Prompt(tokenizer, room_tokens).plan(context).data


def tokens(data: bytes) -> int:
    return len(FAKE.encode(data))


def filled(separator: str, count: int, part: str = "she would thank the future of it") -> bytes:
    return separator.join(part for _ in range(count)).encode()


def test_what_fits_is_kept_as_it_is() -> None:
    data = filled(". ", 4)
    assert keep_end(FAKE, data, tokens(data)) == data
    assert keep_end(FAKE, data, 10_000) == data
    assert keep_end(FAKE, b"", 10) == b""


def test_what_does_not_fit_loses_its_beginning() -> None:
    data = filled(". ", 30)
    for room in range(1, tokens(data), 7):
        kept = keep_end(FAKE, data, room)
        assert data.endswith(kept)
        assert tokens(kept) <= room + CHANGED


def test_most_of_the_room_is_used() -> None:
    data = WORDS.encode()
    for room in (100, 300, 1000):
        kept = keep_end(FAKE, data, room)
        assert room * 0.6 < tokens(kept) <= room


@pytest.mark.parametrize(
    ("separator", "lesser"),
    [
        ("\n\n", ".\n"),
        ("\n \t\n", ".\n"),
        ("\n", ". "),
        (". ", " "),
        ('."  ', " "),
        ("。", " "),
        (" ", "-"),
        ("\t", "-"),
    ],
)
def test_the_cut_is_at_the_best_boundary(separator: str, lesser: str) -> None:
    """A paragraph, else a line, else a sentence, else a word."""
    part = lesser.join(["he", "she", "of", "the"])
    data = filled(separator, 60, part)
    start = len(data) - len(keep_end(FAKE, data, tokens(data) // 2))
    assert 0 < start < len(data) // 1.2
    assert data[:start].endswith(separator.encode())
    assert data[start:].startswith(b"he" + lesser.encode())


def test_a_distant_paragraph_does_not_cost_the_text_before_it() -> None:
    """Only the first quarter of what could stay is looked through."""
    data = filled(" ", 60) + b"\n\n" + filled(" ", 3)
    kept = keep_end(FAKE, data, tokens(data) // 2)
    assert b"\n\n" in kept
    assert tokens(kept) > tokens(data) * 0.3


def test_text_without_spaces_is_cut_between_characters() -> None:
    for text in ("吾輩は猫である" * 60, "😀👩🏽\u200d💻" * 80, "añoño" * 90, "x" * 900):
        data = text.encode()
        kept = keep_end(FAKE, data, tokens(data) // 3)
        assert data.endswith(kept)
        assert 0 < len(kept) < len(data)
        kept.decode()
        assert 0 < tokens(kept) <= tokens(data) // 3


def test_a_megabyte_costs_no_more_than_the_window() -> None:
    tokenizer = CountingTokenizer()
    data = (WORDS * 90).encode()
    assert len(data) > 1_000_000
    kept = keep_end(tokenizer, data, 256)
    assert data.endswith(kept)
    assert tokens(kept) <= 256
    assert tokenizer.encoded_bytes < 256 * 40


def test_bytes_without_a_token_do_not_make_it_overflow() -> None:
    tokenizer = HoledTokenizer()
    data = b"\x04x" * 800
    kept = keep_end(tokenizer, data, 100)
    assert data.endswith(kept)
    assert 90 <= len(tokenizer.encode(kept)) <= 100


@pytest.mark.slow
@settings(max_examples=150)
@given(texts(30), st.integers(1, 60))
def test_any_text_fits(text: str, room: int) -> None:
    data = text.encode()
    kept = keep_end(FAKE, data, room)
    assert data.endswith(kept)
    kept.decode()
    assert tokens(kept) <= room + CHANGED
    if len(data) <= room:
        assert kept == data


def test_the_header_stands_above_the_text() -> None:
    data = fit(FAKE, Context("the future", header="She would"), 200)
    assert data == b"She would\n\nthe future"
    assert fit(FAKE, Context("the future"), 200) == b"the future"


def test_a_long_header_is_limited_and_whole() -> None:
    context = Context(WORDS, header="título ñandú 猫 " * 200)
    data = fit(FAKE, context, 400)
    header, text = data.split(b"\n\n")
    assert context.header.encode().startswith(header)
    header.decode()
    assert 50 < tokens(header) <= 100
    assert WORDS.encode().endswith(text)
    assert tokens(data) <= 400


def test_a_header_never_pushes_the_text_out() -> None:
    context = Context("she would thank the future", header="of the " * 500)
    data = fit(FAKE, context, 100)
    assert data.endswith(b"\n\nshe would thank the future")


@pytest.mark.slow
@settings(max_examples=150)
@given(texts(30), texts(20), st.integers(60, 120))
def test_header_and_text_fit_together(before: str, header: str, room: int) -> None:
    data = fit(FAKE, Context(before, header=header), room)
    data.decode()
    assert tokens(data) <= room


def test_text_that_is_no_text_is_named() -> None:
    with pytest.raises(InvalidTextError, match="before holds U\\+D800 at char offset 1:"):
        Context("a\ud800")
    with pytest.raises(InvalidTextError, match="header holds U\\+DC00 at char offset 0:"):
        Context("a", header="\udc00")
    with pytest.raises(InvalidTextError, match="after holds U\\+DC00 at char offset 2:"):
        Context("a", after="bc\udc00")


def test_the_bytes_a_tokenizer_expects_first_come_first() -> None:
    tokenizer = FakeTokenizer()
    tokenizer.text_prefix = b" "
    assert fit(tokenizer, Context("the future"), 200) == b" the future"
    assert fit(tokenizer, Context("the", header="She"), 200) == b" She\n\nthe"


@pytest.mark.slow
def test_real_text_fits_with_the_tokenizer_of_the_model(default_model: object) -> None:
    tokenizer: Tokenizer = default_model.tokenizer  # type: ignore[attr-defined]
    for name in ("english", "spanish", "scripts"):
        text = "\n".join(lines(name))
        for room in (50, 200, 1000):
            data = fit(tokenizer, Context(text, header=text[:300]), room)
            assert len(tokenizer.encode(data)) <= room
            data.decode()
            assert text.encode().endswith(data.split(b"\n\n", 1)[1])
