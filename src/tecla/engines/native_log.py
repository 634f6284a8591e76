"""llama.cpp's log messages, silenced on the terminal and routed to `logging`.

Loading a model emits some 2,300 messages, so a message is filtered by its level before its
text is decoded. Continuations (level 5) belong to the message before them. The callback is
kept referenced by this module: native code calls it for as long as the process lives.
"""

from __future__ import annotations

import ctypes
import logging
from collections import deque

from tecla.engines.native import native

logger = logging.getLogger("tecla.engines.llama")

_LEVELS = {1: logging.DEBUG, 2: logging.INFO, 3: logging.WARNING, 4: logging.ERROR}
_CONTINUATION = 5

recent_errors: deque[str] = deque(maxlen=8)


class _State:
    level = logging.DEBUG


@native.llama_log_callback  # type: ignore[untyped-decorator]  # a ctypes function type
def _on_message(level: int, text: bytes, _user_data: object) -> None:
    if level != _CONTINUATION:
        _State.level = _LEVELS.get(level, logging.DEBUG)
    if _State.level < logging.ERROR and not logger.isEnabledFor(_State.level):
        return
    message = text.decode("utf-8", errors="replace").rstrip()
    if not message:
        return
    if _State.level >= logging.ERROR:
        recent_errors.append(message)
    # What native code calls an error reaches the caller as an exception with this text.
    logger.log(min(_State.level, logging.INFO), "%s", message)


def install() -> None:
    """Send llama.cpp's messages to the logger `tecla.engines.llama`; safe to call again."""
    native.llama_log_set(_on_message, ctypes.c_void_p(0))
    native.llama_backend_init()


def take_errors() -> str:
    """The native error messages since the last call, joined; empty if there were none."""
    joined = "; ".join(recent_errors)
    recent_errors.clear()
    return joined
