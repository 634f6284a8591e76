"""The scheduler on both real engines: tiny models of several kinds, and the default model."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import zip_longest

import pytest
from hypothesis.stateful import invariant

import tiny_gguf
import tiny_torch
from engines.conftest import open_llama, open_torch
from running import Runner
from scheduler.test_state_machine import Typists, run
from tecla.decode.request import Completed, Request, Stopping
from tecla.engines.base import Engine, Feed
from tecla.engines.factory import LoadedModel
from tecla.engines.llama import LlamaEngine
from tecla.engines.sampling import GREEDY, Sampling
from tecla.engines.torch_engine import TorchEngine
from tecla.scheduler.ticket import SessionKey
from tecla.text.base import Tokenizer
from tecla.text.context import Context

WRITERS = {
    "byte_pair": tiny_gguf.write_bpe_llama,
    "sentencepiece": tiny_gguf.write_spm_llama,
    "mamba": tiny_gguf.write_mamba,
    "hybrid": tiny_gguf.write_hybrid,
    "window": tiny_gguf.write_swa,
}
TORCH = {f"torch_{kind}": kind for kind in ("gpt2", "llama", "gemma3_text")}
PADDED = "torch_padded"  # by the steps and the scores of a GPU
TIE = 2.0  # raw scores of the default model move by up to half of it with the batch
TEXT = (
    "Thank you for your letter of the third. I have read it with great interest, and I would "
    "like to answer your questions one by one, as far as I am able to."
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[*WRITERS, *TORCH, PADDED])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LlamaEngine | TorchEngine]:
    kind, path = request.param, tmp_path_factory.mktemp("model") / "model.gguf"
    opened: LlamaEngine | TorchEngine
    if kind in WRITERS:
        opened = open_llama(WRITERS[kind](path, seed=3))
    else:
        folder = tiny_torch.write(path.with_suffix(""), TORCH.get(kind, "llama"), seed=3)
        opened = open_torch(folder, padded=kind == PADDED)
    with closing(opened):
        yield opened


class OnOneEngine(Typists):
    """The same random typing on an engine that is made once."""

    def __init__(self, engine: LlamaEngine | TorchEngine) -> None:
        super().__init__()
        self.engine = engine

    def open_engine(self) -> tuple[Engine, Tokenizer]:
        for slot in range(self.engine.n_slots):
            self.engine.clear(slot)
        self.limits = {"n_slots": self.engine.n_slots}
        return self.engine, self.engine.model.tokenizer

    @invariant()
    def the_engine_holds_what_is_believed(self) -> None:
        if self.runner is not None and isinstance(self.engine, TorchEngine):
            self.engine.check_integrity()
            assert self.engine.used_cells() == self.runner.scheduler.memory.cells


FOR_TYPISTS = ["byte_pair", "window", "mamba", "torch_gpt2", "torch_llama", PADDED]


@pytest.mark.parametrize("engine", FOR_TYPISTS, indirect=True)
def test_typists(engine: LlamaEngine | TorchEngine) -> None:
    run(partial(OnOneEngine, engine), examples=5, steps=20)  # type: ignore[arg-type]


@pytest.mark.soak
def test_typists_for_long(engine: LlamaEngine | TorchEngine) -> None:
    run(partial(OnOneEngine, engine), examples=150, steps=50)  # type: ignore[arg-type]


def keys_typed(runner: Runner, text: str, first: int) -> list[Completed]:
    key = SessionKey(1)
    found = []
    for end in range(first, len(text) + 1):
        request = Request(Context(text[:end]), GREEDY, Stopping(max_tokens=4))
        ticket = runner.submit(request, session=key, revision=end)
        runner.run(ticket)
        found.append(ticket.answer.result(0))
    return found


def test_what_is_reused_gives_what_a_fresh_start_gives(engine: LlamaEngine | TorchEngine) -> None:
    """These models are small and exact enough for equal text; probabilities within rounding."""
    within = 1e-4 if isinstance(engine, TorchEngine) else 0.02
    for slot in range(engine.n_slots):
        engine.clear(slot)
    tokenizer = engine.model.tokenizer
    typed = keys_typed(Runner(engine, tokenizer), "the art of the fut", 8)
    for slot in range(engine.n_slots):
        engine.clear(slot)
    for end, found in zip(range(8, 19), typed, strict=True):
        request = Request(Context("the art of the fut"[:end]), GREEDY, Stopping(max_tokens=4))
        runner = Runner(engine, tokenizer)
        fresh = runner.complete([request])[0]
        runner.scheduler.forget_scope("")
        assert [one.text for one in found.continuations] == [
            one.text for one in fresh.continuations
        ]
        for one, other in zip(found.continuations, fresh.continuations, strict=True):
            assert one.probability == pytest.approx(other.probability, rel=within)


@pytest.fixture
def default_runner(default_model: LoadedModel) -> Iterator[Runner]:
    runner = Runner(default_model.engine, default_model.tokenizer)
    yield runner
    runner.scheduler.forget_scope("")
    assert runner.scheduler.memory.cells == 0


def test_typing_on_the_default_model_counts_its_work(default_runner: Runner) -> None:
    """Each prompt token once, inside a word only what changed, nothing on the way back."""
    text = TEXT[:60]
    typed = keys_typed(default_runner, text, 1)
    counts = default_runner.scheduler.counters()
    tokenizer = default_runner.tokenizer
    assert counts["prefill_tokens"] <= 1 + len(tokenizer.encode(text.encode()))
    # A fifth of the 60 keys: how many it is exactly hangs on the processor's rounding.
    assert sum(found.work.evaluated_tokens == 0 for found in typed) >= 12
    before = counts["evaluated_tokens"]
    key = SessionKey(1)
    for revision, end in enumerate([*range(60, 40, -1), *range(40, 61)], start=100):
        request = Request(Context(text[:end]), GREEDY, Stopping(max_tokens=4))
        ticket = default_runner.submit(request, session=key, revision=revision)
        default_runner.run(ticket)
        assert ticket.answer.result(0).continuations == typed[end - 1].continuations
    assert default_runner.scheduler.counters()["evaluated_tokens"] == before


def gap_where_parted(runner: Runner, text: str, other: str) -> float:
    """The difference of the raw scores of the first tokens in which two texts differ."""
    engine, tokenizer = runner.engine, runner.tokenizer
    ids, others = tokenizer.encode(text.encode()), tokenizer.encode(other.encode())
    same = next(at for at, (a, b) in enumerate(zip_longest(ids, others)) if a != b)
    if same in (len(ids), len(others)):  # one ended where the other went on
        ids.append(min(tokenizer.end_ids))
        others.append(min(tokenizer.end_ids))
    head = [] if tokenizer.start_id is None else [tokenizer.start_id]
    row = engine.eval([Feed(0, [*head, *ids[:same]])]).numpy()[0]
    engine.clear(0)
    return float(abs(row[ids[same]] - row[others[same]]))


def test_alone_and_among_31_others_up_to_ties(default_runner: Runner) -> None:
    """Greedy text is the same, but where two tokens were within the logit tolerance.

    Another batch rounds another way (activations are quantised block by block, and attention
    sums in half precision). Where two texts part, the raw scores of the two tokens at that place
    must be closer than what rounding can move them.
    """
    chooser = random.Random(5)
    texts = [TEXT[: chooser.randint(20, len(TEXT))] for _ in range(32)]
    requests = [Request(Context(text), GREEDY, Stopping(max_tokens=8)) for text in texts]
    together = default_runner.complete(requests)
    default_runner.scheduler.forget_scope("")
    for request, found in zip(requests[:10], together[:10], strict=True):
        alone = default_runner.complete([request])[0]
        default_runner.scheduler.forget_scope("")
        one, other = found.continuations[0], alone.continuations[0]
        if one.text != other.text:
            before = request.context.before
            assert gap_where_parted(default_runner, before + one.text, before + other.text) < TIE


def test_samples_alone_and_in_a_batch_mostly_agree(default_runner: Runner) -> None:
    """The draw is a race with clocks of its own for every token, so rounding rarely shows."""
    texts = [TEXT[:end] for end in (30, 60, 80, 100)]
    requests = [
        Request(Context(text), Sampling(temperature=0.7, seed=7), Stopping(max_tokens=8))
        for text in texts
    ]
    together = default_runner.complete(requests)
    default_runner.scheduler.forget_scope("")
    same = 0
    for request, found in zip(requests, together, strict=True):
        alone = default_runner.complete([request])[0]
        default_runner.scheduler.forget_scope("")
        same += [one.text for one in alone.continuations] == [
            one.text for one in found.continuations
        ]
    assert same >= 2
