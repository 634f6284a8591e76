"""How the typists of `replay.py` ask a system, and what comes of every key.

A client holds no model; it learns of one key at a time and fills in the answer when it comes, also
one that comes too late. A typist who hits the next key cancels what waits for the last one.

- `tecla`: JSON lines over one loopback connection a typist; a newer line supersedes the older.
- `llama-server`: HTTP, one connection a key, one slot a typist, prompt cache on. The client
  streams, as a hang-up then stops the work within one token; without streaming the server looks
  for it once a second. Greedy is `top_k` 1: an empty list of samplers draws at random even at
  temperature 0.
- `llama-server-deadline`: the same; at the deadline the client takes what has been streamed.
- `transformers`: JSON lines as well; the newest key waits for the running call of `generate`.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from replay_children import Options
from replay_typists import Typist

LEAST_CHARS: Final = 2
COUNTERS_S: Final = 30.0
SETTLE_S: Final = 1.0  # after the last key, for answers that come too late

Outcome = Literal["ready", "short", "silent", "refused", "failed", "superseded"]
OUTCOMES: Final[tuple[Outcome, ...]] = (
    "ready",
    "short",
    "silent",
    "refused",
    "failed",
    "superseded",
)


@dataclass(slots=True)
class Asked:
    """One key sent to a system; the client fills in the answer, also one that comes too late.

    `evaluated_tokens` is None where the system does not say it of a single request.
    """

    before: str
    sent_s: float = 0.0
    dropped_s: float = 0.0  # when the next key was hit
    shown_s: float | None = None  # when there was enough to read
    replied_s: float | None = None
    early: str = ""  # what was shown before the reply
    text: str = ""
    silence: str | None = None
    partial: bool = False
    refused: bool = False
    failed: str | None = None
    evaluated_tokens: int | None = None
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, text: str) -> None:
        """Note what is shown before the reply, of which more may come."""
        self.early = text
        if self.shown_s is None and _is_readable(text):
            self.shown_s = time.perf_counter()

    def reply(self, **values: Any) -> None:
        """Fill in the answer, now."""
        self.replied_s = time.perf_counter()
        for name, value in values.items():
            setattr(self, name, value)
        if self.shown_s is None and self.readable:
            self.shown_s = self.replied_s
        self.done.set()

    @property
    def readable(self) -> bool:
        """Whether the reply, early or late, holds enough text to be an answer."""
        return _is_readable(self.text)

    @property
    def seen(self) -> str:
        """The text that was shown when the next key was hit."""
        return self.text if self.is_in_time else self.early

    @property
    def is_in_time(self) -> bool:
        """Whether the reply came before the next key was hit."""
        return self.replied_s is not None and self.replied_s <= self.dropped_s

    @property
    def outcome(self) -> Outcome:
        """What became of the key."""
        if self.failed or self.refused:
            return "refused" if self.refused else "failed"
        if not self.is_in_time:
            shown = self.shown_s is not None and self.shown_s <= self.dropped_s
            return "ready" if shown else "superseded"
        if self.silence:
            return "superseded" if self.silence == "superseded" else "silent"
        return "ready" if self.readable else "short"

    @property
    def served_ms(self) -> float:
        """From key to reply, early or late; infinite if there was none."""
        return math.inf if self.replied_s is None else (self.replied_s - self.sent_s) * 1000

    @property
    def ready_ms(self) -> float:
        """From key to the first text that can be read; infinite if none was in time."""
        if self.outcome != "ready" or self.shown_s is None:
            return math.inf
        return (self.shown_s - self.sent_s) * 1000


def _is_readable(text: str) -> bool:
    return len(text.rstrip()) >= LEAST_CHARS


class Client(Protocol):
    """How typists ask a system."""

    async def connect(self, port: int, typists: int) -> None:
        """Open what is held open, one for each typist."""

    async def ask(self, typist: int, asked: Asked) -> None:
        """Send one key and wait for its answer; cancelled when the typist hangs up."""

    async def tokens(self) -> int:
        """Tokens evaluated so far."""

    async def close(self) -> None:
        """Close what is held open."""


class LineClient:
    """JSON lines: tecla and transformers."""

    def __init__(self) -> None:
        self._writers: list[asyncio.StreamWriter] = []
        self._readers: list[asyncio.Task[None]] = []
        self._waiting: dict[int, Asked] = {}

    async def connect(self, port: int, typists: int) -> None:
        """One connection a typist, and one for the counters."""
        for _ in range(typists + 1):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            self._writers.append(writer)
            self._readers.append(asyncio.create_task(self._listen(reader)))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            values = json.loads(line)
            number = values.pop("id")
            if "early" in values:
                if number in self._waiting:
                    self._waiting[number].show(values["early"])
            elif asked := self._waiting.pop(number, None):
                asked.reply(**values)

    async def ask(self, typist: int, asked: Asked) -> None:
        """Send the key; the child drops the older request of this typist by itself."""
        await self._send(typist, asked, asked.before)

    async def _send(self, typist: int, asked: Asked, before: str | None) -> None:
        self._waiting[id(asked)] = asked
        self._writers[typist].write(json.dumps([id(asked), before]).encode() + b"\n")
        await asked.done.wait()

    async def tokens(self) -> int:
        """Ask the child's counter."""
        asked = Asked("")
        await asyncio.wait_for(self._send(-1, asked, None), COUNTERS_S)
        return asked.evaluated_tokens or 0

    async def close(self) -> None:
        """Close all connections."""
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        for writer in self._writers:
            writer.close()


