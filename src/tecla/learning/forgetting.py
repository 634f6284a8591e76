"""Forgetting: documents, an owner, or everything; and the proof that nothing of it is left.

The store erases, and notes which derived files are to go; whoever owns those is called then. The
proof is a search of all files of tecla's for pieces of what is gone, before and after. It is made
with the store closed, see `traces.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Literal, TypeVar

from tecla.errors import OptionError
from tecla.learning.known import is_known, said_unknown
from tecla.learning.sources import file_of, is_within
from tecla.learning.traces import Spell, Traces, pieces_of, search
from tecla.store.base import Store
from tecla.store.documents import OF_FEEDBACK, Document
from tecla.store.events import EVERY, EventFilter
from tecla.store.owners import Owner

Scope = Literal["sources", "feedback", "owner", "everything"]
S = TypeVar("S", bound=Store)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be forgotten: some sources of an owner, all of an owner, or everything.

    feedback: the text that a user has accepted, and with it the consent to keep any.
    """

    owner: Owner | None = None
    sources: tuple[str, ...] = field(default=(), repr=False)
    feedback: bool = False

    @property
    def scope(self) -> Scope:
        """How much that is."""
        if self.owner is None:
            return "everything"
        return "sources" if self.sources else "feedback" if self.feedback else "owner"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a wish comes to. pieces: of the texts that go, for the proof."""

    wish: Wish
    sources: tuple[str, ...] = field(repr=False)
    files: int
    texts: int
    chars: int
    events: int
    pieces: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was searched before and after forgetting, and what was found."""

    before: Traces
    after: Traces
    sealed: bool

    @property
    def holds(self) -> bool:
        """Whether nothing is left."""
        return not self.after.found


def plan(store: Store, wish: Wish) -> Plan:
    """Look up what is to go; raises `OptionError` where there is nothing, or nobody of the name."""
    documents = list(_documents(store, wish))
    going = {each.id for each in documents}
    events = 0 if wish.scope == "sources" else sum(
        wish.scope != "feedback" or each.text is not None
        for each in store.feedback.events(_events(wish))
    )  # fmt: skip
    if wish.owner is not None and not documents and not events:
        _check_meant(store, wish, wish.owner)
    with_text = [each for each in documents if each.passages]
    return Plan(
        wish,
        tuple(each.source for each in documents),
        len({(each.owner, file_of(each.source)) for each in documents}),
        len(with_text),
        sum(each.chars for each in with_text),
        events,
        tuple(pieces_of(_texts(store, wish, with_text), lambda: _staying(store, wish, going))),
    )


def forget(store: Store, planned: Plan, purge: Callable[[], object] | None = None) -> None:
    """Erase it; `purge` throws away what is derived from the store and was noted to go."""
    wish = planned.wish
    if wish.owner is None:
        store.forget_everything()
    elif wish.sources:
        store.documents.remove(wish.owner, planned.sources)
    elif wish.feedback:
        store.consent.withdraw(wish.owner.name)
    elif wish.owner.kind == "user":
        store.forget_user(wish.owner.name)
    else:
        store.forget_collection(wish.owner.name)
    if purge is not None:
        purge()


def proven(
    open_store: Callable[[], S],
    wish: Wish,
    places: Sequence[Path],
    *,
    agreed: Callable[[Plan], bool] = lambda planned: True,
    purge: Callable[[S], object] | None = None,
    spell: Spell | None = None,
) -> tuple[Plan, Proof | None]:
    """Plan, ask, search, forget, search again; no proof where nobody agreed.

    places: files and folders to search, whether or not they are there. `open_store` is called
    twice: the searches are made while no store is open.
    """
    store = open_store()
    try:
        if purge is not None:
            purge(store)  # what a forgetting that was ended has left to be thrown away
        planned = plan(store, wish)
        sealed = store.derived.cipher is not None
    finally:
        store.close()
    if not agreed(planned):
        return planned, None
    before = search(planned.pieces, places, spell=spell)
    store = open_store()
    try:
        forget(store, planned, None if purge is None else lambda: purge(store))
    finally:
        store.close()
    return planned, Proof(before, search(planned.pieces, places, spell=spell), sealed)


def _check_meant(store: Store, wish: Wish, owner: Owner) -> None:
    """Raise for a wish that meets neither a document nor feedback, unless more than those go."""
    whose = f"the {owner.kind} {owner.name!r}"
    unknown = None if is_known(store, owner) else said_unknown(store, owner)
    if wish.scope == "sources":
        names = ", ".join(map(repr, wish.sources))
        remedy = unknown or "`tecla learned` lists what is known"
        raise OptionError(f"nothing was learnt from {names} for {whose}; {remedy}")
    if unknown is not None:
        raise OptionError(unknown)
    if wish.scope == "feedback" and store.consent.since_s(owner.name) is None:
        raise OptionError(f"{whose} has not agreed that text is kept, and none is")


def _documents(store: Store, wish: Wish) -> Iterator[Document]:
    owners = None if wish.owner is None else [wish.owner]
    roots = _roots(wish.sources)
    for each in store.documents.all(owners):
        if wish.scope == "feedback" and each.kind != OF_FEEDBACK:
            continue
        if not wish.sources or each.source in wish.sources or _is_within(each.source, roots):
            yield each


def _roots(names: Iterable[str]) -> set[Path]:
    """Files and folders as they are named and as they were learnt, whether or not they are there.

    What is learnt is named with links resolved, and a link may still be there when a file is not.
    """
    paths = [Path(name).expanduser() for name in names]
    return {path.absolute() for path in paths} | {Path(os.path.realpath(path)) for path in paths}


def _is_within(source: str, roots: Iterable[Path]) -> bool:
    return any(is_within(source, root) for root in roots)


def _texts(store: Store, wish: Wish, documents: Sequence[Document]) -> list[str]:
    texts = [
        "".join(piece.text for piece in store.documents.passages_of(each.id)) for each in documents
    ]
    if wish.scope != "sources":
        for event in store.feedback.events(_events(wish)):
            if event.text is not None:
                texts.append(event.text.before + event.text.text)
    return texts


def _staying(store: Store, wish: Wish, going: set[int]) -> Iterator[str]:
    if wish.owner is None:
        return
    for owner in store.documents.owners():
        held = groupby(store.documents.passages(owner), lambda each: each.document)
        for document, pieces in held:
            if document not in going:
                yield "".join(each.text for each in pieces)
    for event in store.feedback.events():
        staying = wish.scope == "sources" or getattr(event, wish.owner.kind) != wish.owner.name
        if staying and event.text is not None:
            yield event.text.before + event.text.text


def _events(wish: Wish) -> EventFilter:
    if wish.owner is None:
        return EVERY
    if wish.owner.kind == "user":
        return EventFilter(user=wish.owner.name)
    return EventFilter(collection=wish.owner.name)
