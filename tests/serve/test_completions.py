"""`/v1/completions`, asked by OpenAI's own client."""

from __future__ import annotations

import json
import math
from typing import Any

import openai
import pytest

from serve.conftest import SAID, TOKENIZER, Made, Make
from tecla.serve.pressure import Level

FUTURE = "the future"


@pytest.fixture
def client(made: Made) -> openai.OpenAI:
    return client_of(made, "none")


def client_of(made: Made, key: str) -> openai.OpenAI:
    return openai.OpenAI(
        api_key=key,
        base_url="http://127.0.0.1:8757/v1",
        http_client=made.client,  # type: ignore[arg-type]  # it is asked as httpx would be
        max_retries=0,
    )


def ask(client: openai.OpenAI, **asked: Any) -> Any:
    fields = {"model": "default", "prompt": FUTURE, "temperature": 0, "max_tokens": 50, **asked}
    return client.completions.create(**fields)


def test_a_completion(client: openai.OpenAI) -> None:
    found = ask(client)
    assert (found.object, found.model) == ("text_completion", "fake")
    assert found.id.startswith("cmpl-")
    (choice,) = found.choices
    assert (choice.text, choice.index, choice.finish_reason) == (SAID, 0, "stop")
    assert choice.logprobs is None
    n_prompt = len(TOKENIZER.encode(FUTURE.encode())) + 1
    n_made = len(TOKENIZER.encode((FUTURE + SAID).encode())) - n_prompt + 1
    usage = found.usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (n_prompt, n_made)
    assert usage.total_tokens == n_prompt + n_made


def test_it_ends_at_the_limit_or_before_a_stop_string(client: openai.OpenAI) -> None:
    short = ask(client, max_tokens=2).choices[0]
    assert (SAID.startswith(short.text), short.finish_reason) == (True, "length")
    assert ask(client, stop=" thin").choices[0].text == " of the"
    stopped = ask(client, stop=["xyz", " art"]).choices[0]
    assert (stopped.text, stopped.finish_reason) == (" of the thin", "stop")
    assert ask(client, max_tokens=0).choices[0].text == ""


@pytest.mark.parametrize("n", [1, 3])
def test_a_stream_is_the_completion_in_pieces(client: openai.OpenAI, n: int) -> None:
    asked = {"n": n, "temperature": 1, "seed": 5, "max_tokens": 12}
    whole = ask(client, **asked)
    texts = dict.fromkeys(range(n), "")
    ends: dict[int, str] = {}
    chunks = 0
    usage = None
    for chunk in ask(client, stream=True, stream_options={"include_usage": True}, **asked):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.text
            chunks += bool(choice.text)
            if choice.finish_reason is not None:
                ends[choice.index] = choice.finish_reason
    assert list(texts.values()) == [each.text for each in whole.choices]
    assert [ends[at] for at in range(n)] == [each.finish_reason for each in whole.choices]
    assert chunks > n
    assert usage == whole.usage


def test_probabilities_of_tokens(client: openai.OpenAI) -> None:
    found = ask(client, logprobs=2, max_tokens=4).choices[0]
    told = found.logprobs
    assert "".join(told.tokens) == found.text
    assert told.text_offset == [sum(map(len, told.tokens[:at])) for at in range(4)]
    for token, logprob, top in zip(
        told.tokens, told.token_logprobs, told.top_logprobs, strict=True
    ):
        assert logprob == top[token] <= 0
        assert len(top) == 2
    pieces: list[Any] = [
        choice.logprobs
        for chunk in ask(client, logprobs=2, max_tokens=4, stream=True)
        for choice in chunk.choices
        if choice.logprobs is not None
    ]
    assert [each for piece in pieces for each in piece.tokens] == told.tokens
    assert [each for piece in pieces for each in piece.text_offset] == told.text_offset


def test_an_echo_with_its_probabilities(client: openai.OpenAI) -> None:
    plain = ask(client, max_tokens=3).choices[0].text
    assert ask(client, max_tokens=3, echo=True).choices[0].text == FUTURE + plain
    found = ask(client, max_tokens=3, echo=True, logprobs=1).choices[0]
    told = found.logprobs
    assert found.text == "".join(told.tokens) == FUTURE + plain
    assert told.text_offset[0] == 0
    assert told.text_offset[-1] == len(found.text) - len(told.tokens[-1])
    assert all(each is not None and each <= 0 for each in told.token_logprobs)
    scored = ask(client, max_tokens=0, echo=True, logprobs=0).choices[0]
    assert scored.text == FUTURE
    assert scored.logprobs.token_logprobs == told.token_logprobs[: len(scored.logprobs.tokens)]
    streamed = ask(client, max_tokens=3, echo=True, stream=True)
    assert "".join(each.text for chunk in streamed for each in chunk.choices) == found.text


def test_prompts_of_every_form(client: openai.OpenAI) -> None:
    ids = TOKENIZER.encode(FUTURE.encode())
    assert ask(client, prompt=ids).choices[0].text == SAID
    assert ask(client, prompt=ids, echo=True, max_tokens=1).choices[0].text.startswith(FUTURE)
    several = ask(client, prompt=[FUTURE, "she", FUTURE], n=2, max_tokens=5)
    assert [each.index for each in several.choices] == list(range(6))
    assert several.choices[0].text == several.choices[4].text != several.choices[2].text
    both = ask(client, prompt=[ids, ids], max_tokens=5)
    assert both.choices[0].text == both.choices[1].text
    streamed: dict[int, str] = {}
    for chunk in ask(client, prompt=[FUTURE, "she"], max_tokens=5, stream=True):
        for each in chunk.choices:
            streamed[each.index] = streamed.get(each.index, "") + each.text
    assert streamed == {0: several.choices[0].text, 1: several.choices[2].text}


