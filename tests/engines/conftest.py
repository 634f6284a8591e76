"""The engines under test: each with a twin of the same model that says what is right.

A `Case` is one engine and its twin. `fresh(tokens)` evaluates a history from nothing on the
twin, and every test compares what the engine says after forks, trims and restores with that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

import tiny_gguf
import tiny_torch
from tecla.engines.base import Engine, Feed
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer
from tecla.engines.llama import LlamaEngine
from tecla.engines.llama_model import LlamaModel
from tecla.engines.torch_engine import TorchEngine
from tecla.engines.torch_model import TorchModel

Floats = npt.NDArray[np.float32]

WRITERS: dict[str, Callable[..., Path]] = {
    "byte_pair": tiny_gguf.write_bpe_llama,
    "sentencepiece": tiny_gguf.write_spm_llama,
    "mamba": tiny_gguf.write_mamba,
    "hybrid": tiny_gguf.write_hybrid,
    "window": tiny_gguf.write_swa,
}
# Of the transformers engine: an architecture each, and one by way of padded steps and of scores
# that are worked on where they are, which is what a GPU does.
TORCH = {f"torch_{kind}": kind for kind in tiny_torch.CONFIGS} | {"torch_padded": "gemma3_text"}
if torch.cuda.is_available():
    TORCH["torch_cuda"] = "qwen3"
KINDS = ("fake", *WRITERS, *TORCH)

N_SLOTS, CONTEXT_TOKENS, KV_TOKENS = 8, 96, 256

# Largest difference of scores between two ways to evaluate the same tokens, rows less their mean:
# what all scores of a row have in common changes no probability. The tiny models have weights in
# float32 and keys and values in half precision (0.01 seen). The default model has weights in 4
# bits, and another batch is rounded another way (of 144 rows at most 0.76 was seen, and 137 times
# the same best token; the wrong histories of the first test differ by 1.3 and more). PyTorch
# computes in float32 throughout (3e-6 seen).
TINY_TOLERANCE, DEFAULT_TOLERANCE, TORCH_TOLERANCE = 0.02, 0.8, 2e-5
CUDA_TOLERANCE = 2e-3  # against the processor, whose sums have another order


def difference(row: Floats, expected: Floats) -> float:
    """Largest difference of two rows of raw scores, wherever their zeros are."""
    apart = row.astype(np.float64) - expected
    return float(abs(apart - apart.mean()).max())


@dataclass
class Case:
    """One engine, a twin for reference, a stranger of another model, and tokens to feed."""

    kind: str
    engine: Engine
    twin: Engine
    stranger: Engine
    text: list[int] = field(repr=False)
    tolerance: float
    largest_difference: float = 0.0
    _known: dict[tuple[int, ...], Floats] = field(default_factory=dict, repr=False)
    _states: dict[tuple[int, ...], bytes] = field(default_factory=dict, repr=False)

    @property
    def has_cells(self) -> bool:
        """Whether KV memory can be full; a recurrent state has one size."""
        return self.kind != "mamba"

    def tokens(self, count: int, start: int = 0) -> list[int]:
        """Some tokens of a text; another `start`, other tokens."""
        chosen = self.text[start : start + count]
        assert len(chosen) == count
        return chosen

    def fresh(self, tokens: Sequence[int]) -> Floats:
        """Raw scores after `tokens`, evaluated from nothing on the twin, `[vocabulary]`."""
        key = tuple(tokens)
        if key not in self._known:
            self.twin.clear(0)
            self._known[key] = self.twin.eval([Feed(0, key)]).numpy()[0]
        return self._known[key]

    def feed(self, slot: int, tokens: Sequence[int]) -> Floats:
        """Append `tokens` and return the last row of raw scores."""
        return self.engine.eval([Feed(slot, tokens)]).numpy()[0]

    def check_row(self, row: Floats, tokens: Sequence[int]) -> None:
        """`row` are the scores after `tokens`."""
        differs_by = difference(row, self.fresh(tokens))
        self.largest_difference = max(self.largest_difference, differs_by)
        assert differs_by <= self.tolerance

    def difference(self, first: Sequence[int], second: Sequence[int]) -> float:
        """How far apart the scores after two histories are."""
        return difference(self.fresh(first), self.fresh(second))

    def check_holds(self, slot: int, tokens: Sequence[int]) -> None:
        """`slot` holds `tokens` and nothing else; one more token is fed to see it."""
        assert self.engine.length(slot) == len(tokens)
        probe = self.text[-1]
        self.check_row(self.feed(slot, [probe]), [*tokens, probe])

    def load(self, slot: int, tokens: Sequence[int]) -> None:
        """Put `tokens` into a slot without evaluating them twice in one run of the tests."""
        key = tuple(tokens)
        if key not in self._states:
            self.twin.clear(0)
            self.twin.eval([Feed(0, key, 0)])
            self._states[key] = self.twin.save(0)
        self.engine.restore(slot, self._states[key])

    def best_logprob(self, raw: Floats) -> float:
        """Log-probability of the best token of a row of raw scores."""
        values = raw.astype(np.float64)
        return float(-np.log(np.exp(values - values.max()).sum()))

    def lengths(self) -> list[int]:
        """Tokens in every slot."""
        return [self.engine.length(slot) for slot in range(self.engine.n_slots)]


@pytest.fixture(scope="session")
def tiny_paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of every tiny model; see `tiny_gguf`."""
    folder = tmp_path_factory.mktemp("engines")
    paths = {kind: write(folder / f"{kind}.gguf") for kind, write in WRITERS.items()}
    paths["stranger"] = tiny_gguf.write_bpe_llama(folder / "stranger.gguf", seed=9)
    paths |= {kind: folder / kind for kind in TORCH}
    paths["embedding"] = tiny_gguf.write_embedding(folder / "embedding.gguf")
    return paths


