"""llama.cpp's server and transformers behind the contract, in place of both a stand-in."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tecla.errors import PeerError, PeerMissingError
from tecla.evaluate.peers import Greedy, LlamaServer, Transformers, ghost_text
from tecla.models.resolve import resolve
from tecla.predict.base import Budget
from tecla.text.context import Context

TOKENS = [(" thank", -0.5), (" you", -0.25), (" señ", -1.0), ("or", -0.5), (".", -0.1), (" I", -2)]
SERVER = f"""
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        tokens = {TOKENS!r} if asked["prompt"].endswith("to") else []
        body = json.dumps({{"stop_type": "limit", "completion_probabilities": [
            {{"bytes": list(text.encode()), "logprob": logprob}} for text, logprob in tokens]}})
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *values): ...

HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""
INTERPRETER = """
import json, sys
assert sys.argv[2] == "transformers"
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"text": " like this\\nand", "ends": [5, 10, 11, 14],
                      "logprobs": [-0.5, -0.5, -1, -1], "ended": False}), flush=True)
"""


def greedy(*, ended: bool = False) -> Greedy:
    text, ends = "", []
    for token, _ in TOKENS:
        text += token
        ends.append(len(text))
    return Greedy(text, ends, [logprob for _, logprob in TOKENS], ended)


def executable(folder: Path, name: str, program: str) -> Path:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{program}", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_ghost_text_ends_at_a_word_with_the_probability_of_its_tokens() -> None:
    [found] = ghost_text("I want to", greedy(), 3)
    assert (found.text, found.source) == (" thank you señor", "peer")
    assert found.probability == pytest.approx(math.exp(-2.25))
    assert [end.char_offset for end in found.words] == [6, 10, 16]
    assert [round(end.probability, 4) for end in found.words] == [
        round(math.exp(-each), 4) for each in (0.5, 0.75, 2.25)
    ]


def test_a_last_word_counts_only_if_nothing_can_follow_it() -> None:
    assert ghost_text("to", greedy(), 9)[0].text == " thank you señor"
    assert ghost_text("to", greedy(ended=True), 9)[0].text == " thank you señor. I"


def test_ghost_text_stays_on_the_line() -> None:
    assert ghost_text("a", Greedy("\nb c", [1, 2, 4], [-1, -1, -1], False), 2) == []
    assert ghost_text("a", Greedy(" b\nc", [2, 3, 4], [-1, -1, -1], False), 2)[0].text == " b"
    assert ghost_text("a", Greedy("...", [3], [-1], True), 2) == []
    assert ghost_text("a", Greedy("", [], [], True), 2) == []


def test_the_rest_of_a_half_typed_word_is_one_word() -> None:
    [found] = ghost_text("He said don", Greedy("'t be so", [2, 5, 8], [-1, -1, -1], False), 1)
    assert found.text == "'t"
    assert found.words[0].char_offset == 2


