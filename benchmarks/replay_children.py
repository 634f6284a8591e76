"""The processes of `replay.py`: each loads one system and answers until its input closes.

`Child` is the parent's side. The process is this file again, run with a system's name and its
`Options` as JSON, so neither tecla nor psutil may be imported at the top: the child of a peer runs
in that peer's own environment. Once the model is loaded, it prints a line of JSON with its port,
or one that says what is missing. Run without arguments, the file does nothing.

- `tecla`: one `Suggester`, and one session for each connection.
- `tecla-writer`: one `Controller`, and one writer for each connection.
- `llama-server`: llama.cpp's own server, carried by the wheel `xllamacpp`, with its defaults but
  for: one slot a typist, KV for 1,024 tokens in each, the threads, and no prompts put aside in RAM
  (texts do not come back here, so keeping them would only cost).
- `transformers`: `AutoModelForCausalLM.generate` as the tutorials call it, on the same weights out
  of the same GGUF file, as float32. A call takes one prompt, keeps nothing for the next one and
  cannot be stopped; keys that come while one runs wait, and only the newest of them is answered.

All of them end an answer where the line ends.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

SLOT_TOKENS: Final = 1024
_START_S: Final = 180
_TOLD: Final = 9  # a file descriptor

Early = Callable[[str], None]
Answer = Callable[[str, Early], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Options:
    """What every system is run with; `model` is the GGUF file."""

    model: str
    threads: int
    typists: int
    max_tokens: int
    deadline_ms: int
    kv_tokens: int
    min_probability: float
    tolerance: float


class MissingSystemError(Exception):
    """A system that cannot be started here, and why."""


class Child:
    """A system's process."""

    def __init__(self, system: str, python: str, options: Options) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `close`)
        self.process = subprocess.Popen(
            [python, __file__, system, json.dumps(asdict(options))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    async def ready(self) -> dict[str, Any]:
        """Wait until the model is loaded; the child's first line."""
        assert self.process.stdout
        try:
            line = await asyncio.wait_for(
                asyncio.to_thread(self.process.stdout.readline), timeout=_START_S
            )
        except TimeoutError:
            raise MissingSystemError(f"not ready after {_START_S} s") from None
        if not line:
            raise MissingSystemError(self.last_words())
        started: dict[str, Any] = json.loads(line)
        if "missing" in started:
            raise MissingSystemError(started["missing"])
        return started

    def last_words(self) -> str:
        """The end of what the process wrote to its standard error."""
        self._log.seek(0)
        lines = self._log.read().strip().splitlines()
        return lines[-1] if lines else f"ended with status {self.process.poll()}"

    def close(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()
        self._log.close()


def say(**values: Any) -> None:
    """Tell the parent, on the standard output that `main` kept aside."""
    os.write(_TOLD, json.dumps(values).encode() + b"\n")


def load(module: str) -> Any:
    """Import a system's package, or say that it is missing and end."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        say(missing=f"{error} (in {sys.executable})")
        raise SystemExit(0) from None


async def serve_lines(open_typist: Callable[[], Answer], count: Callable[[], int]) -> None:
    """Answer lines of `[id, before]` until the standard input closes.

    Every connection is one typist; null for `before` asks for the tokens evaluated so far.
    """

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer, tasks = open_typist(), set[asyncio.Task[None]]()

        async def reply(number: int, before: str | None) -> None:
            def early(text: str) -> None:
                writer.write(json.dumps({"id": number, "early": text}).encode() + b"\n")

            if before is None:
                values: dict[str, Any] = {"evaluated_tokens": await asyncio.to_thread(count)}
            else:
                values = await answer(before, early)
            writer.write(json.dumps({"id": number, **values}).encode() + b"\n")

        while line := await reader.readline():
            task = asyncio.create_task(reply(*json.loads(line)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        for task in tasks:
            task.cancel()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, backlog=256)
    say(port=server.sockets[0].getsockname()[1])
    await asyncio.to_thread(sys.stdin.read)
    server.close()


def run_tecla(options: Options) -> None:
    """Sessions of one `Suggester`."""
    suggester = load("tecla").Suggester.open(
        model=options.model, threads=options.threads, kv_tokens=options.kv_tokens
    )
    refusal = load("tecla.errors").TeclaError

    def open_typist() -> Answer:
        session = suggester.session()

        async def answer(before: str, _: Early) -> dict[str, Any]:
            try:
                completed = await session.asuggest(
                    before,
                    after="",
                    n=1,
                    max_tokens=options.max_tokens,
                    deadline_ms=options.deadline_ms,
                    at_sentence=True,
                    at_line=True,
                    min_probability=options.min_probability,
                    min_chars=2,
                    tolerance=options.tolerance,
                )
            except refusal as error:
                refused = error.code == "overloaded"
                return {"refused": refused, "failed": None if refused else error.code}
            return {
                "text": completed.continuations[0].text if completed.continuations else "",
                "silence": completed.silence,
                "partial": completed.partial,
                "evaluated_tokens": completed.work.evaluated_tokens,
            }

        return answer

    asyncio.run(serve_lines(open_typist, lambda: suggester.counters()["evaluated_tokens"]))
    suggester.close()


def run_writer(options: Options) -> None:
    """Writers of one `Controller`, served as they come: nothing is set but model and memory."""
    controller = load("tecla.controller.controller").Controller.open(
        model=options.model, threads=options.threads, kv_tokens=options.kv_tokens
    )
    snapshot_of = load("tecla.text.snapshot").Snapshot
    refusal = load("tecla.errors").TeclaError
    numbers = itertools.count()

    def open_typist() -> Answer:
        writer = controller.writer(scope=next(numbers))

        async def answer(before: str, early: Early) -> dict[str, Any]:
            try:
                now = writer.update(snapshot_of(before))
                if now.ghost is not None and not now.settled:
                    early(now.ghost.text)
                found = await writer.settled()
            except refusal as error:
                refused = error.code == "overloaded"
                return {"refused": refused, "failed": None if refused else error.code}
            if found.revision != now.revision:
                return {"silence": "superseded"}
            return {
                "text": "" if found.ghost is None else found.ghost.text,
                "silence": found.silence,
                "partial": found.partial,
                "evaluated_tokens": found.work.evaluated_tokens,
            }

        return answer

    asyncio.run(serve_lines(open_typist, lambda: controller.counters()["evaluated_tokens"]))
    controller.close()


def run_llama_server(options: Options) -> None:
    """llama.cpp's HTTP server in this process."""
    xllamacpp = load("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_parallel, params.n_ctx = options.typists, options.typists * SLOT_TOKENS
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.n_threads_http = 2 * options.typists + 4  # a dropped connection holds its thread a while
    params.cache_ram_mib = 0
    params.endpoint_metrics = True
    params.verbosity = 1
    server = xllamacpp.Server(params)
    say(port=int(server.listening_address.rsplit(":", 1)[1]))
    sys.stdin.read()
    os._exit(0)  # the server's threads would keep the process


def run_transformers(options: Options) -> None:
    """`generate`, one call at a time."""
    torch, transformers = load("torch"), load("transformers")
    for needed in ("gguf", "accelerate"):
        load(needed)
    torch.set_num_threads(options.threads)
    file = Path(options.model)
    source = {"gguf_file": file.name, "local_files_only": True}
    tokenizer = transformers.AutoTokenizer.from_pretrained(file.parent, **source)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        file.parent, dtype=torch.float32, **source
    )
    evaluated = 0

    def generate(before: str) -> dict[str, Any]:
        nonlocal evaluated
        inputs = tokenizer(before, return_tensors="pt")
        output = model.generate(**inputs, max_new_tokens=options.max_tokens, do_sample=False)[0]
        evaluated_tokens = len(output) - 1  # the last one generated is not evaluated
        evaluated += evaluated_tokens
        new = output[inputs["input_ids"].shape[1] :]
        text = tokenizer.decode(new, skip_special_tokens=True).split("\n")[0]
        return {"text": text, "evaluated_tokens": evaluated_tokens}

    running, newest = asyncio.Lock(), object()

    async def answer(before: str, _: Early) -> dict[str, Any]:
        nonlocal newest
        mine = newest = object()
        async with running:
            if mine is not newest:
                return {"silence": "superseded"}
            return await asyncio.to_thread(generate, before)

    asyncio.run(serve_lines(lambda: answer, lambda: evaluated))


RUN: Final = {
    "tecla": run_tecla,
    "tecla-writer": run_writer,
    "llama-server": run_llama_server,
    "llama-server-deadline": run_llama_server,
    "transformers": run_transformers,
}


def main() -> None:
    """Run the system that is named."""
    if len(sys.argv) == 3:
        os.dup2(sys.stdout.fileno(), _TOLD)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is not for it
        RUN[sys.argv[1]](Options(**json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()
