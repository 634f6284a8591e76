"""The contract of an embedding: texts in, vectors out; near in meaning is near in angle.

An embedding knows nothing of stores, owners or where a text comes from. Invariant: the same text
has the same vector under the same name, whatever texts stand beside it, in every process. So
vectors that are kept say the name they were made under, and those of another name are made anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]  # [texts, dim], each of length 1, or all 0
MOST_CHARS = 8_000  # of one text that are read; passages are shorter


class Embedding(Protocol):
    """Turns texts into vectors. May be called from any thread, one call at a time."""

    @property
    def name(self) -> str:
        """What vectors are kept under: another name wherever a vector would be another."""
        ...

    @property
    def dim(self) -> int:
        """Numbers in a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """`[texts, dim]` float32, of length 1; all 0 for a text that says nothing to the model.

        Raises `EmbeddingError`; blocks for as long as it takes.
        """
        ...


def normalised(vectors: Vectors) -> Vectors:
    """Vectors of length 1; one that is 0, or no number, becomes all 0.

    A new array of the same shape.
    """
    finite = np.where(np.isfinite(vectors), vectors, 0).astype(np.float32)
    lengths = np.linalg.norm(finite, axis=1, keepdims=True)  # [texts, 1]
    found: Vectors = np.divide(finite, lengths, out=np.zeros_like(finite), where=lengths > 1e-12)
    return found
