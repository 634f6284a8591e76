"""The plan of a caret: every token that can cover it is there, and nothing that cannot be."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings

from samples import all_lines, lines, texts
from tecla.engines.fake import FakeTokenizer
from tecla.text.base import Tokenizer
from tecla.text.caret import CaretPlan, plan_caret

FAKE = FakeTokenizer()
FURTHER = ("", "x", "?", "\u0301", "7", " x", "\n", "ll", "s")
LONG = {
    "japanese": "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 8,
    "url": "https://example.org/" + "a-b_c/d.e?f=g&h=" * 60,
    "letters": "heheyllothanthefuturewould" * 40,
    "spaces": "of the" + " " * 700 + "future",
}


def check_plan(tokenizer: Tokenizer, data: bytes) -> CaretPlan:
    """What holds for every plan."""
    plan = plan_caret(tokenizer, data)
    head = tokenizer.decode(plan.head)
    table = tokenizer.table
    if not set(data) & table.unencodable:
        assert head + plan.tail == data
    assert plan.full_path == plan.cuts[-1].path
    assert plan.cuts[-1].rest == b""
    assert len({(cut.path, cut.rest) for cut in plan.cuts}) == len(plan.cuts)
    shared = plan.head[len(plan.head) - plan.context_tokens :]
    assert tokenizer.decode(shared) == plan.context
    for cut in plan.cuts:
        before = tokenizer.decode(cut.path)
        assert before + cut.rest == plan.tail
        assert len(cut.rest) < table.longest_bytes
        longer = table.going_beyond(cut.rest)
        assert len(longer)
        assert all(table.pieces[token].startswith(cut.rest) for token in longer[:3])
        assert canonical_before_more(tokenizer, plan.context + before, [*shared, *cut.path])
    return plan


def canonical_before_more(tokenizer: Tokenizer, data: bytes, ids: list[int]) -> bool:
    if tokenizer.is_canonical(data, ids):
        return True
    further = [more.encode() for more in FURTHER]
    return any(tokenizer.encode(data + more)[: len(ids)] == ids for more in further)


def is_reached(tokenizer: Tokenizer, plan: CaretPlan, whole: list[int]) -> bool:
    """Whether the tokens of the whole text go through a cut of the plan."""
    for cut in plan.cuts:
        ids = [*plan.head, *cut.path]
        if whole[: len(ids)] == ids and len(whole) > len(ids):
            piece = tokenizer.table.pieces[whole[len(ids)]]
            if len(piece) > len(cut.rest) and piece.startswith(cut.rest):
                return True
    return False


@pytest.mark.slow
@pytest.mark.parametrize("name", ["english", "spanish", "scripts"])
def test_the_true_continuation_is_reached_at_every_caret(
    tokenizer: Tokenizer, name: str, record_property: pytest.RecordProperty
) -> None:
    carets = missed = 0
    for line in lines(name):
        whole = tokenizer.encode(line.encode())
        for caret in range(len(line)):
            plan = plan_caret(tokenizer, line[:caret].encode())
            carets += 1
            missed += not is_reached(tokenizer, plan, whole)
    record_property("carets", carets)
    assert carets > 1800
    assert missed == 0


@pytest.mark.slow
@settings(max_examples=300)
@given(texts(10), texts(6))
@example("x.\n", "\nThe")
@example("x\t", "\tthe")
@example("I'", "ll")
@example("see Agu", "stín")
@example("\u3000", "\u3000x")
@example(" \u00a0", "x")
@example("he\r\n", "\r\nhe")
def test_any_continuation_is_reached(tokenizer: Tokenizer, before: str, after: str) -> None:
    unencodable = tokenizer.table.unencodable
    before, after = (
        "".join(char for char in text if not set(char.encode()) & unencodable)
        for text in (before, after)
    )
    plan = check_plan(tokenizer, before.encode())
    if after:
        assert is_reached(tokenizer, plan, tokenizer.encode((before + after).encode()))


@pytest.mark.slow
def test_plans_of_real_text_are_sound(tokenizer: Tokenizer) -> None:
    for number, line in enumerate(all_lines()):
        for caret in range(number % 7, len(line) + 1, 7):
            check_plan(tokenizer, line[:caret].encode())


@pytest.mark.slow
@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_long_texts_without_spaces_have_short_tails(tokenizer: Tokenizer, text: str) -> None:
    whole = tokenizer.encode(text.encode())
    for caret in range(len(text) - 1, len(text) - 60, -7):
        plan = check_plan(tokenizer, text[:caret].encode())
        assert len(plan.context) + len(plan.tail) <= 3 * (tokenizer.table.longest_bytes + 64) + 64
        assert is_reached(tokenizer, plan, whole)


@pytest.mark.slow
def test_every_sequence_of_the_general_enumeration_is_a_cut() -> None:
    """By definition: a token at some byte of the text that the tokenizer would put there."""
    pieces = [(token, piece) for token, piece in enumerate(FAKE.table.pieces) if piece]
    checked = 0
    for line in (*lines("english")[::24], *lines("spanish")[::24], *lines("scripts")[::3]):
        for caret in range(0, min(len(line), 60), 5):
            data = line[max(0, caret - 14) : caret].encode()
            plan = plan_caret(FAKE, data)
            known = {(plan.head + cut.path, cut.rest) for cut in plan.cuts}
            for at in range(len(data) + 1):
                rest = data[at:]
                for token, piece in pieces:
                    if len(piece) > len(rest) and piece.startswith(rest):
                        ids = FAKE.encode(data[:at] + piece)
                        if ids[-1] == token and FAKE.decode(ids[:-1]) == data[:at]:
                            assert (tuple(ids[:-1]), rest) in known, (data, piece)
                            checked += 1
    assert checked > 10_000


def test_an_empty_text_may_go_on_with_any_token(tokenizer: Tokenizer) -> None:
    plan = plan_caret(tokenizer, b"")
    assert plan.head == ()
    assert plan.tail == b""
    assert [(cut.path, cut.rest) for cut in plan.cuts] == [((), b"")]


def test_the_words_of_a_grown_word_change() -> None:
    plan = check_plan(FAKE, b"see Agu")
    ag = tuple(FAKE.encode(b" Ag"))
    assert any(cut.path == ag and cut.rest == b"u" for cut in plan.cuts)
    assert plan.full_path == tuple(FAKE.encode(b" Agu"))


def test_a_byte_that_the_vocabulary_cannot_spell_ends_the_head(
    default_model: object,
) -> None:
    tokenizer: Tokenizer = default_model.tokenizer  # type: ignore[attr-defined]
    unencodable = next(byte for byte in sorted(tokenizer.table.unencodable) if byte < 0x80)
    data = b"the" + bytes([unencodable]) + b"fu"
    plan = plan_caret(tokenizer, data)
    assert tokenizer.decode(plan.head) + plan.tail == b"thefu"
    assert plan.tail == b"fu"[len(plan.context) :]
    assert is_reached(tokenizer, plan, [*tokenizer.encode(b"the"), *tokenizer.encode(b"future")])
