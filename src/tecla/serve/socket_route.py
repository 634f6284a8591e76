"""`WS /v1/session`: one text as it is written, edits in and suggestions out.

A connection is three small loops: one reads messages into a short queue, one works through it, one
sends. What is read while the work is behind is done together: every edit is made, and the newest
state alone is asked about. What is sent while the client is behind is the newest answer alone. A
client that sends what is no message, falls out of step with its own text or does not read is cut
off with a reason; it may come back with its whole text and go on.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections import deque
from contextlib import ExitStack, suppress
from typing import Any, Final

import anyio
from fastapi import WebSocket, WebSocketDisconnect
from pydantic import ValidationError

from tecla.controller.suggestion import Suggestion
from tecla.errors import ForbiddenError, InputError, OverloadedError, TeclaError
from tecla.serve.gate import caller_of, error_document
from tecla.serve.guard import Caller
from tecla.serve.invalid import first_fault
from tecla.serve.metrics import Metrics
from tecla.serve.pace import Pace
from tecla.serve.service import Service
from tecla.serve.texts import OpenText, Owner
from tecla.serve.wire import (
    CLIENT_MESSAGE,
    AcceptMessage,
    ClientMessage,
    DismissMessage,
    EditMessage,
    ListMessage,
    OpenMessage,
    Wishes,
    WishMessage,
    answer_of,
    utf16_length,
)
from tecla.text.snapshot import Edit, Snapshot

OPEN_S: Final = 10.0  # the first message must come within
SEND_S: Final = 10.0  # and every answer be read within
MOST_WAITING: Final = 64
NONSENSE, OUT_OF_STEP, NO_KEY, SLOW, CROWDED, ENDED = 4400, 4409, 4401, 4408, 4429, 1012
_LISTED: Final = 6
_REASON_BYTES: Final = 123  # of a close frame, RFC 6455


class CutOffError(Exception):
    """Why a connection ends here: a close code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Connection:
    """One client, one text."""

    def __init__(self, service: Service, metrics: Metrics, socket: WebSocket) -> None:
        """Accepted already."""
        self._service, self._metrics, self._socket = service, metrics, socket
        self._inbox: deque[ClientMessage] = deque()
        self._outbox: deque[dict[str, Any]] = deque()
        self._came, self._room, self._due = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._caller: Caller | None = None
        self._text: OpenText | None = None
        self._name = ""
        self._snapshot = Snapshot()
        self._revision = -1
        self._is_new = False  # nobody was asked about the text as it stands
        self._settling: asyncio.Task[None] | None = None
        self._pace: Pace | None = None
        self._is_sending = False

    async def run(self) -> None:
        """Serve until either side ends it."""
        with ExitStack() as held:
            try:
                opening = await self._first()
                self._enter(opening, held)
                async with anyio.create_task_group() as loops:
                    for loop in (self._read, self._send, self._work):
                        loops.start_soon(loop)
            except* WebSocketDisconnect:
                pass
            except* CutOffError as several:
                await self._end(_first_of(several))
            finally:
                self._leave()

    # The first message

    async def _first(self) -> OpenMessage:
        try:
            async with asyncio.timeout(OPEN_S):
                message = await self._message()
        except TimeoutError:
            raise CutOffError(SLOW, f"no message came within {OPEN_S:.0f} s") from None
        if not isinstance(message, OpenMessage):
            raise CutOffError(NONSENSE, f"the first message is {message.type}; it must be open")
        return message

    def _enter(self, opening: OpenMessage, held: ExitStack) -> None:
        """Find out who it is, and take up the text."""
        service = self._service
        header = self._socket.headers.get("authorization", "").encode("latin-1")
        try:
            caller = caller_of(service.guard, header, opening.key)
            caller.check("suggest")
            service.guard.count(caller)
            held.enter_context(caller.at_work())
            self._caller, self._pace = caller, Pace(service.guard, caller)
            self._name = opening.session or secrets.token_urlsafe(12)
            owner = Owner(caller.key_id, opening.user, opening.collection)
            text = service.texts.get(owner, self._name)
        except OverloadedError as error:
            raise CutOffError(CROWDED, str(error)) from error
        except TeclaError as error:
            raise CutOffError(NO_KEY, str(error)) from error
        if text.is_connected:
            raise CutOffError(OUT_OF_STEP, "this session is open in another connection")
        text.is_connected, self._text = True, text
        self._say({
            "type": "opened",
            "session": self._name,
            "revision": opening.revision,
            "chars": caller.chars,
        })  # fmt: skip
        self._take_up(opening)

    def _take_up(self, opening: OpenMessage) -> None:
        assert self._text is not None
        self._wish(opening)
        try:
            self._snapshot = Snapshot(opening.text).moved(opening.caret, "utf16")
        except InputError as error:
            raise CutOffError(OUT_OF_STEP, str(error)) from error
        self._check_size()
        self._revision = opening.revision
        self._ask()

    def _wish(self, wishes: Wishes) -> None:
        assert self._text is not None
        try:
            self._service.wish(self._text, wishes)
        except ForbiddenError as error:
            raise CutOffError(NONSENSE, str(error)) from error

    def _leave(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
        if self._text is not None:
            self._text.is_connected = False
            self._text.writer.give_up()

    # The three loops

    async def _read(self) -> None:
        while True:
            message = await self._message()
            while len(self._inbox) >= MOST_WAITING:
                self._room.clear()
                await self._room.wait()
            self._inbox.append(message)
            self._came.set()

    async def _work(self) -> None:
        while True:
            await self._came.wait()
            self._came.clear()
            self._take()
            if self._is_new:
                waited_ms = await self._service.turns.mine()
                self._take()  # what has come meanwhile
                if self._is_new:
                    self._ask(waited_ms)
            await self._flush()
            assert self._pace is not None
            if self._pace.is_flood:
                most = f"{self._pace.rate:g}"
                raise CutOffError(CROWDED, f"far more than {most} messages a second; send fewer")
            await asyncio.sleep(self._pace.pause_s())

    async def _send(self) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            await self._flush()

    # What the loops are made of

    def _take(self) -> None:
        """Do what was read so far."""
        while self._inbox:
            self._handle(self._inbox.popleft())
        self._room.set()

    async def _flush(self) -> None:
        """Send what is to be said, unless that is being done."""
        if self._is_sending:
            return
        self._is_sending = True
        try:
            while self._outbox:
                text = json.dumps(self._outbox.popleft(), ensure_ascii=False)
                async with asyncio.timeout(SEND_S):
                    await self._socket.send_text(text)
        except TimeoutError:
            raise CutOffError(SLOW, "answers are not read") from None
        finally:
            self._is_sending = False

    async def _message(self) -> ClientMessage:
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        data = received.get("text")
        if data is None:
            raise CutOffError(NONSENSE, "a message is bytes; messages are JSON text")
        try:
            return CLIENT_MESSAGE.validate_json(data)
        except ValidationError as error:
            fault = first_fault(error.errors(include_input=False, include_url=False))
            raise CutOffError(NONSENSE, str(fault)) from None

    def _handle(self, message: ClientMessage) -> None:
        """Do what a message asks for."""
        assert self._caller is not None
        assert self._text is not None
        if not self._service.guard.still(self._caller):
            raise CutOffError(NO_KEY, "this key has ended or was revoked")
        match message:
            case EditMessage():
                self._advance(message.revision)
                self._edit(message)
            case AcceptMessage():
                self._accept(message)
            case DismissMessage():
                assert self._pace is not None
                self._pace.is_within()
                if message.revision == self._revision:
                    self._catch_up()
                    self._text.writer.dismiss()
                    self._stop_settling()
            case ListMessage():
                if message.revision == self._revision and self._may_ask():
                    self._list()
            case WishMessage():
                if self._may_ask():
                    self._wish(message)
            case OpenMessage():
                raise CutOffError(NONSENSE, "open is the first message alone")

    def _advance(self, revision: int) -> None:
        if revision <= self._revision:
            raise CutOffError(
                OUT_OF_STEP, f"revision {revision} comes after {self._revision}; count upwards"
            )
        self._revision = revision

    def _edit(self, message: EditMessage) -> None:
        try:
            edited = self._snapshot.edited(Edit(message.start, message.end, message.text, "utf16"))
            if message.caret is not None:
                edited = edited.moved(message.caret, "utf16")
        except InputError as error:
            raise CutOffError(OUT_OF_STEP, str(error)) from error
        self._snapshot, self._is_new = edited, True
        self._check_size()

    def _catch_up(self) -> None:
        """Ask about edits that came with what is to be done now: it is of the text behind them."""
        if self._is_new:
            self._ask()

    def _accept(self, message: AcceptMessage) -> None:
        assert self._text is not None
        self._catch_up()  # what was typed is no part of what was taken
        self._advance(message.revision)
        writer = self._text.writer
        ghost = writer.suggestion.ghost
        is_known = writer.snapshot == self._snapshot and ghost is not None
        self._snapshot = self._snapshot.typed(message.text)
        self._check_size()
        if not is_known or ghost is None or not ghost.text.startswith(message.text):
            self._is_new = True
            return
        self._metrics.took(message.text)
        writer.take(len(message.text))
        self._follow(writer.suggestion, time.monotonic())

    def _list(self) -> None:
        """Everything that could be shown here."""
        assert self._text is not None
        self._catch_up()
        ghosts = self._text.writer.ghosts()[:_LISTED]
        items = [{"text": each.text, "probability": each.probability} for each in ghosts]
        self._say({"type": "list", "revision": self._revision, "items": items})

    def _ask(self, waited_ms: float = 0.0) -> None:
        """Ask about the newest state of the text, which has waited so long for its turn."""
        assert self._caller is not None
        assert self._text is not None
        self._stop_settling()
        self._is_new = False
        began = time.monotonic() - waited_ms / 1000
        if not self._may_ask():
            self._text.writer.give_up()  # what it was asked about is no more
            return
        self._text = self._service.texts.current(self._text, self._name)
        self._text.revision = self._revision
        try:
            first = self._service.answer(self._text, self._snapshot, waited_ms)
        except OverloadedError as error:
            self._refuse(error)
            self._text.writer.give_up()
            return
        self._follow(first, began)

    def _may_ask(self) -> bool:
        """Whether one more question is answered; if not, says so."""
        assert self._pace is not None
        try:
            self._pace.count()
            self._service.pressure.check()
        except OverloadedError as error:
            self._refuse(error)
            return False
        return True

    def _follow(self, first: Suggestion, began: float) -> None:
        """Tell an answer, and what becomes of it."""
        self._answer(first, began)
        if not first.settled:
            self._stop_settling()
            self._settling = asyncio.create_task(self._settle(first.revision, began))

    async def _settle(self, revision: int, began: float) -> None:
        assert self._text is not None
        found = await self._service.settle(writer := self._text.writer)
        if self._text.writer is not writer:  # what it was found from was forgotten meanwhile
            found = Suggestion(revision, None, silence="nothing_found", settled=True)
        if found.revision == revision:
            self._answer(found, began)

    def _stop_settling(self) -> None:
        if self._settling is not None and not self._settling.done():
            self._settling.cancel()
            self._metrics.superseded.inc()
        self._settling = None

    def _answer(self, found: Suggestion, began: float) -> None:
        """Say what is known of the newest revision."""
        assert self._text is not None
        answer = answer_of(found, self._revision)
        writer = self._text.writer
        quiet = found.quiet_chars(writer.manner, in_haste=writer.most_classical is not None)
        answer.quiet = utf16_length(answer.text[:quiet])
        self._say({"type": "suggestion", **answer.model_dump(exclude_defaults=True)})
        if found.settled:
            self._metrics.answered(found, time.monotonic() - began)

    def _refuse(self, error: OverloadedError) -> None:
        self._metrics.refused.labels(error.code).inc()
        self._say({**error_document(error)["error"], "type": "refused", "revision": self._revision})

    def _say(self, message: dict[str, Any]) -> None:
        """Have a message sent, in place of one of its kind that was not sent yet."""
        self._outbox = deque(each for each in self._outbox if each["type"] != message["type"])
        self._outbox.append(message)
        self._due.set()

    def _check_size(self) -> None:
        assert self._caller is not None
        try:
            self._caller.check_chars(len(self._snapshot.before) + len(self._snapshot.after))
        except InputError as error:
            raise CutOffError(NONSENSE, str(error)) from error

    async def _end(self, why: CutOffError) -> None:
        with suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(SEND_S):
                reason = why.reason.encode()[:_REASON_BYTES].decode(errors="ignore")
                await self._socket.close(why.code, reason)


def _first_of(several: BaseExceptionGroup[CutOffError]) -> CutOffError:
    found: BaseException = several
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    assert isinstance(found, CutOffError)
    return found
