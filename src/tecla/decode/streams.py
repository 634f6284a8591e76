"""Random numbers that depend on what is asked, never on when or in which batch.

Each text and alternative has a stream of its own; a number is a function of seed, text,
alternative and position (BLAKE2b in counter mode), so a batch of any composition, an
interrupted run and a single call all draw the same.
"""

from __future__ import annotations

import hashlib


class Stream:
    """Uniform numbers in [0, 1) of one alternative of one text."""

    def __init__(self, seed: int, text: bytes, alternative: int) -> None:
        """Derive the stream from all three arguments."""
        digest = hashlib.blake2b(digest_size=32)
        digest.update(b"%d|%d|" % (seed, alternative))
        digest.update(text)
        self._key = digest.digest()

    def uniform(self, position: int, attempt: int = 0) -> float:
        """The number of a position; `attempt` counts draws at it that had to be refused."""
        counter = b"%d|%d" % (position, attempt)
        drawn = hashlib.blake2b(counter, key=self._key, digest_size=8).digest()
        return float(int.from_bytes(drawn, "little") >> 11) * 2.0**-53
