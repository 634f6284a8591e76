"""Which slots of an engine are free; every slot that is given back is emptied."""

from __future__ import annotations

from tecla.engines.base import Engine
from tecla.errors import EngineLimitError


class SlotPool:
    """Lends the slots of one engine."""

    def __init__(self, engine: Engine) -> None:
        """All slots are free."""
        self._engine = engine
        self._free = list(range(engine.n_slots - 1, -1, -1))

    @property
    def free(self) -> int:
        """Number of free slots."""
        return len(self._free)

    def take(self) -> int:
        """A free, empty slot. Raises `EngineLimitError` if there is none."""
        if not self._free:
            raise EngineLimitError(
                f"all {self._engine.n_slots} slots of the model are in use; close streams that are "
                "still open, or ask for fewer at once"
            )
        return self._free.pop()

    def give_back(self, slot: int) -> None:
        """Empty a slot and make it free."""
        self._engine.clear(slot)
        self._free.append(slot)