def open_llama(
    path: Path,
    *,
    n_slots: int = N_SLOTS,
    context_tokens: int = CONTEXT_TOKENS,
    kv_tokens: int = KV_TOKENS,
) -> LlamaEngine:
    """An engine of its own over the file, on one core (more are slow on a busy machine)."""
    return LlamaEngine(
        LlamaModel(path, device="cpu"),
        context_tokens=context_tokens,
        kv_tokens=kv_tokens,
        n_slots=n_slots,
        n_threads=1,
    )


def open_torch(
    folder: Path,
    *,
    n_slots: int = N_SLOTS,
    context_tokens: int = CONTEXT_TOKENS,
    kv_tokens: int = KV_TOKENS,
    padded: bool = False,
    device: str = "cpu",
) -> TorchEngine:
    """An engine of its own over the folder, on one core or on a GPU."""
    return TorchEngine(
        TorchModel(folder, device=device, dtype="float32"),
        context_tokens=context_tokens,
        kv_tokens=kv_tokens,
        n_slots=n_slots,
        n_threads=1,
        graphs=padded,
        scores_on_device=padded,
    )


def _torch_case(kind: str, folder: Path) -> Case:
    """Like `make_case`; the model is written when its kind is first asked for."""
    device = "cuda:0" if kind == "torch_cuda" else "cpu"
    padded = kind in ("torch_padded", "torch_cuda")
    tiny_torch.write(folder, TORCH[kind])
    stranger = tiny_torch.write(folder.parent / f"{kind}_stranger", TORCH[kind], seed=9)
    engine = open_torch(folder, padded=padded, device=device)
    twin = open_torch(folder, context_tokens=192, kv_tokens=512)
    tokenizer = engine.model.tokenizer
    text = tokenizer.encode(tokenizer.text_prefix + tiny_gguf.CORPUS.encode())
    tolerance = CUDA_TOLERANCE if kind == "torch_cuda" else TORCH_TOLERANCE
    return Case(kind, engine, twin, open_torch(stranger), text, tolerance)


def _fake(seed: int, context_tokens: int, kv_tokens: int) -> FakeEngine:
    return FakeEngine(
        seed=seed,
        n_slots=N_SLOTS,
        context_tokens=context_tokens,
        kv_tokens=kv_tokens,
        batch_tokens=256,
        score_rows=N_SLOTS,
    )


def make_case(kind: str, path: Path | None, stranger: Path) -> Case:
    """The engine of a kind; the twin is roomier, so that its states may be too long."""
    if path is None:
        engines: list[Engine] = [_fake(0, 96, 256), _fake(0, 192, 512), _fake(1, 96, 256)]
        return Case(kind, *engines, FakeTokenizer().encode(tiny_gguf.CORPUS.encode()), 0.0)
    engine = open_llama(path)
    twin = open_llama(path, context_tokens=192, kv_tokens=512)
    text = engine.model.tokenizer.encode(tiny_gguf.CORPUS.encode())
    tolerance = DEFAULT_TOLERANCE if kind == "default" else TINY_TOLERANCE
    return Case(kind, engine, twin, open_llama(stranger), text, tolerance)


@pytest.fixture(scope="session")
def cases(tiny_paths: dict[str, Path]) -> Iterator[dict[str, Case]]:
    """Engines are made when a test first asks for a kind, and kept."""
    made: dict[str, Case] = {}
    yield made
    for case in made.values():
        for engine in (case.engine, case.twin, case.stranger):
            engine.close()


@pytest.fixture
def case(
    request: pytest.FixtureRequest, cases: dict[str, Case], tiny_paths: dict[str, Path]
) -> Case:
    """The engine of the kind that the test names by an indirect parameter, its slots empty."""
    kind = request.param
    if kind not in cases:
        path = tiny_paths.get(kind)
        if kind == "default":
            loaded: LoadedModel = request.getfixturevalue("default_model")
            path = loaded.info.path
        if kind in TORCH:
            cases[kind] = _torch_case(kind, tiny_paths[kind])
        else:
            cases[kind] = make_case(kind, path, tiny_paths["stranger"])
    found = cases[kind]
    for slot in range(found.engine.n_slots):
        found.engine.clear(slot)
    return found
