"""Of whom anything is known, and what to say where a name meets nobody."""

from __future__ import annotations

from typing import Final, get_args

from tecla.store.base import Store
from tecla.store.owners import Owner, OwnerKind

_MOST_NAMED: Final = 10  # of a kind


def is_known(store: Store, owner: Owner) -> bool:
    """Whether anything is kept of somebody: documents, feedback, consent or settings."""
    if store.settings.of(owner) or owner in _with_texts_or_feedback(store):
        return True
    return owner.kind == "user" and store.consent.since_s(owner.name) is not None


def said_unknown(store: Store, owner: Owner) -> str:
    """That nothing is known of somebody, and who is meant or is known instead."""
    known = _with_texts_or_feedback(store)
    said = f"nothing is known of the {owner.kind} {owner.name!r}"
    of_keys = [
        each.name
        for each in known
        if each.kind == owner.kind and each.name.endswith(f":{owner.name}")
    ]
    if of_keys:
        meant = " or ".join(map(repr, of_keys[:_MOST_NAMED]))
        return (
            f"{said}; did you mean {meant}? A name that came with a key of the service begins with "
            "the key's id"
        )
    lists = [_listed(known, kind) for kind in get_args(OwnerKind)]
    others = " and ".join(filter(None, lists))
    return f"{said}, but of {others}" if others else f"{said}, nor of anybody else"


def _with_texts_or_feedback(store: Store) -> list[Owner]:
    found = set(store.documents.owners())
    for kind in get_args(OwnerKind):
        for (name,) in (each.group for each in store.feedback.totals((kind,))):
            if name is not None:
                found.add(Owner(kind, name))
    return sorted(found)


def _listed(known: list[Owner], kind: OwnerKind) -> str:
    names = [repr(each.name) for each in known if each.kind == kind]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    what = f"the {kind}{'s' if len(names) > 1 else ''}"
    return f"{what} {', '.join(names[:_MOST_NAMED])}{more}" if names else ""
