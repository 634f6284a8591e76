"""`OptimizedAutoComplete`: many texts at once, sharing every decode step.

Texts of different lengths run side by side in slots of their own, so padding is never computed;
the padded arrays of `preprocess_batch` are for callers who want to see or move token ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypedDict

import numpy as np
import numpy.typing as npt
from typing_extensions import Unpack

from tecla.errors import InvalidTextError, OptionError
from tecla.faces.autocomplete import first_text
from tecla.faces.cached import CachedAutoComplete
from tecla.suggest.options import DEFAULT_NEW_TOKENS, CompletionOptions

TokenArray = npt.NDArray[np.int64]


class DeviceTensor(Protocol):
    """An int64 tensor of PyTorch, as the transformers engine gives and takes it."""

    def cpu(self) -> npt.ArrayLike:
        """The tensor in host memory."""
        ...


class Batch(TypedDict):
    """Texts as left-padded token ids; padding has attention 0."""

    input_ids: TokenArray | DeviceTensor  # [texts, longest] int64
    attention_mask: TokenArray | DeviceTensor  # [texts, longest] int64


class OptimizedAutoComplete(CachedAutoComplete):
    """`CachedAutoComplete` for batches: `preprocess_batch` and `generate_batch`."""

    def preprocess_batch(self, texts: Sequence[str], max_tokens: int | None = None) -> Batch:
        """Token ids of `texts` as two int64 arrays of shape `[len(texts), longest]`.

        With the transformers engine they are tensors on the device of the model.

        Padded on the left, so that every row ends with the end of its text. A text of more
        than `max_tokens` tokens (default: the model's window less 50 for the output) loses
        its beginning. Raises `InvalidTextError` for lone surrogates.
        """
        most = max_tokens
        if most is None:
            most = max(1, self._suggester.context_tokens - DEFAULT_NEW_TOKENS)
        if most < 1:
            raise OptionError(f"max_tokens is {most!r}; it must be 1 or more")
        rows = [self._end_of(self._encode(text), most) for text in _texts(texts)]
        longest = max(map(len, rows), default=0)
        ids = np.full((len(rows), longest), self._padding_id, dtype=np.int64)  # [texts, longest]
        mask = np.zeros((len(rows), longest), dtype=np.int64)  # [texts, longest]
        for at, row in enumerate(rows):
            ids[at, longest - len(row) :] = row
            mask[at, longest - len(row) :] = 1
        to_tensor = self._suggester.to_tensor
        if to_tensor is None:
            return Batch(input_ids=ids, attention_mask=mask)
        return Batch(input_ids=to_tensor(ids), attention_mask=to_tensor(mask))

    def generate_batch(
        self,
        texts: Sequence[str] | Batch | Mapping[str, TokenArray | DeviceTensor],
        max_length: int | None = None,
        *,
        max_new_tokens: int | None = None,
        fresh: bool = False,
        **options: Unpack[CompletionOptions],
    ) -> list[str]:
        """The completion of every text, in order; each what it would have been alone.

        Takes texts or the result of `preprocess_batch`. `max_length` counts prompt and output
        of each text by itself, padding never. Answers come from the cache and go into it like
        single ones; equal texts are computed once. Raises as `get_completion` does, for the
        first text that cannot be completed, before anything is computed.
        """
        whole = self._texts_of(texts) if isinstance(texts, Mapping) else _texts(texts)
        requests = [self._request(text, max_length, max_new_tokens, options) for text in whole]
        return [first_text(completed) for completed in self._answers(requests, fresh=fresh)]

    @property
    def _padding_id(self) -> int:
        tokenizer = self._suggester.tokenizer
        return min(tokenizer.end_ids, default=tokenizer.start_id or 0)

    def _end_of(self, ids: list[int], most: int) -> list[int]:
        """The last `most` ids, from the first one that begins with a whole character."""
        if len(ids) <= most:
            return ids
        kept = ids[-most:]
        pieces = self._suggester.tokenizer.table.pieces
        while kept and 0x80 <= (pieces[kept[0]] or b"a")[0] < 0xC0:
            kept = kept[1:]
        return kept

    def _texts_of(self, batch: Batch | Mapping[str, TokenArray | DeviceTensor]) -> list[str]:
        """The texts that the rows of a batch spell."""
        ids, mask = _checked_arrays(batch, len(self._suggester.tokenizer.table))
        tokenizer = self._suggester.tokenizer
        texts = []
        for at in range(len(ids)):
            spelt = tokenizer.decode(ids[at][mask[at] == 1].tolist())
            try:
                texts.append(spelt.removeprefix(tokenizer.text_prefix).decode("utf-8"))
            except UnicodeDecodeError as error:
                raise InvalidTextError(
                    f"row {at} of input_ids spells no valid text ({error.reason} at byte offset "
                    f"{error.start}); cut texts between characters, as preprocess_batch does"
                ) from None
        return texts


def _texts(texts: Sequence[str]) -> list[str]:
    if isinstance(texts, str):
        raise OptionError("texts is one str; pass a list of texts, or use get_completion")
    return list(texts)


def _in_host_memory(values: TokenArray | DeviceTensor) -> npt.NDArray[np.generic]:
    fetch = getattr(values, "cpu", None)
    return np.asarray(values if fetch is None else fetch())


def _checked_arrays(
    batch: Batch | Mapping[str, TokenArray | DeviceTensor], n_vocab: int
) -> tuple[TokenArray, TokenArray]:
    """The two arrays of a batch; raises `OptionError` unless they are a left-padded batch."""
    missing = {"input_ids", "attention_mask"} - set(batch)
    if missing:
        raise OptionError(
            f"the batch has no {sorted(missing)!r}; pass what preprocess_batch returns"
        )
    ids, mask = _in_host_memory(batch["input_ids"]), _in_host_memory(batch["attention_mask"])
    if ids.ndim != 2 or ids.shape != mask.shape:
        raise OptionError(
            f"input_ids has shape {ids.shape} and attention_mask {mask.shape}; both must be the "
            "same two dimensions, [texts, longest]"
        )
    if ids.size and (ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= n_vocab):
        raise OptionError(f"input_ids must hold whole numbers from 0 to {n_vocab - 1}")
    if not np.isin(mask, (0, 1)).all():
        raise OptionError("attention_mask must hold 0 (padding) and 1 (text) alone")
    if (np.diff(mask.astype(np.int64), axis=1) < 0).any():
        raise OptionError(
            "the batch is padded on the right or inside; decoder-only models need it on the left, "
            "as preprocess_batch does"
        )
    return ids.astype(np.int64), mask.astype(np.int64)