class HttpClient:
    """llama.cpp's server: a connection for each key, dropped when the typist hangs up."""

    def __init__(self, max_tokens: int, deadline_ms: int | None) -> None:
        self._port = 0
        self._deadline_s = None if deadline_ms is None else deadline_ms / 1000
        self._body: dict[str, Any] = {
            "n_predict": max_tokens,
            "samplers": ["top_k"],
            "top_k": 1,
            "stop": ["\n"],
            "stream": True,
            "cache_prompt": True,
            "response_fields": ["content", "stop"],
        }

    async def connect(self, port: int, typists: int) -> None:
        """Remember the port."""
        self._port = port

    async def ask(self, typist: int, asked: Asked) -> None:
        """Stream one completion from the typist's own slot."""
        body = json.dumps({**self._body, "prompt": asked.before, "id_slot": typist}).encode()
        parts: list[str] = []
        try:
            async with asyncio.timeout(self._deadline_s):
                failed = await self._stream(body, parts, asked)
            asked.reply(text="".join(parts), failed=failed, refused=failed == "503")
        except TimeoutError:
            silence = None if parts else "deadline"
            asked.reply(text="".join(parts), partial=True, silence=silence)
        except OSError as error:
            asked.reply(failed=type(error).__name__)

    async def _stream(self, body: bytes, parts: list[str], asked: Asked) -> str | None:
        """Gather the text of a completion in `parts`; the status if it failed."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            head = f"POST /completion HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
            writer.write(head.encode() + b"\r\nConnection: close\r\n\r\n" + body)
            status = (await reader.readline()).split(b" ")[1:2]
            if status != [b"200"]:
                return status[0].decode() if status else "no answer"
            while line := await reader.readline():
                if line.startswith(b"data: "):
                    event = json.loads(line[6:])
                    if "error" in event:
                        return str(event["error"]["code"])
                    parts.append(event["content"])
                    asked.show("".join(parts))
                    if event["stop"]:
                        return None
            return "cut off"
        finally:
            writer.transport.abort()

    async def tokens(self) -> int:
        """Tokens of prompts evaluated and tokens generated, of dropped requests as well."""
        text = await asyncio.to_thread(self._metrics)
        counts = dict(re.findall(r"^llamacpp:(\w+) (\S+)$", text, re.MULTILINE))
        return int(float(counts["prompt_tokens_total"]) + float(counts["tokens_predicted_total"]))

    def _metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics") as response:
            return str(response.read(), "utf-8")

    async def close(self) -> None:
        """Nothing is held open."""


def client_of(system: str, options: Options) -> Client:
    """The client of a system."""
    if system == "llama-server":
        return HttpClient(options.max_tokens, None)
    if system == "llama-server-deadline":
        return HttpClient(options.max_tokens, options.deadline_ms)
    return LineClient()


async def type_keys(client: Client, number: int, typist: Typist, start_s: float) -> list[Asked]:
    """Hit the keys of one typist at their times; what came of each."""
    keys = []
    nexts_s = [key.at_s for key in typist.keys[1:]] + [typist.end_s]
    for key, next_s in zip(typist.keys, nexts_s, strict=True):
        await asyncio.sleep(start_s + key.at_s - time.perf_counter())
        asked = Asked(key.before, sent_s=time.perf_counter())
        task = asyncio.create_task(client.ask(number, asked))
        await asyncio.wait({task}, timeout=start_s + next_s - time.perf_counter())
        if task.cancel():
            await asyncio.wait({task})
        else:
            task.result()
        await asyncio.sleep(start_s + next_s - time.perf_counter())
        asked.dropped_s = time.perf_counter()
        keys.append(asked)
    return keys


async def type_all(
    client: Client, typists: Sequence[Typist]
) -> tuple[list[list[Asked]], list[float]]:
    """All typists at once; what came of every key, and how late each key was sent, in ms."""
    start_s = time.perf_counter() + 0.1
    answers = await asyncio.gather(
        *(type_keys(client, number, typist, start_s) for number, typist in enumerate(typists))
    )
    await asyncio.sleep(SETTLE_S)
    lags_ms = [
        (asked.sent_s - start_s - key.at_s) * 1000
        for typist, keys in zip(typists, answers, strict=True)
        for key, asked in zip(typist.keys, keys, strict=True)
    ]
    return answers, lags_ms
