"""A cipher for tests: it hides what it seals and refuses what is not its own, and is no more."""

from __future__ import annotations

import hashlib

from tecla.errors import StoreKeyError


class Seal:
    """As `tecla.store.documents.Cipher`."""

    def __init__(self, key: bytes = b"key") -> None:
        self.key = key

    def seal(self, plain: bytes | memoryview, about: str) -> bytes:
        hidden = bytes(byte ^ 0xA5 for byte in bytes(plain))
        return self._sum(hidden, about) + hidden

    def unseal(self, sealed: bytes | memoryview, about: str) -> bytes:
        data = bytes(sealed)
        if data[:16] != self._sum(data[16:], about):
            raise StoreKeyError("sealed with another key, or damaged")
        return bytes(byte ^ 0xA5 for byte in data[16:])

    def opened(self, sealed: bytes) -> bytes:
        """What is in it, whatever it is about."""
        return bytes(byte ^ 0xA5 for byte in sealed[16:])

    def _sum(self, hidden: bytes, about: str) -> bytes:
        return hashlib.blake2b(hidden + about.encode(), key=self.key, digest_size=16).digest()
