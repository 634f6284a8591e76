"""The llama.cpp engine: any causal model in a GGUF file, on llama-cpp-python's low-level API.

Owns one native model and one native context. Scores are numpy views of llama.cpp's own output
buffer, without a copy. The KV memory is in the unified layout, where a fork shares the cells of
its source: 500 tokens fork in some 30 µs. Whatever would end the process in native code (a
batch over the limit, too many score rows, a truncated state) is refused before it gets there.

Models with recurrent layers keep one state per sequence that cannot be cut back. A trim or a
fork of a part of such a slot is recomputed from its tokens; a fork of the whole is a copy.

Flash attention is on where the model allows it: it skips the cells of other sequences, so a
step beside 30,000 cells of neighbours costs twice a step alone instead of twelve times
(`docs/decisions/0005-kv-layout.md`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from tecla.engines import native_log
from tecla.engines.base import Feed
from tecla.engines.llama_model import LlamaModel
from tecla.engines.native import native
from tecla.engines.scores import NumpyScores
from tecla.engines.slots import Limits, SlotEngine, SlotTable
from tecla.engines.state import pack, unpack
from tecla.errors import EngineError, KVFullError, ModelTooLargeError

_BATCH_TOKENS = 512
_MICRO_BATCH_TOKENS = 256  # 512 takes 83 MB more for 5 % of prefill speed
_CELL_BLOCK = 256  # llama.cpp rounds the KV memory up to this
_MAX_SLOTS = 256  # llama_max_parallel_sequences()
_SCORE_ROWS = 64
_KV_FULL = 1


class _Batch:
    """A native batch whose arrays are numpy memory, filled without a Python loop per field."""

    def __init__(self, capacity: int) -> None:
        self.tokens = np.zeros(capacity, dtype=np.int32)  # [capacity]
        self.positions = np.zeros(capacity, dtype=np.int32)  # [capacity]
        self.slots = np.zeros(capacity, dtype=np.int32)  # [capacity]
        self.wanted = np.zeros(capacity, dtype=np.int8)  # [capacity]
        self._counts = np.ones(capacity, dtype=np.int32)
        step = self.slots.itemsize
        pointers = [self.slots.ctypes.data + step * at for at in range(capacity)]
        self._slot_pointers = np.array(pointers, dtype=np.uintp)
        self.native = native.llama_batch(
            n_tokens=0,
            token=self.tokens.ctypes.data_as(ctypes.POINTER(native.llama_token)),
            embd=None,
            pos=self.positions.ctypes.data_as(ctypes.POINTER(native.llama_pos)),
            n_seq_id=self._counts.ctypes.data_as(ctypes.POINTER(ctypes.c_int32)),
            seq_id=self._slot_pointers.ctypes.data_as(
                ctypes.POINTER(ctypes.POINTER(native.llama_seq_id))
            ),
            logits=self.wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int8)),
        )

    def fill(self, feeds: Sequence[Feed], lengths: Sequence[int]) -> None:
        """Lay out `feeds`; `lengths[i]` is what the slot of `feeds[i]` holds."""
        at = 0
        for feed, length in zip(feeds, lengths, strict=True):
            end = at + len(feed.tokens)
            self.tokens[at:end] = feed.tokens
            self.positions[at:end] = np.arange(length, length + end - at)
            self.slots[at:end] = feed.slot
            self.wanted[at:end] = 0
            self.wanted[end - feed.rows : end] = 1
            at = end
        self.native.n_tokens = at


class LlamaEngine(SlotEngine[SlotTable]):
    """`Engine` over llama.cpp."""

    def __init__(
        self,
        model: LlamaModel,
        *,
        context_tokens: int = 2048,
        kv_tokens: int | None = None,
        n_slots: int = 64,
        n_threads: int | None = None,
    ) -> None:
        """Make a context over a loaded model, which this engine then owns.

        `context_tokens` is cut to what the model was trained on; `kv_tokens` is four
        contexts unless given. Raises `ModelTooLargeError` if the KV memory does not fit.
        """
        self.model = model
        n_slots = min(n_slots, _MAX_SLOTS)
        context_tokens = min(context_tokens, model.info.trained_context_tokens or context_tokens)
        kv_tokens = max(kv_tokens or 4 * context_tokens, context_tokens)
        kv_tokens = -(-kv_tokens // _CELL_BLOCK) * _CELL_BLOCK
        batch_tokens = min(_BATCH_TOKENS, kv_tokens)
        limits = Limits(
            n_vocab=len(model.tokenizer.table),
            n_slots=n_slots,
            context_tokens=context_tokens,
            kv_tokens=kv_tokens,
            batch_tokens=batch_tokens,
            score_rows=min(_SCORE_ROWS, batch_tokens),
        )
        model.check_memory(kv_tokens)
        super().__init__(SlotTable(limits), n_threads or model.n_threads)
        self._context = self._make_context(self.most_threads)
        self._memory = native.llama_get_memory(self._context)
        self._batch = _Batch(batch_tokens)
        self._rewinds = not model.is_recurrent
        self._has_cells = not native.llama_model_is_recurrent(model.handle)
        self._steps = 0
        self._latest: NumpyScores | None = None

    def eval(self, feeds: Sequence[Feed]) -> NumpyScores:
        """Append the feeds in one native batch; see `Engine.eval`."""
        self._check_open()
        rows = self._slots.check_feeds(feeds)
        self._steps += 1  # handles of the last step are stale from here on
        self._latest = None
        self._decode(feeds)
        self._latest = self._scores(rows)
        return self._latest

    def use_threads(self, count: int) -> None:
        """Run the following steps on `count` threads."""
        self._check_open()
        native.llama_set_n_threads(self._context, count, count)

    def _decode(self, feeds: Sequence[Feed]) -> None:
        """Run one checked batch; if it raises, the slots are as before."""
        self._batch.fill(feeds, [self.length(feed.slot) for feed in feeds])
        status = native.llama_decode(self._context, self._batch.native)
        if status == _KV_FULL:
            raise KVFullError(
                f"KV memory of {self.kv_tokens} tokens has no room for "
                f"{self._batch.native.n_tokens} more; clear or trim slots, or raise kv_tokens"
            )
        if status != 0:
            self._drop_beyond(feeds)
            raise EngineError(
                f"llama.cpp refused the batch (status {status}): {native_log.take_errors()}"
            )
        self._slots.extend(feeds)
        self.evaluated_tokens += self._batch.native.n_tokens

    def fork(self, src: int, dst: int, n_tokens: int) -> None:
        """Make `dst` share the first tokens of `src`; see `Engine.fork`."""
        self._check_open()
        self._slots.check_slot(dst)
        self._slots.check_keep(src, n_tokens)
        if src == dst:
            self.trim(src, n_tokens)
            return
        if n_tokens == 0:
            self.clear(dst)
        elif n_tokens == self.length(src):
            self.clear(dst)
            native.llama_memory_seq_cp(self._memory, src, dst, -1, -1)
            self._slots.share(src, dst, n_tokens)
        elif self._can_rewind(src):
            self.clear(dst)
            native.llama_memory_seq_cp(self._memory, src, dst, 0, n_tokens)
            self._slots.share(src, dst, n_tokens)
        else:
            self._recompute(dst, self._slots.tokens(src)[:n_tokens])

    def trim(self, slot: int, n_tokens: int) -> None:
        """Keep the first tokens of the slot; see `Engine.trim`."""
        self._slots.check_keep(slot, n_tokens)
        if n_tokens == self.length(slot):
            return
        if self._context is None:  # whoever still held a slot lets go of it
            self._slots.cut(slot, n_tokens)
        elif n_tokens == 0 or self._can_rewind(slot):
            native.llama_memory_seq_rm(self._memory, slot, n_tokens, -1)
            self._slots.cut(slot, n_tokens)
        else:
            self._recompute(slot, self._slots.tokens(slot)[:n_tokens])

    def save(self, slot: int) -> bytes:
        """The slot's tokens and native state; some 23 KB a token for the default model."""
        self._check_open()
        tokens = self._slots.tokens(slot)
        size = native.llama_state_seq_get_size(self._context, slot)
        buffer = (ctypes.c_uint8 * size)()
        written = native.llama_state_seq_get_data(self._context, buffer, size, slot)
        return pack(self.model.fingerprint, tokens, bytes(buffer[:written]))

    def restore(self, slot: int, state: bytes) -> None:
        """Replace what the slot holds by a saved state; see `Engine.restore`."""
        self._check_open()
        self._slots.check_slot(slot)
        tokens, payload = unpack(state, self.model.fingerprint)
        self._check_refill(slot, len(tokens))
        held = self.save(slot) if self.length(slot) else None
        self.clear(slot)
        buffer = (ctypes.c_uint8 * len(payload)).from_buffer_copy(payload)
        if native.llama_state_seq_set_data(self._context, buffer, len(payload), slot) == 0:
            if held is not None:
                self.restore(slot, held)
            raise KVFullError(
                f"the saved slot of {len(tokens)} tokens does not fit in the KV memory of "
                f"{self.kv_tokens}; clear other slots first"
            )
        self._slots.replace(slot, tokens)

    def close(self) -> None:
        """Free the native context and model; safe to call twice."""
        if self._context is not None:
            native.llama_free(self._context)
            self._context = None
            self._steps += 1
            self.model.close()

    def _check_open(self) -> None:
        if self._context is None:
            raise EngineError(f"the engine of model {self.model.name!r} was closed; open it again")

    def _make_context(self, n_threads: int) -> Any:
        limits = self.limits
        params = native.llama_context_default_params()
        params.n_ctx = limits.kv_tokens
        params.n_batch = limits.batch_tokens
        params.n_ubatch = _MICRO_BATCH_TOKENS
        params.n_seq_max = limits.n_slots
        # Native code wants a row for every sequence, asked for or not.
        params.n_outputs_max = params.n_outputs_max_per_seq = max(limits.score_rows, limits.n_slots)
        params.n_threads = params.n_threads_batch = n_threads
        params.flash_attn_type = native.LLAMA_FLASH_ATTN_TYPE_AUTO
        params.kv_unified = True
        params.swa_full = True  # without it a sliding window forgets what a trim goes back to
        params.no_perf = True
        context = native.llama_init_from_model(self.model.handle, params)
        if not context:
            raise ModelTooLargeError(
                f"llama.cpp could not make a context of {limits.kv_tokens} tokens for model "
                f"{self.model.info.name!r} ({native_log.take_errors() or 'no reason given'}); "
                "lower context_tokens or free memory"
            )
        return context

    def _scores(self, rows: int) -> NumpyScores:
        if rows == 0:
            return NumpyScores(np.empty((0, self.n_vocab), dtype=np.float32))
        pointer = native.llama_get_logits(self._context)
        logits = np.ctypeslib.as_array(pointer, shape=(rows, self.n_vocab))
        step = self._steps
        return NumpyScores(logits, lambda: self._steps == step)

    def _drop_beyond(self, feeds: Sequence[Feed]) -> None:
        """Remove what a failed batch may have left behind."""
        for feed in feeds:
            length = self.length(feed.slot)
            native.llama_memory_seq_rm(self._memory, feed.slot, length, -1)

    def _recompute(self, slot: int, tokens: Sequence[int]) -> None:
        """Fill `slot` with `tokens` by evaluating them; handles of the last `eval` stay valid."""
        self._check_refill(slot, len(tokens))
        if self._latest is not None:
            self._latest.take_copy()
            self._latest = None
        self.clear(slot)
        step = self.batch_tokens
        for at in range(0, len(tokens), step):
            self._decode([Feed(slot, tokens[at : at + step], rows=0)])

    def _check_refill(self, slot: int, n_tokens: int) -> None:
        """Raise unless `n_tokens` fit in place of what the slot holds, before it is emptied."""
        if self._has_cells:
            self._slots.check_refill(slot, n_tokens)
        else:
            self._slots.check_length(slot, n_tokens)

    def _can_rewind(self, slot: int) -> bool:
        """Whether cells may be cut off this slot and the rest still be right.

        Not for recurrent layers, nor for a sliding window whose older cells are gone (after
        `restore`): native code would cut without an error and give wrong scores.
        """
        return self._rewinds and native.llama_memory_seq_pos_min(self._memory, slot) <= 0
