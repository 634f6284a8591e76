"""What was worked out lately and is wanted again, within a bound. For any thread."""

from __future__ import annotations

from typing import TypeVar

_K = TypeVar("_K")
_V = TypeVar("_V")


class Remembered(dict[_K, _V]):
    """A dictionary of at most so many; one more, and it begins again with that.

    Nothing is kept of how long ago each was used: looking up costs what it costs in a dictionary.
    """

    def __init__(self, most: int) -> None:
        """Nothing is known."""
        super().__init__()
        self._most = most

    def keep(self, key: _K, value: _V) -> _V:
        """Remember and return `value`."""
        if len(self) >= self._most:
            self.clear()
        self[key] = value
        return value
