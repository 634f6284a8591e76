"""Language models as they are commonly run, as peers: llama.cpp's server and transformers.

Both complete greedily and give one candidate, the ghost text of at most as many words as the
budget allows, with the probability of each of its words: the product of the probabilities of the
tokens up to the one that ends it. They get the text before the caret as it stands; nothing is done
for a caret in the middle of a word or behind a space, as a first program would not either.

Each runs in a process of its own (`peer_children.py`), if need be with another interpreter, where
its packages are. Neither is needed: without them `PeerMissingError` says what to install, and a
run leaves the peer out.
"""

from __future__ import annotations

import http.client
import importlib.util
import json
import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tecla.closing import Closing
from tecla.errors import PeerError, PeerMissingError
from tecla.evaluate.line_process import LineProcess
from tecla.evaluate.peer_text import peer_text
from tecla.machine import physical_cores
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context
from tecla.text.words import WordEnd, line_break, words

_CHILDREN = Path(__file__).with_name("peer_children.py")
_START_S = 300.0
_LEAD_CHARS = 64  # enough text before the caret to see that it stands in a word
_STEP_CHARS = 1000  # up to 4,000 characters fit the context in English and Spanish
MAX_TOKENS: Final = 8
CONTEXT_TOKENS: Final = 2048


@dataclass(frozen=True, slots=True)
class Greedy:
    """What a model wrote: the text, and of every token where it ends and its log-probability.

    `ends` are char offsets in `text`. `ended` says that the model ended the text by itself.
    """

    text: str
    ends: Sequence[int]
    logprobs: Sequence[float]
    ended: bool


def ghost_text(before: str, greedy: Greedy, max_words: int) -> list[Candidate]:
    """The whole words at the beginning of what was written, on its first line; at most one.

    A last word that further tokens could go on with is left out.
    """
    stop = line_break(greedy.text)
    text = greedy.text if stop is None else greedy.text[:stop]
    may_go_on = stop is None and not greedy.ended
    lead = before[-_LEAD_CHARS:]
    ends = [
        end
        for end in (span.end - len(lead) for span in words(lead + text))
        if end > 0 and not (may_go_on and end == len(text))
    ][:max_words]
    if not ends:
        return []
    found = tuple(WordEnd(end, _probability(greedy, end)) for end in ends)
    return [Candidate(text[: ends[-1]], found[-1].probability, "peer", found)]


def _probability(greedy: Greedy, end: int) -> float:
    """Of all tokens up to the one that reaches `end`."""
    total = 0.0
    for token_end, logprob in zip(greedy.ends, greedy.logprobs, strict=True):
        total += logprob
        if token_end >= end:
            break
    return min(1.0, math.exp(total))


def _start(
    name: str, system: str, python: str, options: dict[str, Any], remedy: str, answer_s: float
) -> tuple[LineProcess, dict[str, Any]]:
    """A child and its first line; raises `PeerMissingError` if that says something is missing."""
    command = [python, str(_CHILDREN), system, json.dumps(options)]
    process = LineProcess(name, command, start_s=_START_S, answer_s=answer_s)
    started: dict[str, Any] = json.loads(process.greeting)
    if "missing" in started:
        process.close()
        raise PeerMissingError(f"{name} cannot run: {started['missing']}; {remedy}")
    return process, started


