"""The embedding contract, for every kind there is; names that open one; the server's answers."""

from __future__ import annotations

import http.server
import json
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from retrieval.learnt import WordsEmbedding
from tecla.errors import EmbeddingError, OptionError
from tecla.retrieval.base import Embedding
from tecla.retrieval.embedding import open_embedding
from tecla.retrieval.server import ServerEmbedding
from tecla.retrieval.static import StaticEmbedding

TEXTS = ["The ship is at sea.", "", "  \n", "¿Dónde está el barco?", "日本語", "\x00", "x" * 50_000]


class _Server(http.server.BaseHTTPRequestHandler):
    """Answers as an embedding server would, or with what `said` makes of that."""

    protocol_version = "HTTP/1.1"
    said: Callable[[bytes], tuple[int, bytes]] | None = None
    asked: list[dict[str, Any]]

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        question = json.loads(self.rfile.read(size))
        type(self).asked.append({"path": self.path, **question})
        vectors = WordsEmbedding(dim=256).embed(question["input"])
        rows = [
            {"index": index, "embedding": [3 * number for number in vector.tolist()]}
            for index, vector in enumerate(vectors)
        ]
        body = json.dumps({"data": rows[::-1]}).encode()
        status, body = (200, body) if type(self).said is None else type(self).said(body)
        self.send_response(status)
        if status == 307:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[tuple[str, type[_Server]]]:
    handler = type("Handler", (_Server,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}/v1#tiny", handler
        listening.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def static() -> StaticEmbedding:
    return StaticEmbedding()


@pytest.fixture(params=["words", "static", "server"])
def embedding(request: pytest.FixtureRequest) -> Embedding:
    if request.param == "words":
        return WordsEmbedding()
    if request.param == "server":
        address, _ = request.getfixturevalue("server")
        return ServerEmbedding(address)
    found: Embedding = request.getfixturevalue("static")
    return found


@pytest.mark.slow
class TestContract:
    def test_one_vector_of_length_1_for_each_text(self, embedding: Embedding) -> None:
        vectors = embedding.embed(TEXTS)
        assert vectors.shape == (len(TEXTS), embedding.dim)
        assert vectors.dtype == np.float32
        lengths = np.linalg.norm(vectors, axis=1)
        assert all(length == pytest.approx(1, abs=1e-5) or length == 0 for length in lengths)
        assert lengths[0] == pytest.approx(1, abs=1e-5)
        assert lengths[1] == 0  # an empty text says nothing

    def test_no_text_no_vector(self, embedding: Embedding) -> None:
        assert embedding.embed([]).shape == (0, embedding.dim)

    def test_a_text_has_its_vector_whatever_stands_beside_it(self, embedding: Embedding) -> None:
        alone = [embedding.embed([text])[0] for text in TEXTS]
        np.testing.assert_allclose(embedding.embed(TEXTS), alone, atol=1e-6)
        np.testing.assert_allclose(embedding.embed(TEXTS[::-1])[::-1], alone, atol=1e-6)

    def test_the_name_can_be_kept(self, embedding: Embedding) -> None:
        assert embedding.name.isascii()
        assert 0 < len(embedding.name) <= 200
        assert not any(each.isspace() for each in embedding.name)

    def test_from_many_threads(self, embedding: Embedding) -> None:
        expected = embedding.embed(TEXTS)
        found: list[Any] = []
        threads = [
            threading.Thread(target=lambda: found.append(embedding.embed(TEXTS))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        for each in found:
            np.testing.assert_allclose(each, expected, atol=1e-6)


@pytest.mark.slow
class TestStatic:
    def test_near_in_meaning_is_near_in_angle(self, static: StaticEmbedding) -> None:
        asked, near, far = static.embed(
            ["How do I get cash abroad?", "withdrawing money in a foreign country", "a ship at sea"]
        )
        assert asked @ near > asked @ far + 0.1

    def test_the_average_is_wordllamas_own(self, static: StaticEmbedding) -> None:
        text = "The ship is at sea tonight."
        own = static._model().embed([text], norm=True)[0]
        np.testing.assert_allclose(static.embed([text])[0], own, atol=1e-6)

    def test_nothing_is_fetched(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise AssertionError("a connection was opened")

        monkeypatch.setattr(socket, "socket", refuse)
        monkeypatch.setattr(socket, "create_connection", refuse)
        assert StaticEmbedding().embed(["ship"]).any()

    def test_logging_stays_as_it_was(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "wordllama"]:
            if name.endswith(("wordllama", "inference")):
                monkeypatch.delitem(sys.modules, name)
        root = logging.getLogger()
        handlers, level = list(root.handlers), root.level
        root.handlers.clear()
        try:
            StaticEmbedding().embed(["ship"])
            assert root.handlers == []
            assert root.level == level
        finally:
            root.handlers[:] = handlers

    def test_a_package_that_is_not_there_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "wordllama", None)
        with pytest.raises(EmbeddingError, match=r"wordllama.*tecla\[personal\]"):
            StaticEmbedding().embed(["ship"])

    def test_weights_that_are_gone_are_said_to_be(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import wordllama

        monkeypatch.setattr(wordllama, "__file__", "/nowhere/wordllama/__init__.py")
        with pytest.raises(EmbeddingError, match="install it again"):
            StaticEmbedding().embed(["ship"])


class TestServer:
    def test_what_is_asked(self, server: tuple[str, type[_Server]]) -> None:
        address, handler = server
        ServerEmbedding(address).embed(["a ship", "", "the sea"])
        assert [each["path"] for each in handler.asked] == ["/v1/embeddings"] * 2
        assert handler.asked[-1]["model"] == "tiny"
        assert handler.asked[-1]["input"] == ["a ship", "the sea"]  # nothing is asked of nothing

    @pytest.mark.parametrize(
        "said",
        [
            lambda body: (500, body),
            lambda body: (307, b""),
            lambda body: (200, b"no JSON"),
            lambda body: (200, b"[]"),
            lambda body: (200, b'{"data": []}'),
            lambda body: (200, b'{"data": [{"index": 0, "embedding": []}]}'),
            lambda body: (200, b'{"data": [{"index": 0, "embedding": ["x"]}]}'),
            lambda body: (200, b'{"data": [{"index": 0, "embedding": [1e999]}]}'),
            lambda body: (200, b'{"data": [{"index": 1, "embedding": [1]}]}'),
            lambda body: (200, b"[" * 100_000),
        ],
        ids=[
            *("status", "elsewhere", "text", "list", "none", "empty", "words", "infinite"),
            *("another", "deep"),
        ],
    )
    def test_a_wrong_answer_is_an_error(
        self, server: tuple[str, type[_Server]], said: Callable[[bytes], tuple[int, bytes]]
    ) -> None:
        address, handler = server
        handler.said = staticmethod(said)  # type: ignore[assignment]
        with pytest.raises(EmbeddingError) as error:
            ServerEmbedding(address).embed(["the canary sings"])
        assert "canary" not in str(error.value)

    @pytest.mark.parametrize(
        "answer",
        [
            b"garbage\r\n\r\n",
            b"",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\nabc",
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 1_000 + b"\r\n{}",
            b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n{}",
            b"HTTP/1.1 307 Away\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n",
        ],
        ids=[
            *("garbage", "nothing", "cut chunk", "wrong chunk", "cut", "many fields"),
            *("long field", "nowhere"),
        ],
    )
    def test_an_answer_that_is_broken_is_an_error(self, answer: bytes) -> None:
        def answers(listening: socket.socket) -> None:
            connection, _ = listening.accept()
            with connection, connection.makefile("rb") as asked:
                size = next(int(line[15:]) for line in asked if line.startswith(b"Content-Length"))
                assert asked.readline().strip() or asked.read(size)
                connection.sendall(answer)

        with socket.create_server(("127.0.0.1", 0)) as listening:
            thread = threading.Thread(target=answers, args=(listening,))
            thread.start()
            address = f"http://127.0.0.1:{listening.getsockname()[1]}/v1#tiny"
            with pytest.raises(EmbeddingError, match="the embedding server"):
                ServerEmbedding(address, wait_s=10).embed(["a ship"])
            thread.join()

    def test_a_huge_answer_is_an_error(
        self, server: tuple[str, type[_Server]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tecla.retrieval.server._MOST_BYTES", 100)
        with pytest.raises(EmbeddingError, match="more than 100 bytes"):
            ServerEmbedding(server[0]).embed(["a ship"])

    def test_another_dimension_than_before_is_an_error(
        self, server: tuple[str, type[_Server]]
    ) -> None:
        address, handler = server
        embedding = ServerEmbedding(address)
        assert embedding.dim == 256
        handler.said = staticmethod(  # type: ignore[assignment]
            lambda _: (200, b'{"data": [{"index": 0, "embedding": [1, 2]}]}')
        )
        with pytest.raises(EmbeddingError, match="2 numbers"):
            embedding.embed(["a ship"])

    def test_nobody_there_is_an_error(self, server: tuple[str, type[_Server]]) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
            address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1#tiny"
            with pytest.raises(EmbeddingError, match="no answer"):
                ServerEmbedding(address).embed(["a ship"])

    def test_proxies_are_left_aside(
        self, server: tuple[str, type[_Server]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        monkeypatch.delenv("no_proxy", raising=False)
        address, _ = server
        assert ServerEmbedding(address).embed(["a ship"]).any()


class TestNames:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("wordllama", StaticEmbedding),
            ("http://localhost:1/v1#m", ServerEmbedding),
            ("https://example.org#m", ServerEmbedding),
            ("made_here:words", WordsEmbedding),
        ],
        ids=str,
    )
    def test_what_they_open(
        self, name: str, kind: type[object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = ModuleType("made_here")
        made.words = WordsEmbedding  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "made_here", made)
        assert isinstance(open_embedding(name), kind)

    def test_off(self) -> None:
        assert open_embedding("off") is None

    @pytest.mark.parametrize(
        "name",
        [
            "",
            "wordlama",
            "http://localhost:1/v1",
            "http://#m",
            "no_module_here:words",
            "json:no_function",
            "json:dumps",
            "collections:OrderedDict",
            "a b:c",
        ],
        ids=str,
    )
    def test_what_opens_nothing_is_refused(self, name: str) -> None:
        with pytest.raises(OptionError, match="embedding is"):
            open_embedding(name)
