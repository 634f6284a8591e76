"""Keys of programs that may ask a server: made here, kept as a digest alone.

A key reads `tecla_ID_SECRET`. The id finds its row and may be shown; the secret is 32 random bytes,
so one round of SHA-256 over the whole key is enough at rest: there is nothing to guess that a slow
hash would make slower. Digests are compared in constant time.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, get_args

from tecla.checks import nearest, number, whole
from tecla.errors import OptionError
from tecla.text.unicode import to_bytes

KeyScope = Literal["suggest", "learn", "admin"]
MOST_NAME_CHARS: Final = 100
_ID_CHARS: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # none that is read as another
_ID_LENGTH: Final = 10
_SECRET_BYTES: Final = 32
_TEXT = re.compile(rf"tecla_([{_ID_CHARS}]{{{_ID_LENGTH}}})_[A-Za-z0-9_-]{{43}}")


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What one key may ask for at most; `None`: what the server gives to all.

    per_second: requests or messages. concurrent: those in work, and connections. chars: of one
    text.
    """

    per_second: float | None = None
    concurrent: int | None = None
    chars: int | None = None

    def __post_init__(self) -> None:
        """Check every range; raises `OptionError`."""
        if self.per_second is not None and not number("per_second", self.per_second) > 0:
            raise OptionError(f"per_second is {self.per_second!r}; it must be above 0")
        for name in ("concurrent", "chars"):
            value = getattr(self, name)
            if value is not None:
                whole(name, value, 1)


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is kept; times in seconds since the epoch."""

    id: str
    name: str
    scopes: frozenset[KeyScope]
    digest: bytes = field(repr=False)
    created_s: float
    limits: KeyLimits = field(default_factory=KeyLimits)
    expires_s: float | None = None
    revoked_s: float | None = None

    def __post_init__(self) -> None:
        """Check name and scopes; raises `OptionError` or `InvalidTextError`."""
        to_bytes(self.name, "name")
        if not 1 <= len(self.name) <= MOST_NAME_CHARS or not self.name.isprintable():
            raise OptionError(
                f"name is {self.name!r}; it must have 1 to {MOST_NAME_CHARS} printable characters"
            )
        for scope in self.scopes:
            if scope not in get_args(KeyScope):
                hint = nearest(scope, get_args(KeyScope))
                hint = hint or f"scopes are {', '.join(get_args(KeyScope))}"
                raise OptionError(f"there is no scope {scope!r}; {hint}")
        if not self.scopes:
            raise OptionError(f"a key needs a scope: {', '.join(get_args(KeyScope))}")

    def serves(self, now_s: float) -> bool:
        """Whether it may be used at a time."""
        return self.revoked_s is None and (self.expires_s is None or now_s < self.expires_s)

    def is_of(self, text: str) -> bool:
        """Whether `text` is the key itself; takes as long for every answer."""
        return hmac.compare_digest(self.digest, _digest(text))


class NewKey(NamedTuple):
    """A key as it is shown once, and as it is kept."""

    text: str
    stored: StoredKey


def make_key(
    name: str,
    scopes: Iterable[KeyScope],
    now_s: float,
    *,
    limits: KeyLimits | None = None,
    expires_s: float | None = None,
) -> NewKey:
    """A new key; raises `OptionError` for what it cannot be."""
    if expires_s is not None and not number("expires_s", expires_s) > now_s:
        raise OptionError(f"expires_s is {expires_s!r}; it must be later than now, {now_s!r}")
    key_id = "".join(secrets.choice(_ID_CHARS) for _ in range(_ID_LENGTH))
    text = f"tecla_{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    stored = StoredKey(
        key_id, name, frozenset(scopes), _digest(text), now_s, limits or KeyLimits(), expires_s
    )
    return NewKey(text, stored)


def id_of(text: str) -> str | None:
    """The id in what may be a key; `None` where it cannot be one."""
    found = _TEXT.fullmatch(text)
    return None if found is None else found[1]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
