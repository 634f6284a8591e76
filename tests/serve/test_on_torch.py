"""The service on a transformers model, over real sockets: suggestions, sessions, completions.

What comes over the wire is compared with a writer in this process, with `generate()` of
transformers, and with what the model's own code says token by token.
"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
import torch

from serve import serving as serving_
from serve.conftest import MANNER
from serve.processes import TEXT as LONG_TEXT
from serve.processes import Process, serving, write_config
from serve.serving import Live, Socket, live, until
from tecla import Suggester
from tecla.controller.asking import Asker
from tecla.controller.ranking import Ranking
from tecla.controller.sources import Shelf, Sources
from tecla.controller.writer import Writer
from tecla.engines import torch_attention
from tecla.filters.judge import Filters
from tecla.text.snapshot import Snapshot
from torch_opened import KINDS, engine_of, opened, own_logprobs, settings_of

TEXT = "The train leaves th"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=KINDS)
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Suggester]:
    with opened(tmp_path_factory.mktemp("torch"), request.param) as found:
        yield found


@pytest.fixture(scope="module")
def served(model: Suggester) -> Iterator[Live]:
    with live(model=model, per_second=10_000) as found:
        yield found


@pytest.fixture(scope="module")
def client(served: Live) -> Iterator[openai.OpenAI]:
    address = f"http://127.0.0.1:{served.port}/v1"
    with openai.OpenAI(api_key="none", base_url=address, max_retries=0) as found:
        yield found


def ask(client: openai.OpenAI, prompt: str = "The train", **asked: Any) -> Any:
    fields = {"model": "default", "temperature": 0, "max_tokens": 12, **asked}
    return client.completions.create(prompt=prompt, **fields)


def generated(model: Suggester, prompt: str, count: int) -> list[int]:
    """What `generate()` of transformers says, by the model's own attention."""
    engine, tokenizer = engine_of(model), model.tokenizer
    start = [] if tokenizer.start_id is None else [tokenizer.start_id]
    ids = [*start, *tokenizer.encode(tokenizer.text_prefix + prompt.encode())]
    module = engine.model.module

    def run() -> list[int]:
        module.set_attn_implementation("eager")
        try:
            made = module.generate(
                torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), do_sample=False,
                max_new_tokens=count, eos_token_id=None, pad_token_id=0,
            )  # fmt: skip
        finally:
            module.set_attn_implementation(torch_attention.NAME)
        return [int(token) for token in made[0, len(ids) :]]

    return model.on_engine_thread(run)


def test_models_are_listed_and_health_is_told(
    served: Live, client: openai.OpenAI, model: Suggester
) -> None:
    assert [each.id for each in client.models.list()] == [model.info.name]
    assert served.health() == "serving"


@pytest.fixture(scope="module")
def sources() -> Iterator[Sources]:
    """What stands beside the model in the service."""
    shelf = Shelf({"": ("frequency:en",)})
    shelf.wait("")
    yield Sources(shelf)
    shelf.close()


def check_shown(told: dict[str, Any], writer: Writer) -> bool:
    """What came over the wire is what the writer shows; whether that is anything."""
    ghost = writer.wait().ghost
    assert told.get("settled", True)
    assert told.get("text", "") == ("" if ghost is None else ghost.text)
    if ghost is not None:
        assert told["probability"] == pytest.approx(ghost.probability, rel=1e-3)
    return ghost is not None


def writer_here(model: Suggester, sources: Sources) -> Writer:
    """As the service has them, for a new text."""
    asker = Asker(model.session(scope=object()))
    return Writer(asker, sources, MANNER, ranking=Ranking(Filters()))


def test_a_suggestion_is_that_of_a_writer_here(
    served: Live, model: Suggester, sources: Sources
) -> None:
    shown = 0
    for end in range(8, len(TEXT) + 1, 2):
        with writer_here(model, sources) as writer:
            writer.update(Snapshot(TEXT[:end]))
            found = served.suggest(TEXT[:end], deadline_ms=10_000, eagerness=1)
            shown += check_shown(found.document, writer)
    assert shown > 2


