"""The facade on transformers models: every way to ask, sessions, saved texts, failures."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engines.conftest import open_torch
from tecla import Completed, Suggester
from tecla.decode.adjust import Forbid, TokenBias
from tecla.decode.generation import Generation
from tecla.decode.request import Request, Stopping
from tecla.engines.factory import LoadedModel
from tecla.engines.sampling import GREEDY, Sampling
from tecla.errors import EngineError, EngineFailedError
from tecla.suggest.options import SuggestOptions
from tecla.text.context import Context
from torch_opened import KINDS, engine_of, opened, own_logprob, settings_of

TEXT = "The train to the lake is la"
WANTED: SuggestOptions = {"max_tokens": 5, "temperature": 0.0, "n": 2}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("torch")


@pytest.fixture(scope="module", params=KINDS)
def suggester(request: pytest.FixtureRequest, folder: Path) -> Iterator[Suggester]:
    with opened(folder, request.param) as found:
        yield found


def told(found: Completed) -> dict[str, float]:
    """Texts with their probabilities."""
    assert found.continuations
    assert not found.partial
    return {each.text: each.probability for each in found.continuations}


def as_told(other: Completed) -> Any:
    """What equals `told` of an answer that should be the same: another batch rounds another way."""
    return pytest.approx(told(other), rel=1e-4)


def fresh(suggester: Suggester, before: str, **options: Any) -> Completed:
    """As a caret in a scope of its own is answered, which knows nothing."""
    with suggester.session(scope=object()) as session:
        return session.suggest(before, deadline_ms=None, **{**WANTED, **options})


def test_every_way_to_ask_gives_the_same(suggester: Suggester) -> None:
    def in_session(**options: Any) -> Completed:
        with suggester.session() as session:
            return session.suggest(TEXT, **options)

    ways: dict[str, Callable[..., Completed]] = {
        "threads": lambda **options: suggester.suggest(TEXT, **options),
        "asyncio": lambda **options: asyncio.run(suggester.asuggest(TEXT, **options)),
        "session": in_session,
        "together": lambda **_: suggester.complete(
            [Request(Context(text), GREEDY, Stopping(max_tokens=5), n=2) for text in (TEXT, "we ")]
        )[0],
    }
    wanted = fresh(suggester, TEXT)
    for name, way in ways.items():
        found = way(deadline_ms=None, **WANTED)
        assert told(found) == as_told(wanted), name
    request = Request(Context(TEXT), GREEDY, Stopping(max_tokens=5))
    assert "".join(suggester.stream(request)) == wanted.continuations[0].text


def test_probabilities_are_those_of_the_models_own_code(suggester: Suggester) -> None:
    before, text = "We walked to the", " old house, and"
    expected = own_logprob(suggester, before, text)
    assert suggester.logprob(before, text) == pytest.approx(expected, abs=1e-3)
    first = fresh(suggester, before, max_tokens=1, n=20, tolerance=0.0)
    whole = sum(each.probability for each in first.continuations)
    assert 0 < whole <= 1 + 1e-6
    likely = [each.probability for each in first.continuations]
    assert likely == sorted(likely, reverse=True)


def test_typing_costs_what_changed_and_going_back_nothing(suggester: Suggester) -> None:
    first = 8
    counted = suggester.counters()
    with suggester.session(scope="typing") as session:
        ends = range(first, len(TEXT) + 1)
        typed = {end: session.suggest(TEXT[:end], deadline_ms=None, **WANTED) for end in ends}
        after = suggester.counters()
        tokens = len(suggester.tokenizer.encode(suggester.tokenizer.text_prefix + TEXT.encode()))
        assert after["prefill_tokens"] - counted["prefill_tokens"] <= tokens + 1
        for end in (*reversed(ends), *ends):
            again = session.suggest(TEXT[:end], deadline_ms=None, **WANTED)
            assert told(again) == as_told(typed[end])
        assert suggester.counters()["evaluated_tokens"] == after["evaluated_tokens"]
    for end in (first, 14, 19, len(TEXT)):
        assert told(typed[end]) == as_told(fresh(suggester, TEXT[:end]))


def test_a_saved_text_is_taken_up_by_the_same_model_alone(
    suggester: Suggester, folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "document.kv"
    with suggester.session() as session:
        first = session.suggest(TEXT, deadline_ms=None, **WANTED)
        assert session.save(file) == file.stat().st_size
    kind = suggester.info.architecture
    with opened(folder, kind) as other, other.session() as session:
        assert session.restore(file)
        again = session.suggest(TEXT, deadline_ms=None, **WANTED)
        assert told(again) == as_told(first)
        assert other.counters()["prefill_tokens"] <= 1
    with opened(tmp_path, kind, seed=9) as stranger, stranger.session() as session:
        with pytest.raises(EngineError, match="ask as usual"):
            session.restore(file)
        assert session.suggest(TEXT, deadline_ms=None).continuations


def test_an_engine_that_fails_is_opened_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the device went away")

    with opened(folder, "gpt2") as suggester:
        wanted = fresh(suggester, TEXT)
        session = suggester.session()
        monkeypatch.setattr(engine_of(suggester), "_forward", broken)
        with pytest.raises(EngineFailedError, match="went away"):
            session.suggest(TEXT + "t", deadline_ms=None)
        found = session.suggest(TEXT, deadline_ms=None, **WANTED)
        assert told(found) == as_told(wanted)
        assert (suggester.restarts, suggester.healthy) == (1, True)


def test_samples_of_a_seed_are_the_same_alone_and_among_others(suggester: Suggester) -> None:
    texts = [TEXT[:end] for end in range(10, 26, 3)]
    requests = [
        Request(Context(text), Sampling(temperature=0.9, seed=7), Stopping(max_tokens=6))
        for text in texts
    ]
    together = suggester.complete(requests)
    alone = [suggester.complete([request])[0] for request in requests]
    for one, other in zip(together, alone, strict=True):
        assert told(one) == as_told(other)


def test_what_a_gpu_does_gives_the_same(folder: Path) -> None:
    """Padded steps, and scores that are adjusted, searched and told where they are."""
    settings = settings_of(folder, "llama")
    padded = open_torch(Path(settings.engine.model), context_tokens=256, kv_tokens=512, padded=True)
    loaded = LoadedModel(padded, padded.model.tokenizer, padded.model.info)
    with Suggester(loaded) as there, opened(folder, "llama") as here:
        text = TEXT[:-2]
        best = fresh(here, text, n=1, max_tokens=1).continuations[0].text
        (token,) = here.tokenizer.encode(b"a")
        adjustments = [
            [],
            [Forbid((best,))],
            [TokenBias(((token, 4.0),))],
            [TokenBias(((token, -math.inf),)), Forbid((best,))],
        ]
        answers = []
        for adjust in adjustments:
            asked = {"adjust": adjust, "n": 3, "depth": 2, "width": 4}
            answers.append(fresh(here, text, **asked))
            found = fresh(there, text, **asked)
            assert told(found) == as_told(answers[-1])
        assert len({answer.continuations for answer in answers}) == len(answers)
        wanted = Generation("The train", max_tokens=6, sampling=GREEDY, logprobs=3)
        one, other = (each.generate(wanted).answer.result(30) for each in (here, there))
        assert one.continuations[0].text == other.continuations[0].text
        for mine, theirs in zip(
            one.continuations[0].tokens, other.continuations[0].tokens, strict=True
        ):
            assert mine.token == theirs.token
            assert mine.logprob == pytest.approx(theirs.logprob, abs=1e-4)
            assert [each for each, _ in mine.top] == [each for each, _ in theirs.top]
