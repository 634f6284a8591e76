"""What a browser is given: right types, tags of the content, and nothing from elsewhere."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serve.conftest import Make
from tecla.serve import pages
from tecla.serve.pages import PAGE, files, make_pages_router, widget_folder

TYPES = {
    "/": "text/html",
    "/docs": "text/html",
    "/page/page.css": "text/css",
    "/page/page.js": "text/javascript",
    "/page/icon.svg": "image/svg+xml",
    "/tecla.js": "text/javascript",
    "/tecla.d.ts": "text/plain",
    "/docs/swagger-ui-bundle.js": "text/javascript",
    "/docs/swagger-ui.css": "text/css",
}
OURS = [path for path in files() if not path.startswith("/docs/")]
ELSEWHERE = re.compile(
    r"""(?:src|href)\s*=\s*["']?(?:https?:)?//|url\(\s*["']?https?:|@import""", re.I
)


@pytest.fixture(scope="module")
def client() -> TestClient:
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(make_pages_router())
    return TestClient(app, base_url="http://127.0.0.1")


@pytest.mark.parametrize("path", TYPES)
def test_files_have_their_types_and_tags(client: TestClient, path: str) -> None:
    found = client.get(path)
    assert found.status_code == 200
    assert found.headers["content-type"].startswith(TYPES[path])
    assert found.headers["cache-control"] == "no-cache"
    head = client.head(path)
    assert (head.content, head.headers["etag"]) == (b"", found.headers["etag"])
    assert head.headers["content-length"] == str(len(found.content))
    for known in (found.headers["etag"], f'"other", W/{found.headers["etag"]}', "*"):
        again = client.get(path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == found.headers["etag"]
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200
    assert client.post(path).status_code == 405


def test_no_name_that_is_asked_for_becomes_one_of_a_file(client: TestClient) -> None:
    for path in (
        "/page/",
        "/page/../app.py",
        "/page/%2e%2e/app.py",
        "/docs/main.py",
        "/page/none.js",
    ):
        assert client.get(path).status_code == 404


def test_a_file_that_changed_is_another(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "page"
    shutil.copytree(PAGE, folder)
    monkeypatch.setattr(pages, "PAGE", folder)
    app = FastAPI()
    app.include_router(make_pages_router())
    with TestClient(app) as changing:
        first = changing.get("/page/page.css")
        text = (folder / "page.css").read_text(encoding="utf-8")
        (folder / "page.css").write_text(text.replace("72rem", "73rem"), encoding="utf-8")
        second = changing.get("/page/page.css", headers={"if-none-match": first.headers["etag"]})
        assert second.status_code == 200
        assert second.headers["etag"] != first.headers["etag"]
        (folder / "page.css").unlink()
        assert changing.get("/page/page.css").status_code == 404


def test_the_packaged_widget_comes_before_that_of_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (widget_folder() / "tecla.js").is_file()
    monkeypatch.setattr(pages, "PAGE", tmp_path)
    assert widget_folder().name == "widget"
    (tmp_path / "tecla.js").touch()
    assert widget_folder() == tmp_path


@pytest.mark.parametrize("path", OURS)
def test_nothing_comes_from_elsewhere_and_nothing_is_inline(client: TestClient, path: str) -> None:
    text = client.get(path).text
    assert not ELSEWHERE.search(text)
    if client.get(path).headers["content-type"].startswith("text/html"):
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)


@pytest.mark.slow
def test_pages_are_guarded_like_everything_else(make: Make) -> None:
    made = make(asks_for_keys=True)
    for path in ("/", "/docs", "/openapi.json", "/tecla.js"):
        answer = made.client.get(path)
        assert answer.status_code == 200  # pages need no key
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert made.client.get(path, headers={"host": "evil.example"}).status_code == 403
    assert made.client.get("/redoc").status_code == 404
    assert made.client.get("/healthz").json()["filters"] == ["standard", "strict"]
