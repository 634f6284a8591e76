"""Whether a model says through the engine what it says as its authors wrote it.

The engine replaces a model's attention and masks by its own. `torch_shape` refuses the ways to
attend that it knows to be unlike; here a loaded model is asked for the scores of a few tokens,
packed with other texts and by way of forked cells, and once more by its own code. A model that says
something else in a way nobody thought of is refused instead of being run wrongly. It costs two
forward passes, once for each model and version of transformers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import torch
import transformers

from tecla.engines.base import Feed, Floats
from tecla.engines.torch_attention import NAME
from tecla.engines.torch_engine import TorchEngine
from tecla.errors import UnsupportedModelError
from tecla.models.seen import SeenFiles

_TOKENS: Final = 24
# Largest difference of scores in standard deviations of a row: between ways to add up the same
# numbers 1e-5 in float32 and 0.05 in half precision; with one token too few, 1 and more.
_MOST_DIFFERENT: Final = {torch.float32: 0.01, torch.float16: 0.3, torch.bfloat16: 0.5}


def check_agrees(engine: TorchEngine, cache_dir: Path) -> None:
    """Raise `UnsupportedModelError` unless the engine gives the model's own scores.

    The slots must be empty, and are afterwards. Models that agreed are remembered.
    """
    model = engine.model
    check = f"{transformers.__version__} {torch.__version__} {model.precision} {model.device.type}"
    agreed = SeenFiles(cache_dir / "agreeing-models.json", check)
    files = model.weight_files
    if all(agreed.knows(path) for path in files):
        return
    ids = _some_tokens(engine)
    expected = own_scores(engine, ids)
    found = _engine_scores(engine, ids)
    apart = abs((found - found.mean()) - (expected - expected.mean())).max()
    if not apart <= _MOST_DIFFERENT[model.dtype] * expected.std():
        raise UnsupportedModelError(
            f"model {model.name!r} ({model.info.architecture}) gives other scores by its own code "
            f"than through the torch engine (they differ by {apart:.2g}): it attends in a way of "
            "its own; convert it to GGUF and use the llama engine, or choose another model"
        )
    for path in files:
        agreed.remember(path)


def own_scores(engine: TorchEngine, ids: list[int]) -> Floats:
    """What the model's own code says after `ids`, `[vocabulary]`."""
    model = engine.model
    model.module.set_attn_implementation("eager")
    try:
        with torch.inference_mode():
            logits = model.module(
                input_ids=torch.tensor([ids], device=model.device), use_cache=False
            ).logits
    finally:
        model.module.set_attn_implementation(NAME)
    found: Floats = logits[0, -1].float().cpu().numpy()
    return found


def _engine_scores(engine: TorchEngine, ids: list[int]) -> Floats:
    """The same in pieces: a beginning, forked, and the rest beside another text."""
    half = len(ids) // 2
    engine.eval([Feed(0, ids, 0)])
    engine.fork(0, 1, half)
    engine.eval([Feed(2, ids[::-1], 0), Feed(1, ids[half:-1], 0)])
    scores = engine.eval([Feed(2, ids[:1]), Feed(1, ids[-1:])]).numpy()
    for slot in range(3):
        engine.clear(slot)
    found: Floats = scores[1]
    return found


def _some_tokens(engine: TorchEngine) -> list[int]:
    """Tokens from all over the vocabulary, as many as a short context allows."""
    spelt = [token for token, piece in enumerate(engine.model.tokenizer.table.pieces) if piece]
    count = min(_TOKENS, engine.context_tokens - 1)
    chosen = np.linspace(0, len(spelt) - 1, count).astype(int)
    return [spelt[at] for at in chosen]
