"""What the model says of texts that others think of, where that costs nothing."""

from __future__ import annotations

import math
from typing import cast

import pytest

from decode.test_boundaries import PROMPT, TOKENIZER, engine
from running import Runner
from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.fake import log_softmax
from tecla.engines.sampling import GREEDY
from tecla.errors import OptionError
from tecla.text.context import Context


def ask(before: str, *weigh: str) -> Completed:
    request = Request(Context(before), GREEDY, Stopping(max_tokens=4), tolerance=0, weigh=weigh)
    return Runner(engine(), TOKENIZER).complete([request])[0]


def test_words_of_one_token_have_its_probability() -> None:
    found = ask(PROMPT, " think", " thank", " help")
    assert TOKENIZER.start_id is not None
    history = [TOKENIZER.start_id, *TOKENIZER.encode(PROMPT.encode())]
    logprobs = log_softmax(engine().raw_scores(history))
    for text, probability in found.weighed.items():
        (token,) = TOKENIZER.encode(text.encode())
        # the caret may also be covered by a token that goes on with "would"
        assert probability == pytest.approx(math.exp(float(logprobs[token])), rel=0.05)
    assert found.weighed.keys() == {" think", " thank", " help"}


def test_the_rest_of_a_half_typed_word_is_weighed_too() -> None:
    whole, half = ask(PROMPT, " think", " thank"), ask(f"{PROMPT} th", "ink", "ank")
    assert half.weighed["ink"] > whole.weighed[" think"]
    assert half.weighed["ink"] / half.weighed["ank"] == pytest.approx(
        whole.weighed[" think"] / whole.weighed[" thank"], rel=1e-3
    )


def test_it_costs_nothing_and_changes_nothing() -> None:
    alone, weighed = ask(PROMPT), ask(PROMPT, " think")
    assert weighed.work == alone.work
    assert weighed.continuations == alone.continuations
    assert not alone.weighed


def test_what_is_no_token_is_left_out() -> None:
    assert not ask(PROMPT, "", " zzyzx", "\N{PILE OF POO}").weighed


def test_only_texts_are_weighed() -> None:
    with pytest.raises(OptionError, match="it must hold texts"):
        ask(PROMPT, cast("str", 3))
