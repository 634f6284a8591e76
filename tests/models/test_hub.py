"""Fetching from a hub: the real library against a small hub on the loopback address."""

from __future__ import annotations

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest

import tiny_gguf
import tiny_torch
from tecla.engines.factory import open_model
from tecla.errors import UnknownModelError, UnsupportedModelError
from tecla.faces.autocomplete import AutoComplete
from tecla.models import hub
from tecla.settings import EngineSettings, PathSettings, Settings
from tecla.suggest.suggester import Suggester

COMMIT = "0" * 40


class Hub(http.server.ThreadingHTTPServer):
    """Serves repositories from memory, the way the hub's interface does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.downloads = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            name = path.removeprefix("/api/models/").partition("/tree/")[0]
            files = self.server.repositories.get(name)
            if files is None:
                self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"}, with_body)
                return
            document = [
                {"type": "file", "path": file, "size": len(data), "oid": COMMIT}
                for file, data in files.items()
            ]
            self.reply(200, json.dumps(document).encode(), {}, with_body)
            return
        name, _, file = path.lstrip("/").partition("/resolve/main/")
        data = self.server.repositories.get(name, {}).get(file)
        if data is None:
            code = "EntryNotFound" if name in self.server.repositories else "RepoNotFound"
            self.reply(404, b"", {"X-Error-Code": code}, with_body)
            return
        self.server.downloads += with_body
        digest = hashlib.sha256(data).hexdigest()
        self.reply(200, data, {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT}, with_body)

    def reply(self, status: int, data: bytes, headers: dict[str, str], with_body: bool) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(data)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that `huggingface_hub` is pointed at, as HF_ENDPOINT does at its import."""
    running = Hub()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    from huggingface_hub import constants, file_download, hf_api

    for library in (constants, file_download, hf_api):
        if hasattr(library, "ENDPOINT"):
            monkeypatch.setattr(library, "ENDPOINT", running.address)
    template = running.address + "/{repo_id}/resolve/{revision}/{filename}"
    for library in (constants, file_download):
        if hasattr(library, "HUGGINGFACE_CO_URL_TEMPLATE"):
            monkeypatch.setattr(library, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.mark.slow
def test_a_repository_is_fetched_once_and_runs(server: Hub, tmp_path: Path) -> None:
    model = tiny_gguf.write_bpe_llama(tmp_path / "tiny.gguf").read_bytes()
    server.repositories["someone/tiny"] = {"README.md": b"hello", "tiny.gguf": model}
    settings = Settings(
        EngineSettings(model="someone/tiny", context_tokens=128),
        paths=PathSettings(models_dir=tmp_path / "models", cache_dir=tmp_path / "cache"),
    )
    for _ in range(2):
        with Suggester(open_model(settings)) as suggester:
            completer = AutoComplete(suggester=suggester, temperature=0)
            assert completer.model.name == "someone/tiny"
            assert isinstance(completer.get_completion("the ", max_new_tokens=3), str)
    assert server.downloads == 1, "nothing but the GGUF file, and that only once"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["someone/tiny", "gpt2"])
def test_weights_of_transformers_are_fetched_and_run(
    server: Hub, tmp_path: Path, name: str
) -> None:
    """Nothing else is: no pickle, no code, no second copy of the weights."""
    folder = tiny_torch.write(tmp_path / "written", "gpt2")
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    others = {"pytorch_model.bin": b"x", "modeling.py": b"x", "onnx/model.onnx": b"x"}
    repository = "openai-community/gpt2" if name == "gpt2" else name
    server.repositories[repository] = files | others | {"consolidated.safetensors": b"x"}
    settings = Settings(
        EngineSettings(model=name, context_tokens=128, device="cpu", threads=1),
        paths=PathSettings(models_dir=tmp_path / "models", cache_dir=tmp_path / "cache"),
    )
    for _ in range(2):
        with Suggester(open_model(settings)) as suggester:
            completer = AutoComplete(suggester=suggester, temperature=0)
            assert completer.model.name == name
            assert completer.model.architecture == "gpt2"
            assert isinstance(completer.get_completion("the ", max_new_tokens=3), str)
    assert server.downloads == len(files)


@pytest.mark.slow
def test_the_hubs_answers_become_clear_errors(server: Hub, tmp_path: Path) -> None:
    server.repositories["a/weights"] = {"model.safetensors": b"x"}
    server.repositories["a/many"] = {"x-Q2_K.gguf": b"x", "x-IQ3.gguf": b"x"}
    with pytest.raises(UnsupportedModelError, match="no GGUF file"):
        hub.fetch("a/weights", tmp_path)
    with pytest.raises(UnknownModelError, match=r"2 GGUF files .*name one as a/many:x-IQ3.gguf"):
        hub.fetch("a/many", tmp_path)
    with pytest.raises(UnknownModelError, match="the hub has no model 'a/none'"):
        hub.fetch("a/none", tmp_path)
    with pytest.raises(UnknownModelError, match="the hub has no model"):
        hub.fetch("a/many:absent.gguf", tmp_path)
    assert hub.fetch("a/many:x-Q2_K.gguf", tmp_path).read_bytes() == b"x"


def test_the_preferred_quantisation_is_chosen_among_several() -> None:
    files = ["m-Q2_K.gguf", "m-Q8_0.gguf", "m-Q4_K_M.gguf", "README.md"]
    assert hub._choose("a/m", files) == ["m-Q4_K_M.gguf"]


def test_without_a_connection_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ClientError(Exception):
        """What the library's HTTP client raises; no subclass of OSError."""

    def unreachable(*arguments: object, **options: object) -> None:
        raise ClientError("no route to host")

    monkeypatch.setattr(huggingface_hub.HfApi, "list_repo_files", unreachable)
    with pytest.raises(UnknownModelError, match=r"cannot reach the model hub.*name its path"):
        hub.fetch("someone/model", tmp_path)


def test_without_the_library_the_error_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(UnknownModelError, match=r"pip install 'tecla\[hub\]'"):
        hub.fetch("someone/model", tmp_path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("owner/repo", True),
        ("owner/repo:file.gguf", True),
        ("owner/repo:sub/file.gguf", True),
        ("gpt2", False),
        ("/owner/repo", False),
        ("owner/repo/more", False),
        ("owner/repo:file.bin", False),
    ],
)
def test_what_looks_like_a_repository(name: str, expected: bool) -> None:
    assert hub.looks_like_repository(name) is expected
