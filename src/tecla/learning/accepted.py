"""What somebody has accepted, as documents: one for each day, of events that carry text.

Events carry text only of who has consented, so without consent nothing is made here. Each holds the
end of what stood before the caret and what was put in there; where one begins in what the event
before it has, they are one text, so nothing counts twice. What was taken back is left out. The
texts go the way of all that is learnt: cleaned, and without sentences that hold a secret.

Withdrawing consent erases these documents with the text of the events (`ConsentBook.withdraw`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from typing import Final

from tecla.learning.cleaning import cleaned
from tecla.learning.duplicates import digest_of
from tecla.learning.passages import passages
from tecla.learning.redaction import redacted
from tecla.store.base import Store
from tecla.store.documents import OF_FEEDBACK, NewDocument
from tecla.store.events import EventFilter, FeedbackEvent, SuggestedText
from tecla.store.owners import Owner

SOURCE: Final = "accepted suggestions of "  # and the day
_JOINT_CHARS: Final = 24  # that are the same at the end of one text and in the next


def learn_accepted(store: Store, user: str) -> int:
    """Make the documents follow the events; how many days are new, have changed or are erased.

    The document of a day goes when all that was accepted on it has been taken back. Days that were
    learnt long ago stay as they are, also when their events are gone by age. Raises `StoreError`
    kinds.
    """
    owner = Owner("user", user)
    if store.consent.since_s(user) is None:
        return 0
    known = {
        each.source: bytes(each.digest)
        for each in store.documents.all([owner])
        if each.kind == OF_FEEDBACK
    }
    last = max(known, default="").removeprefix(SOURCE)
    since_s = None if not last else time.mktime(date.fromisoformat(last).timetuple())
    new, gone = [], []
    for day, events in _days(store, user, since_s):
        source, document = f"{SOURCE}{day}", _document(owner, day, events)
        if document is None and source in known:
            gone.append(source)
        elif document is not None and known.get(source) != document.digest:
            new.append(document)
    store.documents.put(new)
    if gone:
        store.documents.remove(owner, gone)
    return len(new) + len(gone)


def texts_of(accepted: Iterable[SuggestedText]) -> list[str]:
    """The texts that pieces come from, as far as they hang together."""
    texts: list[str] = []
    for each in accepted:
        joint = texts[-1][-_JOINT_CHARS:] if texts else ""
        at = each.before.rfind(joint) if joint else -1
        if at >= 0 and (at == 0 or len(joint) == _JOINT_CHARS):
            texts[-1] += each.before[at + len(joint) :] + each.text
        else:
            texts.append(each.before + each.text)
    return texts


def _days(
    store: Store, user: str, since_s: float | None
) -> Iterator[tuple[str, list[FeedbackEvent]]]:
    """The days that have events with text, in order, and what of each was not taken back."""
    kinds = EventFilter(
        user=user, kinds=("accepted", "part_accepted", "deleted_again"), since_s=since_s
    )
    events = list(store.feedback.events(kinds))
    gone = {each.suggestion for each in events if each.kind == "deleted_again"}
    told = sorted((each for each in events if each.text is not None), key=_day)
    for day, of_day in groupby(told, _day):
        yield day, [each for each in of_day if each.suggestion not in gone]


def _day(event: FeedbackEvent) -> str:
    return date.fromtimestamp(event.time_s).isoformat()


def _document(owner: Owner, day: str, events: list[FeedbackEvent]) -> NewDocument | None:
    texts = texts_of(each.text for each in events if each.text is not None)
    text, _ = redacted("\n\n".join(filter(None, map(cleaned, texts))))
    if not text.strip():
        return None
    return NewDocument(
        owner=owner,
        source=f"{SOURCE}{day}",
        kind=OF_FEEDBACK,
        digest=digest_of(text),
        time_s=max(each.time_s for each in events),
        size_bytes=len(text.encode()),
        passages=tuple(passages(text)),
    )
