"""Random keys that depend on what is asked, never on when or in which batch.

Each text and alternative has a stream of its own; a key is a function of seed, text,
alternative and position (BLAKE2b in counter mode), so a batch of any composition, an
interrupted run and a single call all draw the same.
"""

from __future__ import annotations

import hashlib


class Stream:
    """Keys of the draws of one alternative of one text."""

    def __init__(self, seed: int, text: bytes, alternative: int) -> None:
        """Derive the stream from all three arguments."""
        digest = hashlib.blake2b(digest_size=32)
        digest.update(b"%d|%d|" % (seed, alternative))
        digest.update(text)
        self._key = digest.digest()

    def key(self, position: int, attempt: int = 0) -> int:
        """The key of a position, 64 bits; `attempt` counts draws at it that had to be refused."""
        counter = b"%d|%d" % (position, attempt)
        return int.from_bytes(hashlib.blake2b(counter, key=self._key, digest_size=8).digest())
