"""The whole way from text to text on tiny models of several kinds, byte-pair and SentencePiece."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import tiny_gguf
from tecla.decode.caret import CaretDistribution
from tecla.decode.decoder import Decoder
from tecla.decode.job import Job
from tecla.decode.request import Context, Request, Stopping
from tecla.engines.base import Feed
from tecla.engines.factory import LoadedModel, open_model
from tecla.engines.sampling import GREEDY, Sampling
from tecla.settings import EngineSettings, PathSettings, Settings
from tecla.text.unicode import begins_text

TEXTS = ["the wor", "", "el ni", "  two  spaces ", "línea\n\nnu", "日本", "👩\u200d", "I'l", "a"]
WRITERS: dict[str, Callable[..., Path]] = {
    "bpe": tiny_gguf.write_bpe_llama,
    "spm": tiny_gguf.write_spm_llama,
    "mamba": tiny_gguf.write_mamba,
    "hybrid": tiny_gguf.write_hybrid,
    "swa": tiny_gguf.write_swa,
}
FURTHER = [text.encode() for text in ("", *"aelrst QXñ1!'-\n", " a", "ll", "ꀀ")]
SCORE_TOLERANCE = 5e-3  # stepwise and batched evaluation differ by up to 3e-3 on these models

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=WRITERS)
def loaded(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoadedModel]:
    folder = tmp_path_factory.mktemp(request.param)
    path = WRITERS[request.param](folder / "model.gguf", seed=3)
    settings = Settings(
        EngineSettings(model=str(path), context_tokens=256),
        paths=PathSettings(models_dir=folder, cache_dir=folder),
    )
    model = open_model(settings)
    yield model
    model.engine.close()


def answer(decoder: Decoder, text: str, n: int = 2, **sampling: float) -> object:
    request = Request(
        Context(text), Sampling(temperature=0, **sampling), Stopping(max_tokens=6), n=n
    )  # type: ignore[arg-type]
    return [found.text for found in decoder.complete([request])[0].continuations]


def test_batches_give_what_single_calls_give(loaded: LoadedModel) -> None:
    decoder = Decoder(loaded.engine, loaded.tokenizer)
    requests = [Request(Context(text), GREEDY, Stopping(max_tokens=6), n=2) for text in TEXTS]
    together = [[f.text for f in done.continuations] for done in decoder.complete(requests)]
    assert together == [answer(decoder, text) for text in TEXTS]


def test_answers_do_not_depend_on_what_was_asked_before(loaded: LoadedModel) -> None:
    decoder = Decoder(loaded.engine, loaded.tokenizer)
    first = answer(decoder, "the wor")
    for text in TEXTS:
        answer(decoder, text, n=3)
    assert answer(decoder, "the wor") == first
    assert all(loaded.engine.length(slot) == 0 for slot in range(loaded.engine.n_slots))


def test_suggestions_are_text_that_can_stand_behind_the_caret(loaded: LoadedModel) -> None:
    decoder = Decoder(loaded.engine, loaded.tokenizer)
    for text in TEXTS:
        for found in answer(decoder, text, n=3):  # type: ignore[attr-defined]
            assert found
            (text + found).encode()
            assert "\ufffd" not in found


def caret(decoder: Decoder, text: str) -> tuple[Job, CaretDistribution]:
    job = decoder._plan(0, Request(Context(text), GREEDY, Stopping(max_tokens=2)))
    decoder._prefill([job])
    decoder._search([job])
    distribution = job.search.finish()
    decoder._release([job])
    return job, distribution


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
    decoder = Decoder(engine, tokenizer, tolerance=0)
    job, distribution = caret(decoder, text)
    start = [] if tokenizer.start_id is None else [tokenizer.start_id]
    shared = job.head[len(start) :]
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