def test_the_best_of_several(client: openai.OpenAI) -> None:
    asked = {"temperature": 1.5, "seed": 3, "max_tokens": 6, "prompt": "she"}
    every = ask(client, n=6, logprobs=0, **asked)
    means = {
        each.text: sum(each.logprobs.token_logprobs) / len(each.logprobs.token_logprobs)
        for each in every.choices
    }
    best = ask(client, n=2, best_of=6, **asked)
    wanted = sorted(means, key=lambda text: means[text], reverse=True)[:2]
    assert [each.text for each in best.choices] == wanted
    assert best.usage.completion_tokens == every.usage.completion_tokens
    assert best.choices[0].logprobs is None


def test_a_seed_repeats_and_none_does_not(client: openai.OpenAI) -> None:
    asked = {"temperature": 2, "prompt": "she", "max_tokens": 16}
    assert ask(client, seed=1, **asked).choices == ask(client, seed=1, **asked).choices
    free = {ask(client, **asked).choices[0].text for _ in range(4)}
    assert len(free) > 1


def test_bias_and_penalties_reach_the_model(client: openai.OpenAI) -> None:
    found = ask(client, logit_bias={"65": 100}, max_tokens=3)
    assert found.choices[0].text == "AAA"
    usual = TOKENIZER.encode((FUTURE + SAID).encode())[len(TOKENIZER.encode(FUTURE.encode()))]
    assert not ask(client, logit_bias={str(usual): -100}).choices[0].text.startswith(" of")
    both = {"logit_bias": {"65": 100, "66": 90}, "max_tokens": 16}
    assert ask(client, **both).choices[0].text == "A" * 16
    assert ask(client, frequency_penalty=-2, **both).choices[0].text == "A" * 16
    assert ask(client, frequency_penalty=2, **both).choices[0].text.count("B") > 2


def test_what_other_servers_take_as_well(client: openai.OpenAI) -> None:
    asked = {"temperature": 2, "seed": 1, "prompt": "she"}
    greedy = ask(client, prompt="she", max_tokens=6).choices[0].text
    for extra in ({"top_k": 1}, {"min_p": 1.0}):
        assert ask(client, max_tokens=6, extra_body=extra, **asked).choices[0].text == greedy
    assert ask(client, top_p=1e-6, max_tokens=6, **asked).choices[0].text == greedy


# --- what cannot be asked -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"n": 0}, "n"),
        ({"n": 3, "best_of": 2}, ""),
        ({"best_of": 3, "stream": True}, ""),
        ({"echo": True, "logprobs": 1, "stream": True}, ""),
        ({"temperature": 2.1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"logprobs": 21}, "logprobs"),
        ({"presence_penalty": 3}, "presence_penalty"),
        ({"logit_bias": {"65": 101}}, "logit_bias"),
        ({"logit_bias": {"100000": 1}}, ""),
        ({"stop": [""]}, ""),
        ({"stop": ["x"] * 17}, "stop"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": [1, "x"]}, "prompt"),
        ({"prompt": [10**6]}, ""),
        ({"suffix": "end"}, ""),
        ({"max_tokens": 5000}, ""),
        ({"extra_body": {"tempreature": 1}}, "tempreature"),
    ],
)
def test_a_bad_request_is_told_as_one(
    client: openai.OpenAI, asked: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, **asked)
    body = refused.value.body
    assert isinstance(body, dict)
    assert body["type"] == "invalid_request_error"
    assert body["message"]
    assert str(body["param"] or "").startswith(param)
    assert ask(client).choices[0].text == SAID


def test_keys_models_and_load(make: Make) -> None:
    made = make(asks_for_keys=True)
    with pytest.raises(openai.AuthenticationError):
        ask(client_of(made, "nonsense"))
    with pytest.raises(openai.PermissionDeniedError):
        ask(client_of(made, made.key("learn")))
    client = client_of(made, made.key())
    assert ask(client, model="fake").choices[0].text == SAID
    assert [each.id for each in client.models.list()] == ["fake"]
    with pytest.raises(openai.NotFoundError, match="gpt-9"):
        ask(client, model="gpt-9")
    made.service.pressure.level = Level.REFUSED
    with pytest.raises(openai.RateLimitError):
        ask(client)
    made.service.pressure.level = Level.NOTHING
    made.service.suggester.close()
    with pytest.raises(openai.InternalServerError):
        ask(client)


def test_a_stream_that_nobody_reads_is_given_up(made: Made, client: openai.OpenAI) -> None:
    before = made.engine.evals
    stream = ask(client, prompt="she", max_tokens=400, stream=True)
    next(iter(stream))
    stream.close()
    made.service.suggester.counters()  # between two steps
    counted = made.service.suggester.counters()
    assert counted["pending"] == 0
    assert made.engine.evals - before < 400


def test_infinite_numbers_never_leave(client: openai.OpenAI, made: Made) -> None:
    answer = made.client.post(
        "/v1/completions",
        json={"prompt": FUTURE, "max_tokens": 3, "logprobs": 20, "temperature": 0},
    )
    found = json.loads(answer.text, parse_constant=pytest.fail)
    for top in found["choices"][0]["logprobs"]["top_logprobs"]:
        assert all(math.isfinite(each) for each in top.values())
