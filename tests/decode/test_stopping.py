"""When a continuation ends, and that nothing is shown which a later token could change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import pytest
import regex
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from samples import texts
from tecla.decode.request import Continuation, Stopping, StopReason
from tecla.decode.stopping import Assembler
from tecla.text.unicode import drop_dangling

ENDLESS = 10_000


@dataclass
class Told:
    """What an assembler said on the way, and the end."""

    result: Continuation
    released: list[str]
    taken: int  # tokens

    @property
    def text(self) -> str:
        return self.result.text

    @property
    def stop(self) -> StopReason:
        return self.result.stop


def tell(
    pieces: list[str] | list[bytes], before: str = "", after: str = "", **options: object
) -> Told:
    """Push pieces, each with probability 1/2, until one ends the continuation; else "end"."""
    stopping = Stopping(**{"max_tokens": ENDLESS, **options})  # type: ignore[arg-type]
    assembler = Assembler(before, after, stopping)
    released = [assembler.released()]
    reason = None
    taken = 0
    for piece in pieces:
        data = piece.encode() if isinstance(piece, str) else piece
        taken += 1
        reason = assembler.push(data, -taken * math.log(2))
        released.append(assembler.released())
        if reason is not None:
            break
    return Told(assembler.finish(reason or "end"), released, taken)


def letters(text: str) -> list[str]:
    return list(text)


# One rule at a time.


def test_without_a_rule_everything_stays() -> None:
    told = tell(["The ", "end", ".\n\n", "And more. "])
    assert (told.text, told.stop) == ("The end.\n\nAnd more. ", "end")
    assert told.result.n_tokens == 4


def test_max_tokens() -> None:
    told = tell(["a", "b", "c"], max_tokens=2)
    assert (told.text, told.stop, told.taken) == ("ab", "max_tokens", 2)


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        (("END",), "say "),
        (("say",), ""),
        (("NEVER", "D it"), "say EN"),
        (("ND", "EN"), "say "),
        (("END", "END it"), "say "),
        ((" ",), "say"),
        (("missing",), "say END it"),
    ],
)
@pytest.mark.parametrize("split", [letters, lambda text: [text], lambda text: [text[:5], text[5:]]])
def test_stop_strings_wherever_tokens_end(stop, text, split) -> None:  # type: ignore[no-untyped-def]
    told = tell(split("say END it"), stop=stop)
    assert told.text == text
    assert told.stop == ("end" if stop == ("missing",) else "stop")


def test_the_beginning_of_a_stop_string_is_held_back_until_it_is_none() -> None:
    told = tell(["ab", "\n", "\n", "c", "\n\n\n"], stop=("\n\n\n",))
    assert told.released[:5] == ["", "a", "ab", "ab", "ab\n\n"[:2]]
    assert told.text == "ab\n\nc"


def test_a_stop_string_that_overlaps_itself() -> None:
    assert tell(letters("xaaab"), stop=("aab",)).text == "xa"
    assert tell(letters("xababc"), stop=("ababc",)).text == "x"


def test_a_stop_string_of_half_characters_is_found_when_they_are_whole() -> None:
    data = "sí。no".encode()
    told = tell([bytes([byte]) for byte in data], stop=("。",))
    assert (told.text, told.stop) == ("sí", "stop")


@pytest.mark.parametrize("split", [letters, lambda text: [text]])
@pytest.mark.parametrize(
    ("text", "count", "expected"),
    [
        ("icial is here", 1, "icial"),
        ("icial is here", 2, "icial is"),
        (" is here now", 1, " is"),
        ("stions. Then we", 1, "stions."),
        ("stions.” Then we", 1, "stions.”"),
        ("well-known man", 1, "well"),
        ("well-known man", 2, "well-known"),
        ("foo--bar baz", 1, "foo"),
        ("don't go", 1, "don't"),
        ("don’t go", 1, "don’t"),
        ("3.14 is", 1, "3.14"),
        ("1, 2, 3", 2, "1, 2,"),
        ("今天天气", 2, "今天"),
        ("今。天", 1, "今"),
        ("カタカナ語", 1, "カタカナ"),
        ("¿Qué tal? Bien", 2, "¿Qué tal?"),
        (" — no, yes", 1, " — no,"),
        ("e\u0301l es", 1, "e\u0301l"),
        ("one\n\ntwo three", 1, "one"),
        ("one 😀 two", 1, "one"),
    ],
)
def test_max_words(split, text: str, count: int, expected: str) -> None:  # type: ignore[no-untyped-def]
    told = tell(split(text), before="artif", max_words=count)
    assert (told.text, told.stop) == (expected, "max_words")
    assert_released_well(told)


def test_the_last_word_is_whole_only_when_the_next_begins() -> None:
    told = tell(["can", "not", "."], max_words=1)
    assert (told.text, told.stop) == ("cannot.", "end")
    assert tell(["can", "'", "t", " b"], max_words=1).text == "can't"


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abcdef", 3, "abc"),
        ("abc", 3, "abc"),
        ("ab\r\ncd", 3, "ab"),
        ("ab👩🏽\u200d💻cd", 3, "ab"),
        ("ab👩🏽\u200d💻cd", 5, "ab"),
        ("ab👩🏽\u200d💻cd", 6, "ab👩🏽\u200d💻"),
        ("ab🇪🇸", 3, "ab"),
        ("ab🇪🇸", 4, "ab🇪🇸"),
        ("abe\u0301", 3, "ab"),
        ("👩🏽\u200d💻", 1, ""),
    ],
)
def test_max_chars_never_splits_a_grapheme(text: str, limit: int, expected: str) -> None:
    told = tell([text], max_chars=limit)
    assert (told.text, told.stop) == (expected, "max_chars")


@pytest.mark.parametrize("text", ["ab🇪🇸", "ab\r\n", "ab👩\u200d💻"])
def test_max_chars_leaves_nothing_dangling_when_characters_come_alone(text: str) -> None:
    for limit in range(1, 6):
        told = tell(letters(text), max_chars=limit)
        assert len(told.text) <= limit
        assert drop_dangling(told.text) == told.text
        assert_released_well(told)


@pytest.mark.parametrize("split", [letters, lambda text: [text]])
@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("It", " rained. Then", " rained."),
        ("It", " rained.” Then", " rained.”"),
        ("He met Mr", ". Weston. Then", ". Weston."),
        ("It is 3", ".5 km. Then", ".5 km."),
        ("", "¿Qué? Nada", "¿Qué?"),
        ("", "Well... no. Yes", "Well..."),
        ("Done.", " Next. Then", " Next."),
        ("", "It rained.\nThen", "It rained."),
    ],
)
def test_at_sentence(split, before: str, text: str, expected: str) -> None:  # type: ignore[no-untyped-def]
    told = tell(split(text), before=before, at_sentence=True)
    assert (told.text, told.stop) == (expected, "sentence")
    assert_released_well(told)


def test_a_terminator_at_the_very_end_ends_nothing_by_itself() -> None:
    told = tell(letters(" rained."), at_sentence=True)
    assert (told.text, told.stop) == (" rained.", "end")


@pytest.mark.parametrize("mark", ["\n", "\r", "\r\n", "\u2028", "\x85"])
def test_at_line(mark: str) -> None:
    for split in (letters, lambda text: [text]):
        told = tell(split(f"one two{mark}three"), at_line=True)
        assert (told.text, told.stop) == ("one two", "line")
    assert tell([f"{mark}three"], at_line=True).text == ""


# Rules together.


@pytest.mark.parametrize(
    ("options", "text", "reason"),
    [
        ({"max_words": 2, "at_sentence": True}, "It rained.", "sentence"),
        ({"max_words": 1, "at_sentence": True}, "It", "max_words"),
        ({"max_chars": 5, "max_words": 2}, "It ra", "max_chars"),
        ({"stop": ("rai",), "max_words": 2}, "It ", "stop"),
        ({"at_line": True, "at_sentence": True}, "It rained.", "sentence"),
        ({"at_line": True, "max_words": 3}, "It rained. Then", "line"),
        ({"max_tokens": 1, "max_chars": 3}, "It ", "max_chars"),
    ],
)
def test_whatever_comes_first_ends_it(
    options: dict[str, object], text: str, reason: StopReason
) -> None:
    told = tell(["It rained. Then\nwe left."], **options)
    assert (told.text, told.stop) == (text, reason)


# The text behind the caret.


@pytest.mark.parametrize("split", [letters, lambda text: [text]])
@pytest.mark.parametrize(
    ("before", "text", "after", "expected"),
    [
        ("We met", " in June and then", " and then we left.", " in June"),
        ("We met", " and then", " and then we left.", ""),
        ("art", "ificial", "ificial things", ""),
        ("art", "ificially made", "ificial things", ""),
        ("I saw ", "a cat there", "a cat there", ""),
        ("(see ", "page 3) and so on", ") and so on", "page 3"),
        ("x", " foo bar", ") foo bar", ""),
        ("We met", " again\x1fand then", " and then", " again"),
        ("Send it ", "today. Regards, Ana", "\n\nRegards, Ana", "today."),
        ("小", "さい猫がいます", "さい猫がいます", ""),
    ],
)
def test_what_stands_behind_the_caret_is_not_repeated(  # type: ignore[no-untyped-def]
    split, before: str, text: str, after: str, expected: str
) -> None:
    told = tell(split(text + " "), before=before, after=after)
    assert (told.text, told.stop) == (expected, "after")
    assert_released_well(told)


@pytest.mark.parametrize("split", [letters, lambda text: [text]])
@pytest.mark.parametrize(
    ("before", "text", "after"),
    [
        ("I ate ", "apples today", "a lot"),  # begins with the letter of a whole word behind it
        ("I ate ", "a", "apples"),
        ("The s", "mart", "art"),
        ("We ", "went", ""),
        ("We ", "went", "   "),
        ("We ", "went. ", "..."),
        ("We ", "are an", "an"),  # two letters are too short to call a repetition
    ],
)
def test_what_only_looks_alike_is_kept(split, before: str, text: str, after: str) -> None:  # type: ignore[no-untyped-def]
    told = tell(split(text), before=before, after=after)
    assert (told.text, told.stop) == (text, "end")


def test_a_whole_word_behind_the_caret_is_not_repeated_at_the_end() -> None:
    assert tell(["dog"], before="the ", after="dog").text == ""
    assert tell(["dog", "s"], before="the ", after="dog").text == "dogs"
    assert tell(["dog", "!"], before="the ", after="dog").stop == "after"


def test_a_repetition_cut_short_by_the_end_is_dropped() -> None:
    told = tell(["in June", " and th"], before="We met ", after=" and then we left.")
    assert (told.text, told.stop) == ("in June", "after")
    assert tell(["the band"], after="and then we left").text == "the band"


# What is released.


def assert_released_well(told: Told) -> None:
    for earlier, later in pairwise(told.released):
        assert later.startswith(earlier), told.released
    assert told.text.startswith(told.released[-1]), (told.released, told.text)


def test_half_characters_and_half_graphemes_are_held_back() -> None:
    data = "é👩🏽\u200d💻🇪🇸x".encode()
    told = tell([bytes([byte]) for byte in data])
    whole = set(regex.findall(r"\X", data.decode()))
    for text in told.released:
        assert "�" not in text
        assert set(regex.findall(r"\X", text)) <= whole
    assert told.text == data.decode()
    assert told.released[-1] == "é👩🏽\u200d💻🇪🇸"


def test_an_unfinished_character_at_the_end_is_not_shown() -> None:
    told = tell([b"caf", "é".encode()[:1]], max_tokens=2)
    assert (told.text, told.stop) == ("caf", "max_tokens")
    assert told.result.n_tokens == 2


def test_text_dangling_at_the_end_is_not_shown() -> None:
    assert tell(["ok 👩", "\u200d"]).text == "ok 👩"
    assert tell(["ok ", "🇪"]).text == "ok "
    assert tell(["line\r"]).text == "line"


def test_white_space_before_a_word_is_held_back() -> None:
    told = tell(["one", " ", " two", ",", " x"])
    assert told.released == ["", "on", "one", "one  tw", "one  two", "one  two,"]


# Words and their probabilities.


def test_word_ends_carry_the_probability_of_the_token_that_ends_them() -> None:
    told = tell(["ici", "al", " is", " here"])
    assert [(word.char_offset, word.probability) for word in told.result.words] == [
        (5, pytest.approx(1 / 4)),
        (8, pytest.approx(1 / 8)),
        (13, pytest.approx(1 / 16)),
    ]
    assert told.result.probability == pytest.approx(1 / 16)


def test_the_probability_of_what_is_cut_is_that_of_the_token_reached() -> None:
    told = tell(["ici", "al is he", "re"], max_words=1)
    assert told.text == "icial"
    assert told.result.probability == pytest.approx(1 / 4)
    told = tell(["ici", "al", " is"], max_words=1)
    assert told.result.probability == pytest.approx(1 / 4)


def test_a_character_of_two_tokens_has_the_probability_of_both() -> None:
    data = "añ".encode()
    told = tell([data[:2], data[2:], b" x"], max_words=1)
    assert told.text == "añ"
    assert told.result.words[0].probability == pytest.approx(1 / 4)


# Early ends, and branches.


def pushed(pieces: list[str] | list[bytes], **options: object) -> Assembler:
    stopping = Stopping(**{"max_tokens": ENDLESS, **options})  # type: ignore[arg-type]
    assembler = Assembler("artif", "", stopping)
    for taken, piece in enumerate(pieces, start=1):
        data = piece.encode() if isinstance(piece, str) else piece
        assembler.push(data, -taken * math.log(2))
    return assembler


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("icial thinking", "icial"),
        ("icial thin king", "icial thin"),
        ("icial thinking.", "icial thinking."),
        ("icial thinking ", "icial thinking "),
        ("icial, wel", "icial"),
        ("ici", "ici"),  # better half a word than nothing
        (" thin", " thin"),
        ("", ""),
    ],
)
def test_an_early_end_leaves_out_what_may_be_half_a_word(text: str, whole: str) -> None:
    for pieces in (letters(text), [text]):
        assembler = pushed(pieces)
        assert assembler.finish("deadline", whole_word=False).text == whole
        assert assembler.finish("deadline").text == text


def test_an_early_end_behind_a_cut_leaves_the_cut() -> None:
    found = pushed(["icial thinking is"], max_words=2).finish("deadline", whole_word=False)
    assert found.text == "icial thinking"


def test_a_copy_goes_its_own_way() -> None:
    first = pushed(["icial", " th"])
    second = first.copy()
    second.push(b"ink", -9.0)
    first.push(b"ank you", -5.0)
    assert first.finish("end").text == "icial thank you"
    assert second.finish("end").text == "icial think"
    assert second.finish("end").probability == pytest.approx(math.exp(-9))
    assert [count for count, _, _ in first.token_ends()] == [1, 2, 3]


def test_a_corrected_probability_is_that_of_the_text_so_far() -> None:
    assembler = pushed(["icial", " art"])
    assembler.restate(-1.0)
    found = assembler.finish("end")
    assert found.probability == pytest.approx(math.exp(-1.0))
    assert [word.probability for word in found.words] == [
        pytest.approx(1 / 2), pytest.approx(math.exp(-1.0))
    ]  # fmt: skip


def test_token_ends_are_told_where_a_character_ends_and_nothing_is_cut() -> None:
    assembler = pushed([b"icial", b" n", b"e\xc3", b"\xb1", b"x wo"])
    ends = [(count, text) for count, text, _ in assembler.token_ends()]
    assert ends == [(1, "icial"), (2, "icial n"), (4, "icial neñ"), (5, "icial neñx wo")]
    cut = pushed(["icial", " ar", "t is"], max_words=1)
    assert [(count, text) for count, text, _ in cut.token_ends()] == [(1, "icial")]


# Properties.

STOPS = ["\n", "\n\n", " ", "the", ".", "aa", "é", "END", "--", "\u200d", "'s", "。", "\r\n"]
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(1, 12),
        "max_words": st.integers(1, 4),
        "max_chars": st.integers(1, 20),
        "stop": st.lists(st.sampled_from(STOPS), max_size=3).map(tuple),
        "at_sentence": st.booleans(),
        "at_line": st.booleans(),
    },
)


@st.composite
def split_texts(draw: st.DrawFn) -> tuple[str, list[bytes]]:
    """A text and its bytes split anywhere, also inside characters."""
    text = draw(texts(10))
    data = text.encode()
    cuts = draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=20))
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    return text, [data[a:b] for a, b in pairwise(edges) if a < b]


@st.composite
def afters(draw: st.DrawFn, text: str) -> str:
    """What stands behind the caret: often something that the text comes to repeat."""
    if not text or draw(st.booleans()):
        return draw(texts(3))
    start = draw(st.integers(0, len(text) - 1))
    return draw(st.sampled_from(["", " ", ") ", "\n"])) + text[start:] + draw(texts(2))


@pytest.mark.slow
@settings(max_examples=500)
@given(st.data(), split_texts(), texts(2), OPTIONS)
def test_what_was_released_is_never_taken_back(
    data: st.DataObject,
    split: tuple[str, list[bytes]],
    before: str,
    options: dict[str, object],
) -> None:
    text, pieces = split
    after = data.draw(afters(text))
    told = tell(pieces, before, after, **options)
    assert_released_well(told)
    assert text.startswith(told.text)
    assert drop_dangling(told.text) == told.text
    limit = options.get("max_chars")
    assert limit is None or len(told.text) <= limit  # type: ignore[operator]
    assert told.taken <= options.get("max_tokens", ENDLESS)  # type: ignore[operator]
    probabilities = [word.probability for word in told.result.words]
    assert probabilities == sorted(probabilities, reverse=True)
    assert all(0 < p <= 1 for p in [*probabilities, told.result.probability] if told.text)
    assert not probabilities or told.result.probability <= probabilities[-1]
    offsets = [word.char_offset for word in told.result.words]
    assert offsets == sorted(set(offsets))
    assert not offsets or offsets[-1] <= len(told.text)


@pytest.mark.slow
@settings(max_examples=250)
@given(st.data(), split_texts(), texts(2), OPTIONS)
@example(None, ("ab🇪🇸", ["ab🇪".encode(), "🇸".encode()]), "", {})
def test_the_text_depends_on_tokens_only_through_the_one_that_ends_it(
    data: st.DataObject | None,
    split: tuple[str, list[bytes]],
    before: str,
    options: dict[str, object],
) -> None:
    """Up to the token that ends it, any other split of the same bytes gives the same text."""
    text, pieces = split
    after = data.draw(afters(text)) if data is not None else ""
    options = {name: value for name, value in options.items() if name != "max_tokens"}
    told = tell(pieces, before, after, **options)
    earlier = b"".join(pieces[: told.taken - 1])
    last = pieces[told.taken - 1] if pieces else b""
    assume(earlier)
    regrouped = tell([earlier, last], before, after, **options)
    alone = tell([*(bytes([byte]) for byte in earlier), last], before, after, **options)
    assert (regrouped.text, regrouped.stop) == (told.text, told.stop)
    if alone.taken > len(earlier):  # no byte before ended it already
        assert (alone.text, alone.stop) == (told.text, told.stop)


def test_a_mark_before_a_combining_accent_is_held_back_too() -> None:
    """A word limit ends before the mark of "the.", so the mark cannot be released."""
    told = tell(["the.\u0301👍", "🏽the"], max_words=1)
    assert told.result.text == "the"
    assert set(told.released) <= {"", "th", "the"}


def test_an_accent_alone_is_not_released_as_a_word() -> None:
    told = tell(["\u0301 ".encode(), "🇪the".encode()], "", "", max_words=1)
    assert_released_well(told)
