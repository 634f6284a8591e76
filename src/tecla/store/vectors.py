"""Vectors of passages as they go into a store: checked, as float32. Knows no model and no table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tecla.errors import OptionError
from tecla.store.documents import VectorModel

Vector = npt.NDArray[np.float32]


def as_vector(vector: Sequence[float] | Vector, dimension: int) -> Vector:
    """The vector as an array [dimension] of float32; raises `OptionError` for what is none."""
    try:
        found = np.ascontiguousarray(vector, dtype=np.float32)
    except (TypeError, ValueError):
        raise OptionError("a vector must be a sequence of numbers") from None
    if found.shape != (dimension,):
        raise OptionError(f"a vector has the shape {found.shape!r}; it must be ({dimension},)")
    if not np.isfinite(found).all():
        raise OptionError("a vector holds what is no finite number")
    return found


def check_model(given: VectorModel, used: VectorModel | None) -> None:
    """Raise `OptionError` unless vectors of `given` are those that are kept."""
    if given != used:
        raise OptionError(
            f"vectors are of {given.name!r}, and the store keeps those of "
            f"{used.name if used else None!r}; call use_vectors_of first"
        )
