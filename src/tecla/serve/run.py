"""Runs the service: one process that listens, one that computes.

uvicorn on one event loop, with the protocols of `tecla.serve.protocols`. SIGHUP reads the settings
again, SIGTERM and SIGINT end the service in good order and with exit status 0, and one line says
what is served.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from tecla.controller.systems import Systems
from tecla.errors import ConfigError, TeclaError
from tecla.serve.app import make_app
from tecla.serve.gate import is_loopback
from tecla.serve.metrics import Metrics
from tecla.serve.protocols import (
    BACKLOG,
    HEAD_BYTES,
    SocketProtocol,
    http_protocol,
    most_connections,
)
from tecla.serve.service import Service, opened
from tecla.settings import Settings
from tecla.store.sqlite import SqliteStore

_GRACE_S: Final = 5  # what is at work when the service is stopped has so long
_BYTES_PER_CHAR: Final = 12  # of a character beyond the BMP, escaped
_MESSAGE_SLACK: Final = 64 << 10
_REMEDIES: Final = {
    errno.EADDRINUSE: "end what listens there, or give another --port (0 takes any that is free)",
    errno.EADDRNOTAVAIL: "give a --host that is an address of this machine",
    errno.EACCES: "give a --port above 1023",
}
_log = logging.getLogger("tecla.serve")


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
        gc.collect()
        gc.freeze()  # what is loaded stays, and looking through it would stop the loop for 40 ms
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

    async def shutdown(self, sockets: list[Any] | None = None) -> None:
        """Take nothing new, finish what is at work or refuse it, and end."""
        self._service.is_closing = True  # whoever asks how it is, is told
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Have signals end the service, and nothing but the service."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _reload(self) -> None:
        async def reload() -> None:
            try:
                await self._service.reload()
            except TeclaError as error:
                _log.error("the settings are not taken up: %s", error)
                return
            wanted = self._service.settings.serve
            if (wanted.host, wanted.port) != (self.config.host, self.config.port):
                _log.warning(
                    "host and port are %s:%d now, but stay %s:%d until the service is started anew",
                    wanted.host,
                    wanted.port,
                    self.config.host,
                    self.config.port,
                )

        task = asyncio.get_running_loop().create_task(reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)


def serve(read_settings: Callable[[], Settings], *, without_keys: bool = False) -> None:
    """Serve until stopped, by settings that are read now and whenever that is asked for.

    Raises `TeclaError` where that cannot begin.
    """
    settings = read_settings()
    wanted = settings.serve
    if hasattr(signal, "SIGHUP") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what is being read is new
    with SqliteStore.open(settings.paths.store_file) as store:
        has_keys = any(key.revoked_s is None for key in store.keys.all())
        if not has_keys and not without_keys and not is_loopback(wanted.host):
            raise ConfigError(
                f"host is {wanted.host!r}, which other machines reach, and there are no keys; make "
                "one with `tecla keys make NAME`, or say --without-keys"
            )
        check_address(wanted.host, wanted.port)
        suggester = opened(settings)
        asks = has_keys and not without_keys
        service = Service(
            settings, suggester, store, asks_for_keys=asks, read_settings=read_settings
        )
        try:
            Server(config_of(service, most_connections()), service).run()
        finally:
            suggester.close()
            _log.info("the service has ended")


def check_address(host: str, port: int) -> None:
    """Raise `ConfigError` where nobody can listen now, before a model is loaded for it."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigError(
            f"host is {host!r}, which has no address ({error.strerror}); give one of this machine"
        ) from error
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as end:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                end.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                end.bind(address)
            except OSError as error:
                remedy = _REMEDIES.get(error.errno or 0, "give another host or port")
                raise ConfigError(
                    f"host is {host!r} and port {port}, where the service cannot listen "
                    f"({error.strerror}); {remedy}"
                ) from error


def config_of(
    service: Service, most: int, metrics: Metrics | None = None, systems: Systems | None = None
) -> uvicorn.Config:
    """How a service is served, with at most so many connections of all kinds."""
    wanted = service.settings.serve
    return uvicorn.Config(
        make_app(service, metrics, systems),
        host=wanted.host,
        port=wanted.port,
        http=http_protocol(most),
        ws=SocketProtocol,
        ws_max_size=wanted.chars * _BYTES_PER_CHAR + _MESSAGE_SLACK,
        ws_per_message_deflate=False,
        h11_max_incomplete_event_size=HEAD_BYTES,
        timeout_graceful_shutdown=_GRACE_S,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        lifespan="on",
    )
