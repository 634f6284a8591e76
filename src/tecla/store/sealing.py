"""The key of an encrypted store, and the cipher for files derived from it.

The key is in a file of its owner's alone: 32 bytes or more that nobody can guess. From them two
keys are made, one for SQLite's file (ChaCha20 with Poly1305, page by page, by SQLite3 Multiple
Ciphers; write-ahead log included) and one for derived files. No `repr` and no message shows any.

A derived file is sealed in blocks of 1 MiB with AES-256-GCM (package `cryptography`): every file
has a key of its own, made from a random salt, so the number of the block can be its nonce; the last
block is marked, so a file that was cut is refused (the STREAM construction: Hoang, Reyhanitabar,
Rogaway and Vizár, "Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015).
"""

from __future__ import annotations

import hashlib
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from tecla.errors import StoreKeyError

LEAST_KEY_BYTES: Final = 32
MOST_KEY_BYTES: Final = 4096
_HEAD: Final = b"tecla sealed 1\n\0"
_SALT_BYTES: Final = 32
_BLOCK_BYTES: Final = 1 << 20
_TAG_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class StoreKey:
    """What opens one store."""

    CIPHER: ClassVar[str] = "chacha20"
    secret: bytes = field(repr=False)

    @classmethod
    def read(cls, path: Path) -> StoreKey:
        """The key in a file; raises `StoreKeyError` if it is none, or others may read it."""
        make = "make one with: (umask 077; head -c 32 /dev/urandom > FILE)"
        try:
            with path.open("rb") as file:
                mode = stat.S_IMODE(path.stat().st_mode)
                secret = file.read(MOST_KEY_BYTES + 1)
        except OSError as error:
            raise StoreKeyError(
                f"cannot read the key in {str(path)!r}: {error.strerror}; {make}"
            ) from error
        if mode & 0o077:
            raise StoreKeyError(
                f"{str(path)!r} has mode {mode:04o}, so others may read the key; chmod 600 it"
            )
        if not LEAST_KEY_BYTES <= len(secret) <= MOST_KEY_BYTES:
            raise StoreKeyError(
                f"{str(path)!r} does not hold {LEAST_KEY_BYTES} to {MOST_KEY_BYTES} bytes of key; "
                f"{make}"
            )
        return cls(secret)

    @property
    def for_sqlite(self) -> str:
        """As `PRAGMA key` takes it: 32 bytes as they are, with no slow hash at each connection."""
        return f"raw:{self._made_for(b'tecla sqlite').hex()}"

    def cipher(self) -> FileCipher:
        """For derived files; raises `StoreKeyError` where `cryptography` is not installed."""
        return FileCipher(self._made_for(b"tecla derived"))

    def _made_for(self, purpose: bytes) -> bytes:
        return hashlib.blake2b(self.secret, digest_size=32, person=purpose).digest()


class FileCipher:
    """`Cipher` with AES-256-GCM. The whole of a file is in memory, sealed and plain."""

    def __init__(self, key: bytes) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise StoreKeyError(
                "files derived from an encrypted store need the package cryptography; "
                "pip install 'tecla[encryption]'"
            ) from None
        self._key, self._cipher_of = key, AESGCM

    def seal(self, plain: bytes | memoryview, about: str) -> bytes:
        """Encrypted and signed."""
        salt = secrets.token_bytes(_SALT_BYTES)
        cipher, signed = self._cipher_of(self._key_of(salt)), about.encode()
        parts, view = [_HEAD, salt], memoryview(plain).cast("B")
        for number, start in enumerate(range(0, max(1, len(view)), _BLOCK_BYTES)):
            is_last = start + _BLOCK_BYTES >= len(view)
            block = view[start : start + _BLOCK_BYTES]
            parts.append(cipher.encrypt(_nonce(number, is_last), block, signed))
        return b"".join(parts)

    def unseal(self, sealed: bytes | memoryview, about: str) -> bytes:
        """The plain bytes."""
        from cryptography.exceptions import InvalidTag

        view, start = memoryview(sealed).cast("B"), len(_HEAD) + _SALT_BYTES
        if len(view) < start + _TAG_BYTES or bytes(view[: len(_HEAD)]) != _HEAD:
            raise _refused()
        cipher, signed = (
            self._cipher_of(self._key_of(bytes(view[len(_HEAD) : start]))),
            about.encode(),
        )
        parts, number, step = [], 0, _BLOCK_BYTES + _TAG_BYTES
        try:
            while start < len(view):
                is_last = start + step >= len(view)
                block = view[start : start + step]
                parts.append(cipher.decrypt(_nonce(number, is_last), block, signed))
                number, start = number + 1, start + step
        except InvalidTag:
            raise _refused() from None
        return b"".join(parts)

    def _key_of(self, salt: bytes) -> bytes:
        return hashlib.blake2b(salt, key=self._key, digest_size=32).digest()


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _refused() -> StoreKeyError:
    return StoreKeyError(
        "a file derived from the store was sealed with another key, or is damaged; delete it, it "
        "is made anew"
    )
