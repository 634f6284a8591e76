"""Models that fill holes are told what follows the caret; the caret stays exact."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from running import Runner
from tecla import Suggester
from tecla.decode.prompt import Prompt
from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer
from tecla.engines.sampling import GREEDY
from tecla.models.info import ModelInfo
from tecla.text.context import Context

FILLS, PLAIN = FakeTokenizer(fills=True), FakeTokenizer()
AFTER = " of the future"


def word(text: str, tokenizer: FakeTokenizer = FILLS) -> int:
    (token,) = tokenizer.encode(text.encode())
    return token


def fits(tokens: Sequence[int]) -> dict[int, float]:
    """Scores of a model that looks at what follows: "art" goes with "of the future"."""
    fill = FILLS.fill
    assert fill is not None
    told = fill.suffix in tokens
    return {word(" art"): 12.0 if told else 4.0, word(" help"): 8.0}


def ask(context: Context) -> Completed:
    request = Request(context, GREEDY, Stopping(max_tokens=1), tolerance=0)
    return Runner(FakeEngine(FILLS, bias=fits), FILLS).complete([request])[0]


def test_what_follows_stands_before_the_text() -> None:
    fill = FILLS.fill
    assert fill is not None
    prompt = Prompt(FILLS, 4096)
    planned = prompt.plan(Context("she would th", AFTER))
    after = FILLS.encode(AFTER.encode())
    assert planned.lead == (FILLS.start_id, fill.prefix, fill.suffix, *after, fill.middle)
    assert planned.head == (*planned.lead, *planned.plan.head)
    assert planned.plan == Prompt(FILLS, 4096).plan(Context("she would th")).plan


@pytest.mark.parametrize("after", ["", " ", "\n\n"])
def test_nothing_is_said_where_nothing_follows(after: str) -> None:
    assert Prompt(FILLS, 4096).plan(Context("she", after)).lead == (FILLS.start_id,)


def test_other_models_read_what_stands_before_the_caret_alone() -> None:
    assert PLAIN.fill is None
    assert Prompt(PLAIN, 4096).plan(Context("she", AFTER)).lead == (PLAIN.start_id,)


def test_the_model_takes_what_fits() -> None:
    assert ask(Context("she would")).continuations[0].text == " help"
    assert ask(Context("she would", AFTER)).continuations[0].text == " art"
    assert ask(Context("she would a", AFTER)).continuations[0].text == "rt"  # inside a token


@pytest.mark.parametrize("chars", [10, 10_000, 200_000])
def test_little_of_it_is_read_and_the_text_keeps_its_room(chars: int) -> None:
    prompt = Prompt(FILLS, 128)
    planned = prompt.plan(Context("she would help " * 40, "é" * chars))
    assert len(planned.lead) <= 64 + 4
    assert len(planned.head) + len(planned.plan.full_path) <= 128
    assert planned.plan.head


def test_typing_on_evaluates_only_what_is_new(fake_info: ModelInfo) -> None:
    engine = FakeEngine(FILLS, bias=fits)
    with Suggester(LoadedModel(engine, FILLS, fake_info)) as suggester:
        session = suggester.session()
        session.suggest("she would ", AFTER, deadline_ms=None, max_tokens=1)
        before = engine.evaluated_tokens
        session.suggest("she would a", AFTER, deadline_ms=None, max_tokens=1)
        assert engine.evaluated_tokens - before <= 4
