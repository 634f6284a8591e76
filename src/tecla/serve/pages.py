"""What a browser is given: the page at `/`, the widget, and the reference at `/docs`.

Files are read when they are first asked for and again when they change; the tag of each is of its
content, and browsers ask each time whether theirs is still the same. Nothing is fetched from
elsewhere: Swagger UI comes from a package on this machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

PAGE: Final = Path(__file__).resolve().parent / "page"
_ROOT: Final = Path(__file__).resolve().parents[3]
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_PAGES: Final = {"/": "index.html", "/docs": "docs.html"}
_WIDGET: Final = ("tecla.js", "tecla.d.ts")
_SWAGGER: Final = ("swagger-ui-bundle.js", "swagger-ui.css")
_KEPT: Final = "no-cache"  # kept by browsers, and asked about each time


@dataclass(frozen=True, slots=True)
class _Content:
    """A file as it was when its time and size were these."""

    stamp: tuple[int, int]
    body: bytes
    tag: str


class Served:
    """Files by the path at which they are served."""

    def __init__(self, files: dict[str, Path]) -> None:
        """Those of a fixed list: no name that is asked for becomes one of a file."""
        self._files = files
        self._read: dict[str, _Content] = {}

    def __iter__(self) -> Iterator[str]:
        """The paths."""
        return iter(self._files)

    def answer(self, path: str, known: str = "") -> Response:
        """The file, or 304 where `known` (an If-None-Match header) has its tag.

        Raises `HTTPException` where it is gone.
        """
        file = self._files[path]
        try:
            content = self._content(path, file)
        except OSError:
            raise HTTPException(404) from None
        headers = {"etag": content.tag, "cache-control": _KEPT}
        if content.tag in known or known.strip() == "*":
            return Response(status_code=304, headers=headers)
        return Response(content.body, headers=headers, media_type=_TYPES[file.suffix])

    def _content(self, path: str, file: Path) -> _Content:
        status = file.stat()
        stamp = (status.st_mtime_ns, status.st_size)
        content = self._read.get(path)
        if content is None or content.stamp != stamp:
            body = file.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
            content = self._read[path] = _Content(stamp, body, tag)
        return content


def widget_folder() -> Path:
    """Where the widget lies: beside the page in an installed package, at the root in a checkout."""
    return PAGE if (PAGE / _WIDGET[0]).is_file() else _ROOT / "widget"


def files() -> dict[str, Path]:
    """Everything that is served, by path."""
    found = {path: PAGE / name for path, name in _PAGES.items()}
    for file in sorted(PAGE.iterdir()):
        if file.suffix in _TYPES and file.name not in {*_PAGES.values(), *_WIDGET}:
            found[f"/page/{file.name}"] = file
    found |= {f"/{name}": widget_folder() / name for name in _WIDGET}
    swagger = _swagger_folder()
    if swagger is not None:
        found |= {f"/docs/{name}": swagger / name for name in _SWAGGER}
    return found


def make_pages_router() -> APIRouter:
    """The routes of all files, for GET and HEAD."""
    router, served = APIRouter(), Served(files())

    async def file(request: Request) -> Response:
        return served.answer(request.url.path, request.headers.get("if-none-match", ""))

    for path in served:
        router.add_api_route(path, file, methods=["GET", "HEAD"], include_in_schema=False)
    return router


def _swagger_folder() -> Path | None:
    """The files of Swagger UI, which the package fastapi-swagger holds."""
    spec = find_spec("fastapi_swagger")
    places = None if spec is None else spec.submodule_search_locations
    return Path(places[0]) / "resources" if places else None