def test_keys_over_a_socket_are_those_of_a_writer_here(
    served: Live, model: Suggester, sources: Sources
) -> None:
    with writer_here(model, sources) as writer, Socket(served) as client:
        shown = 0
        found = client.open(TEXT[:8], session="letter", deadline_ms=10_000, eagerness=1)
        writer.update(Snapshot(TEXT[:8]))
        check_shown(found, writer)
        for at in range(8, len(TEXT)):
            client.send(type="edit", revision=at, start=at, end=at, text=TEXT[at])
            found = client.settled()
            assert found["revision"] == at
            writer.typed(TEXT[at])
            shown += check_shown(found, writer)
        assert shown > 4


def test_a_completion_is_what_generate_says(client: openai.OpenAI, model: Suggester) -> None:
    ids = generated(model, "The train", 12)
    assert not model.tokenizer.end_ids.intersection(ids)
    whole = model.tokenizer.decode(ids).decode("utf-8", errors="replace")
    found = ask(client)
    assert found.usage.completion_tokens == 12
    assert whole.startswith(found.choices[0].text.rstrip("\ufffd"))
    assert found.choices[0].text
    streamed = ask(client, stream=True)
    pieces = [each.text for chunk in streamed for each in chunk.choices]
    assert "".join(pieces) == found.choices[0].text


def test_probabilities_of_tokens_are_the_models_own(
    client: openai.OpenAI, model: Suggester
) -> None:
    tokenizer = model.tokenizer
    ids = generated(model, "The train", 6)
    told = ask(client, max_tokens=6, logprobs=3).choices[0].logprobs
    start = [] if tokenizer.start_id is None else [tokenizer.start_id]
    history = [*start, *tokenizer.encode(tokenizer.text_prefix + b"The train")]
    for at, token in enumerate(ids):
        own = own_logprobs(model, history)
        assert told.token_logprobs[at] == pytest.approx(float(own[token]), abs=1e-3)
        best = sorted(map(float, own), reverse=True)[:3]
        assert sorted(told.top_logprobs[at].values(), reverse=True) == pytest.approx(best, abs=1e-3)
        history.append(token)
    echoed = ask(client, max_tokens=0, echo=True, logprobs=0).choices[0].logprobs
    assert "".join(echoed.tokens).strip() == "The train"
    prompt = history[len(start) : -len(ids)]
    own = [
        float(own_logprobs(model, [*start, *prompt[:at]])[token]) for at, token in enumerate(prompt)
    ]
    assert echoed.token_logprobs == pytest.approx(own, abs=1e-3)


def test_samples_of_a_seed_are_the_same_alone_and_together(client: openai.OpenAI) -> None:
    asked = {"temperature": 1, "seed": 5, "max_tokens": 8}
    together = [each.text for each in ask(client, n=3, **asked).choices]
    assert [each.text for each in ask(client, n=3, **asked).choices] == together
    assert ask(client, n=1, **asked).choices[0].text == together[0]
    assert len(set(together)) > 1
    several = ask(client, prompt=["The train", "We"], **asked).choices
    assert several[0].text == together[0]


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", KINDS)
def test_the_service_outlives_its_engine(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it as it is started: `tecla serve`, whose engine's process is killed."""
    monkeypatch.setattr(serving_, "LIMIT_S", 600.0)  # PyTorch is long in coming on full cores
    (tmp_path / "service").mkdir()
    settings = settings_of(tmp_path, kind)
    write_config(tmp_path / "service", settings.engine.model)
    with serving(tmp_path / "service") as service:
        before = hears_the_model(service)
        service.kill_engine(signal.SIGKILL)
        until(lambda: service.restarts == 1)
        until(service.is_ready)
        assert hears_the_model(service)["text"] == before["text"]
        assert service.end() == 0


def hears_the_model(service: Process) -> dict[str, Any]:
    """An answer that the model has a part in."""
    found: dict[str, Any] = {}

    def heard() -> bool:
        asked = {"eagerness": 1, "deadline_ms": 5000}
        found.update(service.suggest(LONG_TEXT, **asked).document)
        return found["source"] == "model" and not found.get("without_model")

    until(heard)
    assert math.isfinite(found["probability"])
    return found