class Answering(BaseHTTPRequestHandler):
    """Answers with what `answer` says at the moment, and keeps what it was asked."""

    answer: tuple[int, bytes] = (200, b"{}")
    asked: dict[str, object]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).asked = json.loads(body)
        status, content = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *values: object) -> None: ...


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_the_server_is_asked_greedily(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [token.encode() for token, _ in TOKENS]
    parts[2:3] = [parts[2][:-1], parts[2][-1:]]  # half a character ends the token
    logprobs = [*(logprob for _, logprob in TOKENS), 0.0]
    content = {
        "stop_type": "eos",
        "completion_probabilities": [
            {"bytes": list(part), "logprob": logprob}
            for part, logprob in zip(parts, logprobs, strict=True)
        ],
    }
    monkeypatch.setattr(Answering, "answer", (200, json.dumps(content).encode()))
    with LlamaServer(port, max_tokens=5) as server:
        [found] = server.predict(Context("I want to", header="Mail"), Budget(n=3, max_words=3))
    assert found.text == " thank you señor"
    assert Answering.asked["prompt"] == "Mail\n\nI want to"
    assert (Answering.asked["n_predict"], Answering.asked["top_k"]) == (5, 1)


@pytest.mark.parametrize("answer", [(503, b"{}"), (200, b"<html>")])
def test_a_failing_server_is_an_error_without_the_text(
    port: int, answer: tuple[int, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Answering, "answer", answer)
    with LlamaServer(port) as server, pytest.raises(PeerError) as caught:
        server.predict(Context("secret"), Budget())
    assert "secret" not in str(caught.value)


def test_a_text_over_the_context_gets_no_answer(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b'{"error": {"type": "exceed_context_size_error"}}'
    monkeypatch.setattr(Answering, "answer", (400, content))
    with LlamaServer(port) as server:
        assert server.predict(Context("a"), Budget()) == []


def test_a_server_that_hangs_up_is_asked_again(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang_up(handler: Answering) -> None:
        answer(handler)
        handler.close_connection = True  # and does not say so

    answer = Answering.do_POST
    monkeypatch.setattr(Answering, "protocol_version", "HTTP/1.1")
    monkeypatch.setattr(Answering, "do_POST", hang_up)
    with LlamaServer(port) as server:
        for text in ("a", "ab", "abc"):
            assert server.predict(Context(text), Budget()) == []
            assert Answering.asked["prompt"] == text


def test_no_server_is_an_error() -> None:
    with HTTPServer(("127.0.0.1", 0), Answering) as gone:
        port = gone.server_port
    with LlamaServer(port) as server, pytest.raises(PeerError, match="no answer"):
        server.predict(Context("a"), Budget())


def no_package(name: str) -> None:
    """In place of `find_spec`."""


@pytest.mark.slow
def test_a_server_on_the_path_is_started_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", no_package)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PeerMissingError, match="pip install xllamacpp"):
        LlamaServer.start(Path("a.gguf"))
    program = executable(tmp_path, "llama-server", "raise SystemExit(3)")
    with pytest.raises(PeerMissingError, match="ended with status 3"):
        LlamaServer.start(Path("a.gguf"))
    executable(tmp_path, program.name, SERVER)
    server = LlamaServer.start(Path("a.gguf"))
    assert server.predict(Context("I want to"), Budget(max_words=1))[0].text == " thank"
    assert server.predict(Context("I want"), Budget()) == []
    server.close()
    server.close()
    with pytest.raises(PeerError):
        server.predict(Context("I want to"), Budget())


@pytest.mark.slow
def test_transformers_answers_line_by_line(tmp_path: Path) -> None:
    python = executable(tmp_path, "python", INTERPRETER)
    with Transformers(Path("a.gguf"), python=str(python)) as peer:
        assert peer.predict(Context("Words"), Budget(max_words=1))[0].text == " like"
        assert peer.predict(Context("Words"), Budget(max_words=9))[0].text == " like this"
        assert peer.predict(Context(""), Budget()) == []
    with pytest.raises(PeerMissingError, match="cannot be started"):
        Transformers(Path("a.gguf"), python=str(tmp_path / "none"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("peer", "packages"),
    [
        (LlamaServer.start, ("xllamacpp",)),
        (Transformers, ("torch", "transformers", "gguf", "accelerate")),
    ],
)
def test_the_real_peer_answers_or_says_what_is_missing(
    tmp_path: Path, peer: type[Transformers], packages: tuple[str, ...]
) -> None:
    model = resolve("default", models_dir=tmp_path, cache_dir=tmp_path).path
    if not all(map(importlib.util.find_spec, packages)):
        with pytest.raises(PeerMissingError, match="pip install"):
            peer(model, python=sys.executable)
        return
    with peer(model, python=sys.executable) as real:
        [found] = real.predict(Context("The future of artificial"), Budget(max_words=1))
    assert found.text == " intelligence"
    assert 0.5 < found.probability <= 1
