"""A session: one caret of one person, and its revisions."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from pathlib import Path

from typing_extensions import Unpack

from tecla.closing import Closing
from tecla.decode.request import Completed
from tecla.engines.state import tokens_of
from tecla.errors import EngineError, OptionError
from tecla.scheduler.terms import DEADLINE_MS
from tecla.scheduler.ticket import SessionKey, Ticket
from tecla.suggest.desk import Desk, make_ticket
from tecla.suggest.options import SuggestOptions
from tecla.suggest.saved import checked_target, read_saved, write_private


class Session(Closing):
    """Requests of one caret; a newer one supersedes the older, which then says so.

    May be used from any thread; close it when the text is closed.
    """

    def __init__(self, desk: Desk, key: SessionKey) -> None:
        """Made by `Suggester.session`."""
        self._desk, self._key = desk, key
        self._lock = threading.Lock()
        self._revision = 0
        self._closed = False

    @property
    def revision(self) -> int:
        """Number of the newest request."""
        return self._revision

    def suggest(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = DEADLINE_MS,
        **options: Unpack[SuggestOptions],
    ) -> Completed:
        """What `Suggester.suggest` gives, as the newest revision of this session."""
        return self._desk.ask(self._ticket(before, after, deadline_ms, options))

    async def asuggest(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = DEADLINE_MS,
        **options: Unpack[SuggestOptions],
    ) -> Completed:
        """`suggest` for asyncio; cancelling the task cancels the request."""
        return await self._desk.aask(self._ticket(before, after, deadline_ms, options))

    def begin(
        self,
        before: str,
        after: str = "",
        *,
        deadline_ms: float | None = DEADLINE_MS,
        **options: Unpack[SuggestOptions],
    ) -> Future[Completed]:
        """Ask as `suggest` does, without waiting: the answer to come, of the newest revision."""
        ticket = self._ticket(before, after, deadline_ms, options)
        self._desk.worker.submit(ticket)
        return ticket.answer

    def save(self, path: Path | str) -> int:
        """Write the KV memory of the text so far to a file; its size in bytes.

        The file is as private as the text, which it spells: only its owner may read it. Raises
        `OptionError` if there is nothing to save or the file cannot be written.
        """
        self._check_open()
        target = checked_target(path)
        state = self._desk.worker.call(lambda scheduler: scheduler.save_session(self._key))
        write_private(target, state)
        return len(state)

    def restore(self, path: Path | str) -> bool:
        """Take up a saved text again, so that it need not be read anew; whether it fitted.

        Raises `OptionError` if the file cannot be read, `EngineError` if it is damaged or of
        another model.
        """
        self._check_open()
        state = read_saved(path)
        try:
            tokens = tokens_of(state)
            return self._desk.worker.call(
                lambda scheduler: scheduler.restore_session(self._key, tokens, state)
            )
        except EngineError as error:
            raise EngineError(
                f"cannot restore from {str(path)!r}: {error}; ask as usual, and save it anew"
            ) from error

    def give_up(self) -> None:
        """Give up what was asked so far; what was read of the text stays. Never blocks."""
        revision = self._revision  # orders may overtake requests: a later one is not meant
        self._desk.worker.post(lambda scheduler: scheduler.give_up(self._key, revision))

    def close(self) -> None:
        """Give up what was asked and let go of what is held; safe to call twice."""
        with self._lock:
            self._closed = True
        self._desk.worker.post(lambda scheduler: scheduler.close_session(self._key))

    def _check_open(self) -> None:
        if self._closed:
            raise OptionError("this session was closed; open another")

    def _ticket(
        self, before: str, after: str, deadline_ms: float | None, options: SuggestOptions
    ) -> Ticket:
        """A new revision."""
        with self._lock:
            self._check_open()
            self._revision += 1
            revision = self._revision
        return make_ticket(before, after, deadline_ms, options, self._key, revision)
