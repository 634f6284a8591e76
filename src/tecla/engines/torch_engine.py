"""The transformers engine: causal models of the Hugging Face library on PyTorch.

Owns one loaded model, its KV memory and its slots. A slot is a list of cells (`torch_cells`), so
forks and trims touch no tensor. A batch of any feeds runs through the model as one packed row
without padding (`torch_packed`). On a GPU, batches whose shape was prepared for run as one CUDA
graph instead (`torch_graphs`), and scores stay on the device (`torch_scores`). `generate()` of the
library is not used.

Nothing of a slot changes before a forward pass has succeeded: its new cells are reserved first and
given back if anything raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final, NamedTuple

import numpy as np
import torch

from tecla.engines.base import Feed, Scores
from tecla.engines.scores import NumpyScores
from tecla.engines.slots import Limits, SlotEngine
from tecla.engines.state import pack, unpack
from tecla.engines.torch_attention import KeyValues
from tecla.engines.torch_cells import Cells, CellTable
from tecla.engines.torch_graphs import Graphs
from tecla.engines.torch_model import TorchModel
from tecla.engines.torch_packed import PackedAttention, PackedFeed, divide
from tecla.engines.torch_scores import Asked, TorchScores
from tecla.engines.torch_shape import run
from tecla.errors import EngineError


class _Sizes(NamedTuple):
    """The largest batch on one kind of device."""

    batch_tokens: int
    score_rows: int


_ON_CPU: Final = _Sizes(512, 64)
_ON_GPU: Final = _Sizes(1024, 256)


class TorchEngine(SlotEngine[CellTable]):
    """`Engine` over a transformers model."""

    def __init__(
        self,
        model: TorchModel,
        *,
        context_tokens: int = 2048,
        kv_tokens: int | None = None,
        n_slots: int = 64,
        n_threads: int | None = None,
        scores_on_device: bool | None = None,
        graphs: bool | None = None,
    ) -> None:
        """Reserve KV memory for a loaded model, which this engine then owns.

        `context_tokens` is cut to what the model was trained on; `kv_tokens` is four contexts
        unless given. `scores_on_device` says whether scores are worked on with PyTorch where they
        are or with numpy, `graphs` whether batches run on padded shapes, which CUDA records as
        graphs; both are for a GPU, and `None` means there. Raises `ModelTooLargeError` if KV
        memory does not fit.
        """
        self.model = model
        context_tokens = min(context_tokens, model.info.trained_context_tokens or context_tokens)
        kv_tokens = max(kv_tokens or 4 * context_tokens, context_tokens)
        on_gpu = model.device.type != "cpu"
        sizes = _ON_GPU if on_gpu else _ON_CPU
        batch_tokens = min(sizes.batch_tokens, kv_tokens)
        limits = Limits(
            n_vocab=model.shape.n_vocab,
            n_slots=n_slots,
            context_tokens=context_tokens,
            kv_tokens=kv_tokens,
            batch_tokens=batch_tokens,
            score_rows=min(sizes.score_rows, batch_tokens),
        )
        model.check_memory(kv_tokens)
        super().__init__(CellTable(limits), n_threads or model.n_threads)
        self._threads = self.most_threads
        # One cell more than slots can hold: what graphs compute beside the batch is written there.
        self._memory: KeyValues | None = KeyValues(
            model.shape.kv_shapes, kv_tokens + 1, model.dtype, model.device
        )
        self._graphs = Graphs(
            model, self._memory, self.limits, enabled=on_gpu if graphs is None else graphs
        )
        self._on_device = on_gpu if scores_on_device is None else scores_on_device
        self._asked = Asked()
        self._steps = 0

    def eval(self, feeds: Sequence[Feed]) -> Scores:
        """Append the feeds in one forward pass; see `Engine.eval`."""
        memory = self._open_memory()
        self._slots.check_feeds(feeds)
        reserved = self._slots.reserve(feeds)
        try:
            self._steps += 1  # handles of the last step are stale from here on
            logits = self._forward(memory, feeds, reserved)
        except BaseException:
            self._slots.release(reserved)
            raise
        self._slots.append(feeds, reserved)
        self.evaluated_tokens += sum(len(feed.tokens) for feed in feeds)
        return self._scores(logits)

    def use_threads(self, count: int) -> None:
        """Run the following steps on `count` threads."""
        self._open_memory()
        self._threads = count

    def fork(self, src: int, dst: int, n_tokens: int) -> None:
        """Make `dst` share the first tokens of `src`; see `Engine.fork`."""
        self._open_memory()
        super().fork(src, dst, n_tokens)

    def save(self, slot: int) -> bytes:
        """The slot's tokens, and its keys and values layer by layer as they are in memory."""
        memory = self._open_memory()
        tokens = self._slots.tokens(slot)
        cells = torch.from_numpy(self._slots.cells(slot)).to(self.model.device)
        parts = [
            part.index_select(0, cells).cpu().contiguous().view(torch.uint8).numpy().tobytes()
            for layer in zip(memory.keys, memory.values, strict=True)
            for part in layer
        ]
        return pack(self.model.fingerprint, tokens, b"".join(parts))

    def restore(self, slot: int, state: bytes) -> None:
        """Replace what the slot holds by a saved state; see `Engine.restore`."""
        memory = self._open_memory()
        self._slots.check_slot(slot)
        tokens, payload = unpack(state, self.model.fingerprint)
        if len(payload) != len(tokens) * self.model.kv_bytes_per_token:
            raise EngineError(
                f"the saved slot has {len(payload)} bytes of keys and values for {len(tokens)} "
                "tokens, which this model does not write; evaluate the text again instead"
            )
        self._slots.check_refill(slot, len(tokens))
        self._slots.replace(slot, tokens)
        if not tokens:
            return
        cells = torch.from_numpy(self._slots.cells(slot)).to(self.model.device)
        stored = torch.frombuffer(bytearray(payload), dtype=self.model.dtype)
        at = 0
        for layer in zip(memory.keys, memory.values, strict=True):
            for part in layer:
                size = len(tokens) * part.shape[1] * part.shape[2]
                values = stored[at : at + size].view(len(tokens), *part.shape[1:])
                part.index_copy_(0, cells, values.to(part.device))
                at += size

    def close(self) -> None:
        """Free the model and its memory; safe to call twice."""
        if self._memory is not None:
            self._memory = None
            self._steps += 1
            self._graphs.close()
            self.model.close()

    def warm_up(self) -> int:
        """Record the graphs of every prepared shape, some seconds on a GPU; how many there are."""
        self._open_memory()
        return self._graphs.warm_up()

    def check_integrity(self) -> None:
        """Raise `AssertionError` unless every cell is counted as often as it is held."""
        self._slots.check_integrity()

    def _open_memory(self) -> KeyValues:
        if self._memory is None:
            raise EngineError(f"the engine of model {self.model.name!r} was closed; open it again")
        return self._memory

    def _forward(
        self, memory: KeyValues, feeds: Sequence[Feed], reserved: Sequence[Cells]
    ) -> torch.Tensor:
        """Raw scores of the wanted tokens, `[rows, vocabulary]`, on the device."""
        if self.model.device.type == "cpu" and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)  # it holds for the thread that asks
        held = [self._slots.cells(feed.slot) for feed in feeds]
        with torch.inference_mode():
            graphed = self._graphs.run(feeds, held, reserved)
            if graphed is not None:
                return graphed
            return self._run_packed(memory, feeds, held, reserved)

    def _run_packed(
        self,
        memory: KeyValues,
        feeds: Sequence[Feed],
        held: Sequence[Cells],
        reserved: Sequence[Cells],
    ) -> torch.Tensor:
        """The feeds as one row of tokens; those that share cells stand next to one another."""
        device = self.model.device
        reads = [np.concatenate(both) for both in zip(held, reserved, strict=True)]
        order = sorted(range(len(feeds)), key=lambda at: int(reads[at][0]))
        packed: list[PackedFeed] = []
        wanted: list[list[int]] = [[] for _ in feeds]
        ids: list[int] = []
        positions: list[int] = []
        for at in order:
            feed, count = feeds[at], len(feeds[at].tokens)
            start = len(ids)
            packed.append(PackedFeed(start, count, reads[at]))
            wanted[at] = list(range(start + count - feed.rows, start + count))
            ids.extend(map(int, feed.tokens))
            positions.extend(range(len(held[at]), len(held[at]) + count))
        written = np.concatenate([reserved[at] for at in order])
        attention = PackedAttention(memory, divide(packed), written, device)
        return run(
            self.model.module,
            attention,
            torch.tensor(ids, dtype=torch.int64, device=device),
            torch.tensor(positions, dtype=torch.int64, device=device),
            torch.tensor([*chain(*wanted)], dtype=torch.int64, device=device),
        )

    def _scores(self, logits: torch.Tensor) -> Scores:
        step = self._steps

        def is_current() -> bool:
            return self._steps == step

        if self._on_device:
            return TorchScores(logits.float(), is_current, self._asked)
        return NumpyScores(logits.float().cpu().numpy(), is_current)
