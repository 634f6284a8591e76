"""The whole way from text to text on tiny models of several kinds, byte-pair and SentencePiece.

On both engines: GGUF files on llama.cpp, transformers folders on PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tiny_gguf
import tiny_torch
from running import Runner, solve_caret
from tecla.decode.request import Request, Stopping
from tecla.engines.base import Engine, Feed
from tecla.engines.factory import LoadedModel, open_model
from tecla.engines.sampling import GREEDY
from tecla.settings import EngineSettings, PathSettings, Settings
from tecla.text.context import Context
from tecla.text.unicode import begins_text

TEXTS = ["the wor", "", "el ni", "  two  spaces ", "línea\n\nnu", "日本", "👩\u200d", "I'l", "a"]
WRITERS: dict[str, Callable[..., Path]] = {
    "bpe": tiny_gguf.write_bpe_llama,
    "spm": tiny_gguf.write_spm_llama,
    "mamba": tiny_gguf.write_mamba,
    "hybrid": tiny_gguf.write_hybrid,
    "swa": tiny_gguf.write_swa,
    **{f"torch_{kind}": partial(tiny_torch.write, kind=kind) for kind in tiny_torch.CONFIGS},
}
FURTHER = [text.encode() for text in ("", *"aelrst QXñ1!'-\n", " a", "ll", "ꀀ")]
SCORE_TOLERANCE = 5e-3  # stepwise and batched evaluation differ by up to 3e-3 on these models

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=WRITERS)
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoadedModel]:
    folder = tmp_path_factory.mktemp(request.param)
    name = "model" if request.param.startswith("torch_") else "model.gguf"
    path = WRITERS[request.param](folder / name, seed=3)
    settings = Settings(
        EngineSettings(model=str(path), context_tokens=256, device="cpu", threads=1),
        paths=PathSettings(models_dir=folder, cache_dir=folder),
    )
    model = open_model(settings)
    yield model
    model.engine.close()


@pytest.fixture
def runner(loaded: LoadedModel) -> Iterator[Runner]:
    """The model with nothing in memory, before and after."""
    yield Runner(loaded.engine, loaded.tokenizer)
    empty(loaded.engine)


def empty(engine: Engine) -> None:
    for slot in range(engine.n_slots):
        engine.clear(slot)


def answer(runner: Runner, text: str, n: int = 2) -> list[str]:
    request = Request(Context(text), GREEDY, Stopping(max_tokens=6), n=n)
    return [found.text for found in runner.complete([request])[0].continuations]


def test_batches_give_what_single_calls_give(runner: Runner) -> None:
    requests = [Request(Context(text), GREEDY, Stopping(max_tokens=6), n=2) for text in TEXTS]
    together = [[f.text for f in done.continuations] for done in runner.complete(requests)]
    assert together == [answer(runner, text) for text in TEXTS]
    fresh = []
    for text in TEXTS:
        empty(runner.engine)
        fresh.append(answer(Runner(runner.engine, runner.tokenizer), text))
    assert together == fresh


def test_answers_do_not_depend_on_what_was_asked_before(runner: Runner) -> None:
    first = answer(runner, "the wor")
    for text in TEXTS:
        answer(runner, text, n=3)
    assert answer(runner, "the wor") == first
    assert runner.scheduler.pending == 0
    assert not any(position.pins for position in runner.scheduler.memory._all())


def test_suggestions_are_text_that_can_stand_behind_the_caret(runner: Runner) -> None:
    for text in TEXTS:
        for found in answer(runner, text, n=3):
            assert found
            (text + found).encode()
            assert "\ufffd" not in found


def covers(loaded: LoadedModel, data: bytes) -> set[tuple[int, ...]]:
    """Every canonical sequence over the caret: enumerated, with no idea of the method."""
    tokenizer = loaded.tokenizer
    found = set()
    for at in range(len(data) + 1):
        for token, piece in enumerate(tokenizer.table.pieces):
            rest = data[at:]
            if len(piece) <= len(rest) or not piece.startswith(rest):
                continue
            if not begins_text(data[:at] + piece):
                continue
            for further in FURTHER:
                whole = data[:at] + piece + further
                try:
                    whole.decode()
                except UnicodeDecodeError:
                    continue
                ids = tokenizer.encode(whole)
                for end in range(1, len(ids) + 1):
                    if ids[end - 1] == token and tokenizer.decode(ids[:end]) == data[:at] + piece:
                        found.add(tuple(ids[:end]))
    return found


@pytest.mark.parametrize("text", ["the wor", "el ni", "I'l", "a  ", "a\n\n", "gat"])
def test_the_caret_agrees_with_enumeration(loaded: LoadedModel, text: str) -> None:
    """Same sequences, and probabilities multiplied up from single evaluations."""
    engine, tokenizer = loaded.engine, loaded.tokenizer
    search, distribution = solve_caret(engine, tokenizer, text)
    start = [] if tokenizer.start_id is None else [tokenizer.start_id]
    shared = search.head[len(start) :]
    found = {
        (*shared, *cover.path, cover.token): cover.logprob
        for cover in distribution.best()
        if cover.token is not None
    }
    whole_pieces = {
        ids for ids in found if _is_text(tokenizer.decode(ids))
    }  # tokens that end inside a character cannot be enumerated through a tokenizer of text
    assert whole_pieces == covers(loaded, tokenizer.text_prefix + text.encode())

    best = sorted(found, key=found.__getitem__, reverse=True)[:3]
    for ids in best:
        sequence = [*start, *ids]
        scores = engine.eval([Feed(0, sequence[:-1], len(sequence) - 1)])
        chain = [
            float(scores.gather(at, np.array([token], dtype=np.int32))[0])
            for at, token in enumerate(sequence[1:])
        ]
        engine.clear(0)
        joint = sum(chain[len(shared) :])
        assert found[ids] == pytest.approx(joint - distribution.log_typed, abs=SCORE_TOLERANCE)
    assert sum(math.exp(value) for value in found.values()) <= 1 + 1e-6


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
