"""A program that holds many sessions open and answers pings: `python crowd.py PORT NUMBER`.

It says how many are open, and then keeps them until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

_AT_ONCE = 50


class Member(asyncio.Protocol):
    """One connection."""

    def __init__(self, port: int, name: str) -> None:
        self._client = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/v1/session"))
        self._opening = {"type": "open", "revision": 1, "text": "", "caret": 0, "session": name}
        self.opened: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._client.send_request(self._client.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._client.receive_data(data)
        for event in self._client.events_received():
            if isinstance(event, Response):
                self._client.send_text(json.dumps(self._opening).encode())
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._settle(True)
            elif isinstance(event, Frame) and event.opcode is Opcode.CLOSE:
                self._settle(False)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle(False)

    def _settle(self, is_open: bool) -> None:
        if not self.opened.done():
            self.opened.set_result(is_open)

    def _flush(self) -> None:
        self._transport.writelines(self._client.data_to_send())


async def hold(port: int, number: int) -> None:
    loop = asyncio.get_running_loop()
    members: list[Member] = []

    async def join(name: int) -> bool:
        async with room:
            member = Member(port, f"member {name}")
            members.append(member)
            await loop.create_connection(lambda: member, "127.0.0.1", port)
            return await member.opened

    room = asyncio.Semaphore(_AT_ONCE)
    found = await asyncio.gather(*map(join, range(number)))
    print(sum(found), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(hold(int(sys.argv[1]), int(sys.argv[2])))
