"""Tiny transformers models opened as a program opens any model: by settings, behind a thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tiny_torch
from tecla import Suggester
from tecla.engines.base import Floats
from tecla.engines.factory import open_model
from tecla.engines.fake import log_softmax
from tecla.engines.torch_check import own_scores
from tecla.engines.torch_engine import TorchEngine
from tecla.settings import EngineSettings, PathSettings, Settings

KINDS = ("gpt2", "llama")  # byte-level with absolute positions, SentencePiece with rotary ones


def settings_of(folder: Path, kind: str, *, seed: int = 3, **engine: Any) -> Settings:
    """Write a model of a kind below `folder`; how it is opened, with nothing kept elsewhere."""
    model = folder / kind
    if not model.is_dir():
        tiny_torch.write(model, kind, seed=seed)
    options = {"device": "cpu", "threads": 1, "context_tokens": 256, "engine": "torch", **engine}
    return Settings(
        engine=EngineSettings(model=str(model), **options),
        paths=PathSettings(models_dir=folder / "models", cache_dir=folder / "cache"),
    )


def opened(folder: Path, kind: str, **engine: Any) -> Suggester:
    """The model of a kind, behind a thread that opens it anew should it fail."""
    settings = settings_of(folder, kind, **engine)
    return Suggester(open_model(settings), settings)


def engine_of(suggester: Suggester) -> TorchEngine:
    """The engine at work; another one after a restart."""
    engine = suggester._desk.worker.loaded.engine
    assert isinstance(engine, TorchEngine)
    return engine


def own_logprobs(suggester: Suggester, ids: list[int]) -> Floats:
    """What the model's own code says after `ids`, without the engine, `[vocabulary]`."""
    engine = engine_of(suggester)
    return log_softmax(suggester.on_engine_thread(lambda: own_scores(engine, ids)))


def own_logprob(suggester: Suggester, before: str, text: str) -> float:
    """Natural logarithm of P(text | before) by the model's own code, token by token."""
    tokenizer = suggester.tokenizer
    start = [] if tokenizer.start_id is None else [tokenizer.start_id]
    head = tokenizer.encode(tokenizer.text_prefix + before.encode())
    whole = tokenizer.encode(tokenizer.text_prefix + (before + text).encode())
    assert whole[: len(head)] == head, "the text goes on within a token"
    return sum(
        float(own_logprobs(suggester, [*start, *whole[:at]])[whole[at]])
        for at in range(len(head), len(whole))
    )
