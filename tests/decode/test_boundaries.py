"""Where words end, by the model's own probabilities; and alternatives that go on together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from running import Runner
from tecla.decode.favourite import favourite
from tecla.decode.request import Completed, EvalWork, Request, Stopping
from tecla.engines.fake import FakeEngine, FakeTokenizer, log_softmax, saying
from tecla.engines.sampling import GREEDY, Sampling
from tecla.errors import OptionError
from tecla.text.context import Context
from tecla.text.table import CONTINUES, ENDS, SPACES

TOKENIZER = FakeTokenizer()
PROMPT = "she would"  # ends with a word, so that what follows has tokens of its own


WAYS = {  # the words that may follow, with what they are worth
    "she would": {" think": 6.0, " thank": 5.0, " art": 5.5, " help": 4.0},
    "she would think": {" of": 6.0, ".": 5.0},
    "she would thank": {" the": 6.0, " an": 5.0},
    "she would art": {"ificial": 7.0, " of": 5.0},
    "she would artificial": {" art": 6.0},
    "she would help": {" the": 6.0},
    "she would think of": {" the": 6.0},
    "she would think of the": {" future": 6.0},
}


def bias(tokens: Sequence[int]) -> dict[int, float]:
    """Raw scores of the ways a text may go on."""
    ways = WAYS.get(TOKENIZER.decode(tokens[1:]).decode(errors="replace"), {" the": 6.0})
    return {TOKENIZER.encode(way.encode())[0]: 9 + worth for way, worth in ways.items()}


def engine() -> FakeEngine:
    return FakeEngine(TOKENIZER, bias=bias)


def ask(text: str, **options: object) -> Completed:
    stopping = Stopping(max_tokens=12, max_words=4)
    request = Request(Context(text), GREEDY, stopping, tolerance=0, **options)  # type: ignore[arg-type]
    return Runner(engine(), TOKENIZER).complete([request])[0]


def shares_behind(text: str) -> tuple[float, float]:
    """How probably no word goes on behind a text, and how probably a space follows."""
    assert TOKENIZER.start_id is not None
    history = [TOKENIZER.start_id, *TOKENIZER.encode(text.encode())]
    following = np.exp(log_softmax(engine().raw_scores(history)))
    kinds = TOKENIZER.table.follows
    return 1 - float(following[kinds == CONTINUES].sum()), float(following[kinds == SPACES].sum())


@pytest.mark.parametrize("n", [1, 4])
def test_a_word_ends_as_probably_as_nothing_goes_on_with_it(n: int) -> None:
    found = ask(PROMPT, n=n).continuations
    reached = {each.text: each for each in found}
    assert len(reached) == n
    for each in found:
        for end in each.words[:-1]:  # the model may not have been asked behind the last
            ends, spaced = shares_behind(PROMPT + each.text[: end.char_offset])
            assert end.spaced is not None
            assert end.spaced / end.probability == pytest.approx(spaced / ends, rel=1e-3)
    (thought,) = (each for each in ask(PROMPT, n=4).continuations if each.text.startswith(" think"))
    word = thought.words[0]
    assert word.spaced is not None
    assert word.spaced < 0.5 * word.probability  # a full stop is likelier behind "think"


def test_what_a_token_is_to_the_word_before_it() -> None:
    table = TOKENIZER.table
    kinds = {piece: int(kind) for piece, kind in zip(table.pieces, table.follows, strict=True)}
    for piece in (b" ", b" the", b"  "):
        assert kinds[piece] == SPACES
    for piece in (b"s", b"ing", b"9", b"'s", b"'ll", b"\xc3", b"\xc3\xb1"):
        assert kinds[piece] == CONTINUES
    for piece in (b".", b"\n", b"'", b"-", b""):
        assert kinds[piece] == ENDS


def test_marks_behind_a_word_have_their_own_end() -> None:
    says = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, PROMPT, " help. the art"))
    request = Request(Context(PROMPT), GREEDY, Stopping(max_tokens=20))
    (found,) = Runner(says, TOKENIZER).complete([request])[0].continuations
    assert found.text == " help. the art"
    (end,) = found.marks
    assert end.char_offset == len(" help.")
    assert end.spaced == pytest.approx(1, abs=1e-3)
    assert found.words[0].spaced == pytest.approx(0, abs=1e-3)
    assert found.words[0].probability == pytest.approx(1, abs=1e-3)


def test_one_alternative_goes_on_and_the_others_end_with_the_first_word() -> None:
    spread, apart = ask(PROMPT, n=4, spread_words=1), ask(PROMPT, n=4)
    long = [each for each in spread.continuations if len(each.words) > 1]
    assert len(spread.continuations) == 4
    assert len(long) == 1
    assert long[0] in apart.continuations
    for one, other in zip(spread.continuations, apart.continuations, strict=True):
        assert one.words[0] == other.words[0]
        if one not in long:
            assert one.stop == "max_words"
            assert one.text == other.text[: other.words[0].char_offset]


def test_the_favourite_goes_on() -> None:
    found = ask(PROMPT, n=4, spread_words=1).continuations
    first = [(f"{each.text[: each.words[0].char_offset]} ", each.words[0]) for each in found]
    chosen = found[favourite([(text, end.probability) for text, end in first])]
    assert chosen == max(found, key=lambda each: len(each.words))


def test_going_on_with_one_costs_less_than_with_all() -> None:
    together, spread = ask(PROMPT, n=4), ask(PROMPT, n=4, spread_words=1)
    assert spread.work.evaluated_tokens < together.work.evaluated_tokens


def test_one_alternative_alone_is_not_changed() -> None:
    one, spread = ask(PROMPT), ask(PROMPT, spread_words=1)
    assert replace(one, work=EvalWork()) == replace(spread, work=EvalWork())


def test_a_spread_that_cannot_be() -> None:
    with pytest.raises(OptionError, match="spread_words is 0"):
        Request(Context(""), spread_words=0)
    with pytest.raises(OptionError, match="not 2 and 0"):
        Request(Context(""), GREEDY, spread_words=1, depth=2)
    with pytest.raises(OptionError, match=r"not 1 and 0\.7"):
        Request(Context(""), Sampling(temperature=0.7), spread_words=1)


@pytest.mark.parametrize("least", [0.3, 0.7, 1.0])
def test_a_word_that_is_less_likely_behind_the_one_before_it_is_not_read(least: float) -> None:
    shorter = False
    for seed in range(8):
        far, near = (
            Runner(FakeEngine(TOKENIZER, seed=seed), TOKENIZER).complete(
                [Request(Context(PROMPT), GREEDY, Stopping(max_tokens=12, min_next=next_))]
            )[0]
            for next_ in (0.0, least)
        )
        (long,), (short,) = far.continuations, near.continuations
        assert long.text.startswith(short.text)
        assert near.work.evaluated_tokens <= far.work.evaluated_tokens
        for end, further in pairwise(short.words):
            if short.text[end.char_offset].isspace():
                assert further.probability >= least * end.probability * (1 - 1e-6)
        shorter |= len(short.text) < len(long.text)
    assert shorter


def test_likely_marks_are_taken_with_the_word_and_nothing_behind_them() -> None:
    says = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, PROMPT, " help. the art", strength=9.0))
    for least, text in ((0.0, " help. the art"), (1.0, " help.")):
        request = Request(Context(PROMPT), GREEDY, Stopping(max_tokens=20, min_next=least))
        found = Runner(says, TOKENIZER).complete([request])[0].continuations[0]
        assert found.text.startswith(text)
        assert (found.stop == "probability") is (least > 0)
        assert found.marks[0].char_offset == len(" help.")
    assert found.text == " help."


def test_alternatives_that_are_much_less_likely_than_the_best_are_left_out() -> None:
    assert TOKENIZER.start_id is not None
    scores = engine().raw_scores([TOKENIZER.start_id, *TOKENIZER.encode(PROMPT.encode())])
    worth = sorted(float(scores[TOKENIZER.encode(way.encode())[0]]) for way in WAYS[PROMPT])
    shares = [math.exp(each - worth[-1]) for each in worth]
    for least in (0.0, *((one + other) / 2 for one, other in pairwise(shares)), 1.0):
        found = ask(PROMPT, n=4, min_share=least).continuations
        assert len(found) == sum(share >= least for share in shares)
    with pytest.raises(OptionError, match="min_share is 2"):
        Request(Context(""), min_share=2)
    with pytest.raises(OptionError, match="min_next is -1"):
        Stopping(min_next=-1)