class LlamaServer(Closing):
    """llama.cpp's own HTTP server with one slot and its prompt cache, over loopback."""

    def __init__(
        self,
        port: int,
        *,
        process: LineProcess | None = None,
        max_tokens: int = MAX_TOKENS,
        answer_s: float = 60.0,
    ) -> None:
        """Ask the server at a loopback port; `process`, if given, is ended by `close`."""
        self._process = process
        self._max_tokens = max_tokens
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=answer_s)

    @classmethod
    def start(
        cls,
        model: Path,
        *,
        python: str | None = None,
        threads: int | None = None,
        max_tokens: int = MAX_TOKENS,
        answer_s: float = 60.0,
    ) -> LlamaServer:
        """Start a server on a GGUF file.

        It is the wheel xllamacpp of the interpreter `python`, by default this one; where that has
        none, the program `llama-server` on the PATH. Raises `PeerMissingError` without either.
        """
        options: dict[str, Any] = {
            "model": str(model),
            "threads": threads or physical_cores(),
            "context_tokens": CONTEXT_TOKENS,
        }
        remedy = "`pip install xllamacpp`, or put llama.cpp's llama-server on the PATH"
        if python is None and importlib.util.find_spec("xllamacpp") is None:
            program = shutil.which("llama-server")
            if program is None:
                raise PeerMissingError(f"llama.cpp's server is not installed: {remedy}")
            options["program"] = program
        process, started = _start(
            "llama-server", "llama-server", python or sys.executable, options, remedy, answer_s
        )
        return cls(started["port"], process=process, max_tokens=max_tokens, answer_s=answer_s)

    @property
    def name(self) -> str:
        """What reports call it."""
        return "llama-server"

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """One greedy ghost text; see `Predictor`."""
        prompt = peer_text(context, _STEP_CHARS)
        answer = self._complete(prompt)
        text, ends, logprobs = b"", [], []
        for token in answer.get("completion_probabilities", ()):
            text += bytes(token["bytes"])
            ends.append(len(text.decode(errors="ignore")))
            logprobs.append(float(token["logprob"]))
        ended = answer.get("stop_type") in {"eos", "word"}
        greedy = Greedy(text.decode(errors="ignore"), ends, logprobs, ended)
        return ghost_text(prompt, greedy, budget.max_words)

    def close(self) -> None:
        """Close the connection, and end the server if it was started here."""
        self._connection.close()
        if self._process is not None:
            self._process.close()

    def _complete(self, prompt: str) -> dict[str, Any]:
        """The server's answer; raises `PeerError` if there is none."""
        body = {
            "prompt": prompt,
            "n_predict": self._max_tokens,
            "samplers": ["top_k"],  # an empty list would draw at random
            "top_k": 1,
            "n_probs": 1,
            "stop": ["\n"],
            "cache_prompt": True,
            "id_slot": 0,
        }
        try:
            status, content = self._posted(json.dumps(body))
        except ConnectionError:  # it hangs up on those who were silent for long; ask anew
            status, content = self._posted(json.dumps(body))
        if status == 400 and b"exceed_context_size" in content:
            return {}  # only in scripts with many tokens a character; the server stays silent
        if status != 200:
            raise PeerError(f"llama-server answered with status {status}")
        try:
            found: dict[str, Any] = json.loads(content)
        except ValueError:
            raise PeerError("llama-server answered something else than JSON") from None
        return found

    def _posted(self, body: str) -> tuple[int, bytes]:
        """Status and content; raises `PeerError`, and `ConnectionError` on an old connection."""
        old = self._connection.sock is not None
        try:
            headers = {"Content-Type": "application/json"}
            self._connection.request("POST", "/completion", body, headers)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            if old and isinstance(error, ConnectionError):
                raise
            raise PeerError(f"llama-server gave no answer: {type(error).__name__}") from None


class Transformers(Closing):
    """`generate` of transformers, called afresh for every key as in the tutorials."""

    def __init__(
        self,
        model: Path,
        *,
        python: str | None = None,
        threads: int | None = None,
        max_tokens: int = MAX_TOKENS,
        answer_s: float = 120.0,
    ) -> None:
        """Load a GGUF file or a folder with the interpreter `python`, by default this one.

        Raises `PeerMissingError` where it has no torch or transformers, or for a GGUF file no gguf
        or accelerate.
        """
        self._max_tokens = max_tokens
        self._process, _ = _start(
            "transformers",
            "transformers",
            python or sys.executable,
            {"model": str(model), "threads": threads or physical_cores()},
            "`pip install torch transformers gguf accelerate`",
            answer_s,
        )

    @property
    def name(self) -> str:
        """What reports call it."""
        return "transformers"

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        """One greedy ghost text; see `Predictor`."""
        prompt = peer_text(context, _STEP_CHARS)
        if not prompt:  # the tutorial's tokenizer gives no token to start from
            return []
        asked = json.dumps({"text": prompt, "max_tokens": self._max_tokens})
        answer = json.loads(self._process.ask(asked))
        greedy = Greedy(answer["text"], answer["ends"], answer["logprobs"], answer["ended"])
        return ghost_text(prompt, greedy, budget.max_words)

    def close(self) -> None:
        """End the process."""
        self._process.close()
