"""Runs the service: one process that listens, one that computes.

uvicorn on one event loop. What it lacks is added here: a connection that does not send a whole
request in time is closed (`TimedProtocol`), SIGHUP reads the settings again, and one line says what
is served.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import suppress
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tecla.errors import ConfigError, TeclaError
from tecla.process.remote import RemoteSuggester
from tecla.serve.app import make_app
from tecla.serve.gate import is_loopback
from tecla.serve.service import Service
from tecla.settings import Settings
from tecla.store.sqlite import SqliteStore

HEAD_S: Final = 10.0  # a request's head must be there within
_HEAD_BYTES: Final = 16 << 10
_GRACE_S: Final = 5  # what is at work when the service is stopped has so long
_MESSAGE_SLACK: Final = 64 << 10
_log = logging.getLogger("tecla.serve")


class TimedProtocol(H11Protocol):
    """HTTP/1.1, for clients that send the head of a request in time."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(HEAD_S, self._too_late)

    def handle_events(self) -> None:
        """Stop waiting once a head is there; wait again for the next one."""
        before = self.scope
        super().handle_events()
        if self.scope is not before and self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for."""
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        super().connection_lost(exc)

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


class Server(uvicorn.Server):
    """A uvicorn server that says what it serves, and reads its settings again when asked."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        """Serve the app of `config`, which is that of `service`."""
        super().__init__(config)
        self._service = service
        self._reloads: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Listen, and say so in one line."""
        await super().startup(sockets)
        if self.should_exit:
            return
        with suppress(NotImplementedError, RuntimeError):  # not on the main thread, or no Unix
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)
        service = self._service
        port = self.servers[0].sockets[0].getsockname()[1] if self.servers else 0
        _log.info(
            "serving %s on http://%s:%d (%s)",
            service.suggester.info.name,
            self.config.host,
            port,
            "with keys" if service.guard.asks_for_keys else "without keys",
        )

    def _reload(self) -> None:
        async def reload() -> None:
            try:
                await self._service.reload()
            except TeclaError as error:
                _log.error("the settings are not taken up: %s", error)

        task = asyncio.get_running_loop().create_task(reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)


def serve(settings: Settings, *, without_keys: bool = False) -> None:
    """Serve until stopped; raises `TeclaError` where that cannot begin."""
    wanted = settings.serve
    with SqliteStore.open(settings.paths.store_file) as store:
        has_keys = any(key.revoked_s is None for key in store.keys.all())
        if not has_keys and not without_keys and not is_loopback(wanted.host):
            raise ConfigError(
                f"host is {wanted.host!r}, which other machines reach, and there are no keys; make "
                "one with `tecla keys make NAME`, or say --without-keys"
            )
        suggester = RemoteSuggester(settings)
        asks = has_keys and not without_keys
        service = Service(settings, suggester, store, asks_for_keys=asks)
        config = uvicorn.Config(
            make_app(service),
            host=wanted.host,
            port=wanted.port,
            http=TimedProtocol,
            ws="websockets-sansio",
            ws_max_size=wanted.chars * 12 + _MESSAGE_SLACK,
            ws_per_message_deflate=False,
            h11_max_incomplete_event_size=_HEAD_BYTES,
            timeout_graceful_shutdown=_GRACE_S,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="on",
        )
        try:
            Server(config, service).run()
        finally:
            suggester.close()
