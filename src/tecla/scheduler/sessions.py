"""What is remembered between two keys of one caret."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from tecla.decode.prompt import Prompt
from tecla.scheduler.job import Job
from tecla.scheduler.position import Position
from tecla.scheduler.ticket import SessionKey


class Caret:
    """One session: its window, its newest revision, and the text to be read ahead in idle time."""

    def __init__(self, key: SessionKey, long: Prompt, short: Prompt) -> None:
        """Nothing was asked yet."""
        self.key, self.long, self.short = key, long, short
        self.revision = -1
        self.job: Job | None = None
        self.ahead: Position | None = None  # pinned; to be held when there is time
        self.newest: Position | None = None  # pinned; the head of the newest text


class Carets:
    """All sessions that are open, the least recently used forgotten first."""

    def __init__(self, most: int, make: Callable[[SessionKey], Caret]) -> None:
        """Remember at most `most` sessions."""
        self._most, self._make = most, make
        self._carets: OrderedDict[SessionKey, Caret] = OrderedDict()

    def __len__(self) -> int:
        """Number of sessions remembered."""
        return len(self._carets)

    def get(self, key: SessionKey) -> Caret:
        """The session, made if it is new, and now the most recently used."""
        if key not in self._carets:
            self._carets[key] = self._make(key)
        self._carets.move_to_end(key)
        return self._carets[key]

    def find(self, key: SessionKey) -> Caret | None:
        """The session, if it is remembered."""
        return self._carets.get(key)

    def pop(self, key: SessionKey) -> Caret | None:
        """Forget a session."""
        return self._carets.pop(key, None)

    def superfluous(self) -> list[Caret]:
        """Old sessions without a request in work, beyond the limit."""
        over = len(self._carets) - self._most
        if over <= 0:
            return []
        return [caret for caret in self._carets.values() if caret.job is None][:over]

    def reading_ahead(self) -> list[Caret]:
        """Sessions with text to be read ahead, most recently used first."""
        return [caret for caret in reversed(self._carets.values()) if caret.ahead is not None]
