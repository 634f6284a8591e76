"""Words, sentences and lines: where a suggestion may end."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings

from samples import lines, texts
from tecla.text.words import line_break, sentence_end, words


def spelt(text: str) -> list[str]:
    return [text[word.start : word.end] for word in words(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" .,;—¡!", []),
        ("one two", ["one", "two"]),
        ("I'll don't o’clock", ["I'll", "don't", "o’clock"]),
        ("'quoted' \"words\"", ["quoted", "words"]),
        ("well-known ex-alcalde", ["well", "known", "ex", "alcalde"]),
        ("3.14 1,000 3,5%", ["3.14", "1,000", "3,5"]),
        ("snake_case x2", ["snake_case", "x2"]),
        ("¿Qué pasó, niño?", ["Qué", "pasó", "niño"]),
        ("e\u0301l no\u0301 a\u0303o", ["e\u0301l", "no\u0301", "a\u0303o"]),
        ("Доброе утро!", ["Доброе", "утро"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("안녕하세요 친구", ["안녕하세요", "친구"]),
        ("今天", ["今", "天"]),
        ("カタカナ", ["カタカナ"]),
        ("שָׁלוֹם לכולם", ["שָׁלוֹם", "לכולם"]),
        ("👍 ok 👩\u200d💻", ["ok"]),
        ("line\nbreak\r\nthere", ["line", "break", "there"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert spelt(text) == expected


@pytest.mark.slow
@settings(max_examples=1000)
@given(texts())
@example("\u200d\u00a0")
@example("a\u200d\u3000b")
def test_words_are_in_order_and_begin_and_end_with_what_words_are_made_of(text: str) -> None:
    end = 0
    for word in words(text):
        assert end <= word.start < word.end <= len(text)
        assert not text[word.start].isspace()
        assert not text[word.end - 1].isspace()
        assert "\n" not in text[word.start : word.end]
        end = word.end


@pytest.mark.parametrize("name", ["english", "spanish"])
def test_every_letter_of_real_text_is_in_a_word(name: str) -> None:
    for line in lines(name):
        covered = {at for word in words(line) for at in range(word.start, word.end)}
        assert {at for at, char in enumerate(line) if char.isalnum()} <= covered, line


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("It rained. Then", "It rained."),
        ("It rained! Then", "It rained!"),
        ("Did it? Yes", "Did it?"),
        ("¿Llueve? Sí", "¿Llueve?"),
        ("¡Qué va!\nNo", "¡Qué va!"),
        ("What?! No", "What?!"),
        ('"It rained." Then', '"It rained."'),
        ("(It rained.) Then", "(It rained.)"),
        ("“It rained.” Then", "“It rained.”"),
        ("«¿Llueve?» dijo", "«¿Llueve?»"),
        ("‘It rained.’ Then", "‘It rained.’"),
        ("[Applause.] Then", "[Applause.]"),
        ("Well... then", "Well..."),
        ("Well… then", "Well…"),
        ("He met Dr. Smith. Then", "He met Dr. Smith."),
        ("Mr. and Mrs. Weston came. They", "Mr. and Mrs. Weston came."),
        ("e.g. tea, i.e. leaves. Then", "e.g. tea, i.e. leaves."),
        ("At 5 p.m. we left. Then", "At 5 p.m. we left."),
        ("In the U.S. it rains. Then", "In the U.S. it rains."),
        ("El Sr. Gil y la Sra. Paz vinieron. Luego", "El Sr. Gil y la Sra. Paz vinieron."),
        ("Vea la pág. 3 y el núm. 4. Luego", "Vea la pág. 3 y el núm. 4."),
        ("Los EE.UU. crecen. Luego", "Los EE.UU. crecen."),
        ("Hay fruta, p.ej. peras. Luego", "Hay fruta, p.ej. peras."),
        ("J. R. Tolkien wrote. He", "J. R. Tolkien wrote."),
        ("Vino D. Fermín. Luego", "Vino D. Fermín."),
        ("It was I. Then", "It was I."),
        ("It costs 3.14 euros. Then", "It costs 3.14 euros."),
        ("See example.org today. Then", "See example.org today."),
        ("She told me no. Then", "She told me no."),
        ("Dijo que no. Luego", "Dijo que no."),
        ("I like modern art. Then", "I like modern art."),
        ("吾輩は猫である。名前は", "吾輩は猫である。"),
        ("「はい。」と", "「はい。」"),
        ("好吗？好", "好吗？"),
        ("すごい！すごい", "すごい！"),
    ],
)
def test_sentences_end(text: str, sentence: str) -> None:
    assert sentence_end("", text) == len(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "", "It rained", "It rained.", "It rained.”", "3.", "1.5 and", "Dr. Smith", "www.a.org",
        "wait, what", "a.m. or p.m. it", "J. K", "no;", "U.K. and",
    ],
)  # fmt: skip
def test_sentences_go_on(text: str) -> None:
    """A terminator at the very end may yet be inside a number or a name: nothing is sure."""
    assert sentence_end("", text) is None


@pytest.mark.parametrize(
    ("before", "text", "expected"),
    [
        ("He met Mr", ". Weston. Then", len(". Weston.")),
        ("He met M", "r. Weston. Then", len("r. Weston.")),
        ("in the U.", "S. and", None),
        ("It rained", ". Then", 1),
        ("It rained.", " Then it", None),
        ("It rained.", "” Then", None),
        ("x" * 100 + " Sr", ". Gil", None),
    ],
)
def test_what_precedes_decides_what_a_full_stop_is(
    before: str, text: str, expected: int | None
) -> None:
    assert sentence_end(before, text) == expected


@given(texts(), texts())
def test_a_sentence_ends_behind_a_terminator(before: str, text: str) -> None:
    end = sentence_end(before, text)
    if end is not None:
        assert 0 < end <= len(text)
        assert any(mark in text[:end] for mark in ".!?…。！？｡")
        assert sentence_end(before, text[:end] + text[end:] + " more. ") == end


@pytest.mark.parametrize("mark", ["\n", "\r", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029"])
def test_lines_break(mark: str) -> None:
    assert line_break(f"año{mark}next\n") == 3
    assert line_break(mark) == 0


@pytest.mark.parametrize("text", ["", "one line", "tab\tand\u00a0spaces\u3000", "\x1c\x1d"])
def test_lines_go_on(text: str) -> None:
    assert line_break(text) is None


@pytest.mark.parametrize(
    ("before", "text", "end"),
    [
        ("", "1. Apples and pears. Then", 20),
        ("Buy:\n", "2. Bread. Then", 9),
        ("In 19", "84. Then", 3),
        ("por ", "p. ej. esto. Luego", 12),
    ],
)
def test_list_numbers_and_short_forms_end_no_sentence(before: str, text: str, end: int) -> None:
    assert sentence_end(before, text) == end
