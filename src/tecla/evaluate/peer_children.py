"""The processes of peers that run a language model: `peers.py` starts this file as a program.

It runs in the peer's own environment, where tecla need not be installed, so it imports nothing
but the standard library at the top. Its arguments are a system's name and options as JSON; its
first line of output is JSON too: what is needed to ask it, or what is `missing`. It ends when its
input ends.

- `llama-server`: llama.cpp's own server, from the wheel `xllamacpp` in this process or, with
  `program`, as a process of its own. The first line has the port.
- `transformers`: `AutoModelForCausalLM.generate` as the tutorials call it, on weights read out of
  the same GGUF file as float32; it keeps nothing from one question to the next. A line asks
  (`text`, `max_tokens`), a line answers (`text`, `ends`, `logprobs`, `ended`; see `Greedy`).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any, Final, NoReturn

_HEALTH_S: Final = 0.05


class Desk:
    """Where lines to the parent go; what libraries print on standard output goes elsewhere."""

    def __init__(self) -> None:
        self._descriptor = os.dup(sys.stdout.fileno())
        os.set_inheritable(self._descriptor, False)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(self, **values: Any) -> None:
        """One line of JSON."""
        os.write(self._descriptor, json.dumps(values).encode() + b"\n")

    def load(self, module: str) -> Any:
        """Import a package, or say that it is missing and end."""
        try:
            return importlib.import_module(module)
        except ImportError as error:
            self.say(missing=f"{error} (in {sys.executable})")
            raise SystemExit(0) from None


def run_server_wheel(desk: Desk, options: dict[str, Any]) -> NoReturn:
    """llama.cpp's server in this process, with its defaults, one slot and the prompt cache on."""
    xllamacpp = desk.load("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = options["model"]
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.n_parallel, params.n_ctx = 1, options["context_tokens"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options["threads"]
    params.verbosity = 1
    server = xllamacpp.Server(params)
    desk.say(port=int(server.listening_address.rsplit(":", 1)[1]))
    sys.stdin.read()
    os._exit(0)  # the server's threads would keep the process


def run_server_program(desk: Desk, options: dict[str, Any]) -> None:
    """llama.cpp's server as a program; this process ends it when its own input ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [options["program"], "--host", "127.0.0.1", "--port", str(port)]
    command += ["-m", options["model"], "-c", str(options["context_tokens"]), "-np", "1"]
    command += ["-t", str(options["threads"])]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        while not _is_healthy(port):
            if process.poll() is not None:
                desk.say(missing=f"{options['program']} ended with status {process.returncode}")
                return
            time.sleep(_HEALTH_S)
        desk.say(port=port)
        sys.stdin.read()
    finally:
        process.kill()
        process.wait()


def _is_healthy(port: int) -> bool:
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health") as answer,
    ):
        return bool(answer.status == 200)
    return False


def run_transformers(desk: Desk, options: dict[str, Any]) -> None:
    """`generate`, one call at a time."""
    torch, transformers = desk.load("torch"), desk.load("transformers")
    torch.set_num_threads(options["threads"])
    folder = Path(options["model"])
    source: dict[str, Any] = {"local_files_only": True}
    if not folder.is_dir():
        for needed in ("gguf", "accelerate"):
            desk.load(needed)
        folder, source = folder.parent, {**source, "gguf_file": folder.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **source)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **source)
    desk.say(ready=True)
    for line in sys.stdin:
        asked = json.loads(line)
        inputs = tokenizer(asked["text"], return_tensors="pt")
        output = model.generate(
            **inputs,
            max_new_tokens=asked["max_tokens"],
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
        )
        new = output.sequences[0][inputs["input_ids"].shape[1] :].tolist()
        scores = [torch.log_softmax(row[0].float(), dim=-1) for row in output.logits]
        texts = [
            tokenizer.decode(new[: count + 1], skip_special_tokens=True)
            for count in range(len(new))
        ]
        desk.say(
            text=texts[-1] if texts else "",
            ends=[len(text.rstrip("\ufffd")) for text in texts],
            logprobs=[float(row[token]) for row, token in zip(scores, new, strict=True)],
            ended=bool(new) and new[-1] in tokenizer.all_special_ids,
        )


def main() -> None:
    """Run the system that is named."""
    desk = Desk()
    options = json.loads(sys.argv[2])
    if sys.argv[1] == "transformers":
        run_transformers(desk, options)
    elif "program" in options:
        run_server_program(desk, options)
    else:
        run_server_wheel(desk, options)


if __name__ == "__main__":
    main()
