"""What users and collections of the service are called in the store: never the same for two keys.

A key's are `ID:NAME`, and `ID` where no user is named. Where no keys are asked for, names are as
they are given, so that `tecla learn` beside the service means the same user, and `local` where none
is given; one that reads like a key's gets a colon before it, which no key's name begins with.
"""

from __future__ import annotations

import re

from tecla.store.owners import LOCAL

_OF_A_KEY = re.compile(r"[a-z0-9]{10}(?::|\Z)")  # no other id is made (`store/keys.py`)


def store_name(key_id: str, name: str) -> str:
    """A user's or collection's name in the store; `key_id` is empty where no keys are asked for."""
    if key_id:
        return f"{key_id}:{name}" if name else key_id
    if name.startswith(":") or _OF_A_KEY.match(name):
        return f":{name}"
    return name or LOCAL


def given_name(key_id: str, name: str) -> str:
    """A name as the client gave it: the inverse of `store_name`; `local` stays what it is."""
    if key_id:
        return name[len(key_id) + 1 :]
    return name.removeprefix(":")


def belongs(name: str, key_id: str) -> bool:
    """Whether a name in the store is one of a key's."""
    if key_id:
        return name == key_id or name.startswith(f"{key_id}:")
    return not _OF_A_KEY.match(name)
