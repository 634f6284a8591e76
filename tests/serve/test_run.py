"""Where the service can listen, told before anything is loaded."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace

import pytest

from serve.serving import live
from tecla.errors import ConfigError
from tecla.serve.run import check_address


def test_an_address_that_somebody_has_is_told_with_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        port = there.getsockname()[1]
        with pytest.raises(ConfigError, match=f"'127.0.0.1' and port {port}.*another --port"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)
    check_address("127.0.0.1", 0)


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(ConfigError, match="address of this machine"):
        check_address("192.0.2.1", 0)


def test_a_host_that_there_is_none_of_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(ConfigError, match="'nosuch', which has no address"):
        check_address("nosuch", 0)


def test_settings_read_again_say_what_is_served_and_what_is_not_taken_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with live() as served, caplog.at_level(logging.INFO):
        before = served.service.settings
        moved = replace(before, serve=replace(before.serve, port=before.serve.port + 1))
        for wanted in (before, moved):
            served.service._read_settings = lambda wanted=wanted: wanted
            served.on_loop(served.server._reload)
            while served.on_loop(lambda: len(served.server._reloads)):
                pass
    told = [each.getMessage() for each in caplog.records if each.levelno >= logging.INFO]
    assert told.count("the settings were read again; serving fake") == 2
    assert sum("until the service is started anew" in each for each in told) == 1
