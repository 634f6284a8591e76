"""A generation, against the model itself asked token by token."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from running import Runner
from tecla.decode.adjust import TokenBias
from tecla.decode.generation import Generation
from tecla.decode.request import Completed
from tecla.engines.fake import FakeEngine, FakeTokenizer, log_softmax, saying
from tecla.engines.sampling import GREEDY, Sampling
from tecla.errors import InvalidTextError, OptionError, PromptTooLongError
from tecla.scheduler.ticket import TextStream, Ticket

TOKENIZER = FakeTokenizer()
PROMPT = "the future"
SAID = " of the thin art and help"


def engine(**options: Any) -> FakeEngine:
    return FakeEngine(TOKENIZER, **options)


def ran(made: FakeEngine, **asked: Any) -> Completed:
    request = Generation(**{"prompt": PROMPT, "sampling": GREEDY, **asked})
    runner = Runner(made, TOKENIZER)
    ticket = Ticket(request, seed=request.sampling.seed or 0)
    runner.scheduler.submit(ticket)
    runner.run(ticket)
    assert not runner.scheduler.memory.used_slots
    return ticket.answer.result(0)


def greedily(
    made: FakeEngine, count: int, presence: float = 0.0, frequency: float = 0.0
) -> list[tuple[int, float]]:
    """The tokens that follow the prompt, straight from the raw scores."""
    assert TOKENIZER.start_id is not None
    history = [TOKENIZER.start_id, *TOKENIZER.encode(PROMPT.encode())]
    seen: Counter[int] = Counter()
    found = []
    for _ in range(count):
        raw = made.raw_scores(history)
        weighed = raw.copy()
        for token, times in seen.items():
            weighed[token] -= presence + frequency * times
        token = int(np.argmax(weighed))
        if token in TOKENIZER.end_ids:
            break
        found.append((token, float(log_softmax(raw)[token])))
        history.append(token)
        seen[token] += 1
    return found


@pytest.mark.parametrize("seed", range(5))
def test_greedy_tokens_and_their_probabilities(seed: int) -> None:
    made = engine(seed=seed)
    wanted = greedily(made, 12)
    (found,) = ran(made, max_tokens=12, logprobs=3).continuations
    assert [each.token for each in found.tokens] == [token for token, _ in wanted]
    for each, (_, logprob) in zip(found.tokens, wanted, strict=True):
        assert each.logprob == pytest.approx(logprob, abs=1e-4)
        assert each.top[0] == (each.piece, each.logprob)
        assert len(each.top) == 3
    total = sum(logprob for _, logprob in wanted)
    assert found.probability == pytest.approx(math.exp(total), rel=1e-3)
    spelt = TOKENIZER.decode([token for token, _ in wanted]).decode(errors="replace")
    assert spelt.startswith(found.text)


@pytest.mark.parametrize(("presence", "frequency"), [(2.0, 0.0), (0.0, 1.5), (-2.0, 0.5)])
def test_penalties_count_what_was_produced(presence: float, frequency: float) -> None:
    made = engine(seed=3, bias=lambda history: {65: 9.0, 66: 8.0, 67: 7.5})
    wanted = greedily(made, 10, presence, frequency)
    (found,) = ran(
        made, max_tokens=10, presence=presence, frequency=frequency, logprobs=0
    ).continuations
    assert [each.token for each in found.tokens] == [token for token, _ in wanted]
    assert len({token for token, _ in wanted}) > 1 or presence < 0


def test_it_ends_where_the_model_says_so() -> None:
    (found,) = ran(engine(bias=saying(TOKENIZER, PROMPT, SAID)), max_tokens=50).continuations
    assert (found.text, found.stop) == (SAID, "end")


@pytest.mark.parametrize(
    ("stop", "text"), [((" thin",), " of the"), (("hin", " of the t"), ""), (("xyz",), SAID)]
)
def test_stop_strings_end_the_text_before_them(stop: tuple[str, ...], text: str) -> None:
    made = engine(bias=saying(TOKENIZER, PROMPT, SAID))
    (found,) = ran(made, max_tokens=50, stop=stop).continuations
    assert found.text == text
    assert found.stop == ("end" if text == SAID else "stop")


def test_a_stream_never_says_what_a_stop_string_takes_back() -> None:
    made = engine(bias=saying(TOKENIZER, PROMPT, SAID))
    request = Generation(PROMPT, sampling=GREEDY, max_tokens=50, stop=(" thin art and",))
    runner, stream = Runner(made, TOKENIZER), TextStream()
    ticket = Ticket(request, stream=stream)
    runner.scheduler.submit(ticket)
    pieces = []
    while not ticket.answer.done():
        runner.step()
        pieces.append(stream._waiting)
        stream._waiting = ""
    assert "".join(pieces) == ticket.answer.result(0).continuations[0].text == " of the"
    assert len([each for each in pieces if each]) > 1


def test_probabilities_of_the_prompt() -> None:
    made = engine(seed=1)
    found = ran(made, max_tokens=2, logprobs=2, of_prompt=True)
    assert TOKENIZER.start_id is not None
    ids = [TOKENIZER.start_id, *TOKENIZER.encode(PROMPT.encode())]
    assert [each.token for each in found.prompt] == ids
    assert found.prompt[0].logprob is None
    for at, each in enumerate(found.prompt[1:], start=1):
        wanted = log_softmax(made.raw_scores(ids[:at]))[ids[at]]
        assert each.logprob == pytest.approx(wanted, abs=1e-4)
        assert len(each.top) == 2
    assert [each.token for each in found.continuations[0].tokens] == [
        token for token, _ in greedily(made, 2)
    ]
    alone = ran(made, max_tokens=0, logprobs=0, of_prompt=True)
    assert [each.token for each in alone.prompt] == ids
    assert alone.continuations[0].text == ""


def test_a_long_prompt_is_read_in_pieces() -> None:
    ids = tuple(range(97, 123)) * 10
    found = ran(engine(), prompt=ids, max_tokens=1, logprobs=0, of_prompt=True)
    assert len(found.prompt) == len(ids) + 1
    assert all(each.logprob is not None for each in found.prompt[1:])


def test_tokens_are_a_prompt_as_well() -> None:
    made = engine(seed=2)
    ids = tuple(TOKENIZER.encode(PROMPT.encode()))
    assert ran(made, prompt=ids, max_tokens=5) == ran(made, max_tokens=5)
    with pytest.raises(OptionError, match="does not exist"):
        ran(made, prompt=(10**6,))


def test_samples_are_apart_and_repeatable() -> None:
    made = engine(seed=4)
    sampling = Sampling(temperature=1.0, seed=7)
    first = ran(made, n=4, max_tokens=6, sampling=sampling)
    assert len({each.text for each in first.continuations}) > 1
    assert ran(made, n=4, max_tokens=6, sampling=sampling) == first
    other = ran(made, n=4, max_tokens=6, sampling=Sampling(temperature=1.0, seed=8))
    assert other.continuations != first.continuations


def test_a_bias_moves_what_is_chosen() -> None:
    made = engine(bias=saying(TOKENIZER, PROMPT, SAID))
    usual = greedily(made, 1)[0][0]
    (found,) = ran(
        made, max_tokens=1, adjust=(TokenBias(((usual, -math.inf),)),), logprobs=0
    ).continuations
    assert found.tokens[0].token != usual
    (told,) = ran(made, max_tokens=1, adjust=(TokenBias(((70, 100.0),)),), logprobs=0).continuations
    assert told.tokens[0].token == 70
    assert told.tokens[0].logprob is not None
    assert told.tokens[0].logprob < -5  # by the model itself


def test_half_a_character_is_left_out() -> None:
    made = engine(bias=saying(TOKENIZER, PROMPT, " 日"))
    texts = [ran(made, max_tokens=count).continuations[0].text for count in (1, 2, 3, 4)]
    assert texts == [" ", " ", " ", " 日"]


def test_what_follows_is_told_to_models_that_fill() -> None:
    tokenizer = FakeTokenizer(fills=True)
    fill = tokenizer.fill
    assert fill is not None
    ids = Generation("the", after="end").tokens(tokenizer)
    assert ids.count(fill.prefix) == ids.count(fill.suffix) == ids.count(fill.middle) == 1
    assert ids[-1] == fill.middle
    assert Generation("the").tokens(tokenizer)[-1] != fill.middle


def test_a_prompt_that_is_too_long_is_told() -> None:
    with pytest.raises(PromptTooLongError, match="512"):
        ran(engine(), prompt="x " * 600)
    with pytest.raises(PromptTooLongError, match="max_tokens is 510"):
        ran(engine(), max_tokens=510)


@pytest.mark.parametrize(
    "asked",
    [
        {"n": 0},
        {"max_tokens": -1},
        {"presence": 2.1},
        {"frequency": math.nan},
        {"logprobs": 21},
        {"stop": ("",)},
        {"prompt": (-1,)},
        {"of_prompt": 1},
    ],
)
def test_what_cannot_be_asked(asked: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        Generation(**{"prompt": PROMPT, **asked})


def test_a_prompt_is_text() -> None:
    with pytest.raises(InvalidTextError):
        Generation("\ud800")
