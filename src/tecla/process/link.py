"""One end of the line between two processes: messages in order, until one of them is gone."""

from __future__ import annotations

import pickle
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress

from tecla.closing import Closing

_LENGTH = struct.Struct("!I")


class Link(Closing):
    """Sends from any thread without blocking, in a thread of its own; receives in the caller's.

    What waits to be sent is bounded by `most` messages, but for those that say that something is
    given up, of which there is at most one for each that was taken.
    """

    def __init__(self, end: socket.socket, most: int = 1024) -> None:
        """Take over one end of a pair of sockets."""
        self._socket, self._most = end, most
        self._reading = end.makefile("rb")
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._closed = False
        self._sender = threading.Thread(target=self._send_all, name="tecla-link", daemon=True)
        self._sender.start()

    def put(self, message: object, *, always: bool = False) -> bool:
        """Send some time soon; false if too much waits already or nobody is there any more."""
        data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        with self._changed:
            if self._closed or (len(self._waiting) >= self._most and not always):
                return False
            self._waiting.append(_LENGTH.pack(len(data)) + data)
            self._changed.notify()
        return True

    def __iter__(self) -> Iterator[object]:
        """Messages as they come; ends when the other end is gone."""
        while True:
            lead = self._read(_LENGTH.size)
            data = None if lead is None else self._read(*_LENGTH.unpack(lead))
            if data is None:
                return
            yield pickle.loads(data)

    def flush(self, timeout_s: float) -> None:
        """Block until everything is sent, the other end is gone, or the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._waiting, timeout_s)

    def close(self) -> None:
        """Give up what was not sent; the other end sees that nobody is here any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        with suppress(OSError):  # it may be gone already
            self._socket.shutdown(socket.SHUT_RDWR)
        if threading.current_thread() is not self._sender:
            self._sender.join()
        self._reading.close()
        self._socket.close()

    def _read(self, n_bytes: int) -> bytes | None:
        try:
            data = self._reading.read(n_bytes)
        except (OSError, ValueError):
            return None
        return data if len(data) == n_bytes else None

    def _send_all(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting)
                if self._closed:
                    return
                data = b"".join(self._waiting)
                n_sent = len(self._waiting)
            try:
                self._socket.sendall(data)
            except OSError:
                with self._changed:
                    self._closed = True
                    self._changed.notify_all()
                return
            with self._changed:
                for _ in range(n_sent):
                    self._waiting.popleft()
                self._changed.notify_all()
