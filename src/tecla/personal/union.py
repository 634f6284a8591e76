"""Several matchers as one: segments of an index, indexes of several owners, what grows beside them.

Every part lists the ends whose counts differ, the longest first. So the count of an end of any
length in a part is that of the shortest end it lists that is at least so long; and a part that was
asked for so many ends knows all that are needed for as many of the whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from tecla.personal.base import LEVELS, Matched, Matcher
from tecla.personal.counting import together


class Union:
    """Answers as one matcher over the documents of all parts would."""

    def __init__(self, parts: Sequence[Matcher]) -> None:
        """Any number of parts, also none."""
        self.parts = tuple(parts)

    @property
    def generation(self) -> str:
        """Differs when that of any part does."""
        if len(self.parts) == 1:
            return self.parts[0].generation
        names = "\n".join(part.generation for part in self.parts)
        return hashlib.blake2b(names.encode(), digest_size=16).hexdigest()

    def matches(self, tokens: Sequence[int], most: int = LEVELS) -> list[Matched]:
        """As the contract says."""
        found = [row for part in self.parts if (row := part.matches(tokens, most))]
        if len(found) <= 1:
            return found[0] if found else []
        lengths = sorted({level.length for row in found for level in row}, reverse=True)
        return [
            together(length, [level for row in found if (level := _at(row, length))])
            for length in lengths[:most]
        ]


def _at(levels: list[Matched], length: int) -> Matched | None:
    """What a part says of ends of this length."""
    return next((level for level in reversed(levels) if level.length >= length), None)
