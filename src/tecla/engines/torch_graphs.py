"""Forward passes of prepared shapes, recorded once as CUDA graphs and played again.

A decode step of a small model is hundreds of kernels of a few microseconds each, and starting one
costs the processor more than running it costs the GPU. A CUDA graph starts all of them at once, but
its shapes and addresses are fixed. So there is a ladder of shapes: `batch` slots with `tokens` new
tokens each over at most `cells` cells. A batch runs on the smallest that holds it, padded; what is
computed beside it is written to one spare cell and read by nobody. What fits no shape, or would be
mostly padding, runs packed (`torch_packed`).

The inputs of a step (ids, positions, cells to write and to read, rows wanted) are one buffer: one
copy from pinned memory starts a step. Masks are made on the device from the positions.

Without CUDA nothing is recorded and the same padded step runs directly. Tests compare that with the
packed one; the recording itself needs a GPU.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from tecla.engines.base import Feed
from tecla.engines.slots import Limits
from tecla.engines.torch_attention import KeyValues, fold, unfold
from tecla.engines.torch_cells import Cells
from tecla.engines.torch_ladder import ALL_ROWS_TOKENS, Ladder, StepShape
from tecla.engines.torch_model import TorchModel
from tecla.engines.torch_shape import run

_WARM_UPS: Final = 3  # runs before recording, in which libraries set themselves up

_log = logging.getLogger(__name__)


class PaddedStep:
    """One forward pass of a fixed shape over buffers that stay where they are."""

    def __init__(self, model: TorchModel, memory: KeyValues, shape: StepShape, spare: int) -> None:
        """Make the buffers; `spare` is the cell that padding writes to and reads."""
        self.shape = shape
        self._model, self._memory, self._spare = model, memory, spare
        flat = shape.batch * shape.tokens
        sizes = [flat, flat, flat, shape.batch * shape.cells, shape.rows]
        self._sent = torch.zeros(sum(sizes), dtype=torch.int64, device=model.device)
        pinned = model.device.type == "cuda"
        self._host = torch.zeros(sum(sizes), dtype=torch.int64, pin_memory=pinned)
        self._parts = [part.numpy() for part in torch.split(self._host, sizes)]
        ids, positions, written, read, wanted = torch.split(self._sent, sizes)
        self._ids, self._positions, self._wanted = ids, positions, wanted
        self._written = written
        self._read = read
        self._masks: dict[tuple[int | None, int], torch.Tensor] = {}
        self._sending: torch.cuda.Event | None = None
        self.fill((), (), ())

    def fill(
        self, feeds: Sequence[Feed], held: Sequence[Cells], reserved: Sequence[Cells]
    ) -> list[int]:
        """Lay out a batch and send it to the device; the rows of `run` that belong to it."""
        if self._sending is not None:  # a prefill nobody waited for may still be under way
            self._sending.synchronize()
        ids, positions, written, read, wanted = self._parts
        ids[:] = positions[:] = wanted[:] = 0
        written[:] = read[:] = self._spare
        rows: list[int] = []
        for at, feed in enumerate(feeds):
            count, length = len(feed.tokens), len(held[at])
            first = at * self.shape.tokens
            ids[first : first + count] = feed.tokens
            positions[first : first + count] = np.arange(length, length + count)
            written[first : first + count] = reserved[at]
            start = at * self.shape.cells
            read[start : start + length] = held[at]
            read[start + length : start + length + count] = reserved[at]
            if self.shape.tokens <= ALL_ROWS_TOKENS:
                rows += range(first + count - feed.rows, first + count)
            else:
                wanted[at] = first + count - 1
                rows += [at] * feed.rows
        if self.shape.tokens <= ALL_ROWS_TOKENS:
            wanted[:] = np.arange(self.shape.rows)
        self._sent.copy_(self._host, non_blocking=True)
        if self._sent.device.type == "cuda":
            self._sending = torch.cuda.Event()  # type: ignore[no-untyped-call]
            self._sending.record()
        return rows

    def run(self) -> torch.Tensor:
        """Scores of what was filled in, `[shape.rows, vocabulary]`; no waiting for the device."""
        self._masks.clear()
        return run(self._model.module, self, self._ids, self._positions, self._wanted)

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """See `Attention.attend`."""
        batch, tokens, cells = self.shape
        self._memory.write(layer, self._written, key, value)
        heads, kv_heads, dim = query.shape[1], key.shape[1], query.shape[3]
        asking = query[0].view(heads, batch, tokens, dim).transpose(0, 1)
        keys, values = (
            part[self._read].view(batch, cells, kv_heads, -1).transpose(1, 2)
            for part in (self._memory.keys[layer], self._memory.values[layer])
        )
        attended = functional.scaled_dot_product_attention(
            fold(asking, kv_heads),
            keys,
            values,
            attn_mask=self._mask(window, heads // kv_heads, query.dtype),
            scale=scale,
        )
        return unfold(attended, heads).reshape(1, batch * tokens, heads, -1)

    def _mask(self, window: int | None, repeats: int, dtype: torch.dtype) -> torch.Tensor:
        """What is added to the products, `[batch, 1, repeats * tokens, cells]`.

        The cells of a slot are read in the order of their tokens, so cell i holds position i;
        padding sees the spare cell at position 0 and is thrown away.
        """
        key = (window, repeats)
        if key not in self._masks:
            batch, tokens, cells = self.shape
            positions = self._positions.view(batch, 1, tokens, 1)
            at = torch.arange(cells, device=positions.device)
            hidden = at > positions
            if window is not None:
                hidden |= at <= positions - window
            mask = torch.zeros(hidden.shape, dtype=dtype, device=positions.device)
            self._masks[key] = mask.masked_fill_(hidden, -torch.inf).repeat(1, 1, repeats, 1)
        return self._masks[key]


@dataclass(slots=True)
class _Recorded:
    """A padded step and, on CUDA, its graph and where the graph leaves the scores."""

    step: PaddedStep
    graph: torch.cuda.CUDAGraph | None = None
    scores: torch.Tensor | None = None


class Graphs:
    """Runs the batches that fit a prepared shape."""

    def __init__(
        self, model: TorchModel, memory: KeyValues, limits: Limits, *, enabled: bool
    ) -> None:
        """Prepare nothing yet; `enabled=False` never runs a batch."""
        self._model, self._memory, self._spare = model, memory, limits.kv_tokens
        self._ladder = Ladder(limits)
        self._records = model.device.type == "cuda"
        self._made: dict[StepShape, _Recorded] = {}
        self._pool: Any = None  # a handle that only PyTorch looks into
        self.enabled = enabled

    def run(
        self,
        feeds: Sequence[Feed],
        held: Sequence[Cells],
        reserved: Sequence[Cells],
    ) -> torch.Tensor | None:
        """Raw scores of the wanted tokens, valid until the next run; `None` if no shape fits."""
        if not self.enabled:
            return None
        most = max(len(cells) + len(new) for cells, new in zip(held, reserved, strict=True))
        shape = self._ladder.smallest(feeds, most)
        made = self._prepared(shape) if shape else None
        if made is None:
            return None
        rows = made.step.fill(feeds, held, reserved)
        if made.graph is not None and made.scores is not None:
            made.graph.replay()
            found = made.scores
        else:
            found = made.step.run()
        if rows == list(range(len(rows))):
            return found[: len(rows)]
        return found[torch.tensor(rows, dtype=torch.int64, device=found.device)]

    def warm_up(self) -> int:
        """Record every shape, so that no request waits for it; the number of shapes."""
        shapes = self._ladder.shapes() if self.enabled else []
        for shape in shapes:
            self._prepared(shape)
        return len(self._made)

    def close(self) -> None:
        """Let go of all graphs and their memory."""
        self.enabled = False
        self._made.clear()

    def _prepared(self, shape: StepShape) -> _Recorded | None:
        """The step of a shape, recorded when it is first wanted; `None` if that cannot be done."""
        if shape not in self._made:
            made = _Recorded(PaddedStep(self._model, self._memory, shape, self._spare))
            if self._records and not self._record(made):
                return None
            self._made[shape] = made
        return self._made[shape]

    def _record(self, made: _Recorded) -> bool:
        """Record the step; without success no further recording is tried."""
        try:
            side = torch.cuda.Stream(self._model.device)  # type: ignore[no-untyped-call]
            side.wait_stream(torch.cuda.current_stream(self._model.device))
            with torch.inference_mode(), torch.cuda.stream(side):
                for _ in range(_WARM_UPS):
                    made.step.run()
            torch.cuda.current_stream(self._model.device).wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            self._pool = self._pool or torch.cuda.graph_pool_handle()
            with torch.inference_mode(), torch.cuda.graph(graph, pool=self._pool):
                made.scores = made.step.run()
            made.graph = graph
        except (RuntimeError, torch.cuda.OutOfMemoryError) as error:
            _log.warning(
                "model %r runs without CUDA graphs: %s",
                self._model.name,
                (str(error).strip() or type(error).__name__).split("\n", 1)[0],
            )
            self.enabled = False
            return False
        return True
