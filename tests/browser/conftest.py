"""A real browser, the service it talks to, and pages with fields that have ghost text.

Pages come from the service's own origin with the policy of its own pages: no inline style or
script, no other host. Most tests talk to a scripted service (`Scripted`), which says what they need
when they need it; those of whole ways talk to the real one on the fake engine. Whatever a page logs
as an error, or its policy forbids, fails the test.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    WebSocket,
    WebSocketRoute,
    sync_playwright,
)

from serve.serving import Live, live
from tecla.serve import gate

FUTURE = "the future"
SAID = " of the thin art and help"
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PAGE = """<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><title>Test</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="page.css"><script type="module" src="page.js"></script>
</head><body><main><h1>Test</h1>{body}</main></body></html>"""
_SCRIPT = """
import {{ attach, Session }} from "/tecla.js";
window.attach = attach;
window.Session = Session;
window.events = [];
for (const name of ["shown", "accepted", "saved", "dismissed", "refused", "state", "answer"]) {{
  document.addEventListener(`tecla-${{name}}`, (event) => {{
    window.events.push({{ name, ...event.detail }});
  }});
}}
for (const field of document.querySelectorAll({fields})) {{
  window.handle = attach(field, {options});
}}
{script}
window.isReady = true;
"""
_STYLE = "h1 { font-size: 1rem; } body { margin: 20px; }\n"
_TEXTAREA = '<label for="text">Text</label><br><textarea id="text" class="field"></textarea>'


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium of this machine."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("no Chromium is installed")
    home = str(tmp_path_factory.mktemp("browser"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, env={**os.environ, "HOME": home}, args=["--disable-gpu"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service() -> Iterator[Live]:
    """The service on the fake engine, which knows how "the future" goes on."""
    with live(said=SAID) as found:
        yield found


def units(text: str) -> list[bytes]:
    """The UTF-16 units of a text."""
    data = text.encode("utf-16-le")
    return [data[at : at + 2] for at in range(0, len(data), 2)]


def spelt(found: list[bytes]) -> str:
    return b"".join(found).decode("utf-16-le")


@dataclass
class Scripted:
    """A service whose answers are written down: what `says` for the text before the caret."""

    says: Callable[[str], Mapping[str, Any] | str | None]
    chars: int = 200_000
    received: list[dict[str, Any]] = field(default_factory=list)
    opened: int = 0
    units: list[bytes] = field(default_factory=list)
    caret: int = 0
    revision: int = 0
    is_held: bool = False
    held: list[dict[str, Any]] = field(default_factory=list)
    items: list[dict[str, Any]] = field(default_factory=list)
    refuses: tuple[int, str] | None = None
    socket: WebSocketRoute | None = None

    @property
    def text(self) -> str:
        """The text as the service has it."""
        return spelt(self.units)

    def enter(self, socket: WebSocketRoute) -> None:
        self.socket = socket
        socket.on_message(lambda raw: self.take(socket, json.loads(raw)))

    def kinds(self) -> list[str]:
        return [each["type"] for each in self.received]

    def take(self, socket: WebSocketRoute, message: dict[str, Any]) -> None:
        self.received.append(message)
        kind = message["type"]
        if kind == "open":
            self.opened += 1
            refuses = self.refuses
            if len(units(message["text"])) > self.chars:
                refuses = (4400, f"the text has more than {self.chars} characters")
            if refuses is not None:
                socket.close(code=refuses[0], reason=refuses[1])
                return
            self.units, self.caret = units(message["text"]), message["caret"]
            opened = {"type": "opened", "session": "s", "revision": message["revision"]}
            socket.send(json.dumps({**opened, "chars": self.chars}))
        elif kind == "edit":
            start, end, text = message["start"], message["end"], message["text"]
            assert 0 <= start <= end <= len(self.units)
            self.units[start:end] = units(text)
            self.caret = message.get("caret", start + len(units(text)))
        elif kind == "accept":
            taken = units(message["text"])
            self.units[self.caret : self.caret] = taken
            self.caret += len(taken)
        elif kind == "list":
            self.send(type="list", revision=message["revision"], items=self.items)
        if kind in {"open", "edit", "accept"}:
            assert message["revision"] > self.revision or kind == "open"
            self.revision = message["revision"]
            self.answer()

    def answer(self) -> None:
        said = self.says(spelt(self.units[: self.caret]))
        found = {"text": said} if isinstance(said, str) else dict(said or {"silence": "unsure"})
        text = found.get("text", "")
        ends = [at for at in range(1, len(text)) if text[at] == " " and text[at - 1] != " "]
        answer = {
            "type": "suggestion",
            "revision": self.revision,
            "words": [*ends, len(text)] if text else [],
            "source": "model",
            "probability": 0.9,
            **found,
        }
        if self.is_held:
            self.held.append(answer)
        else:
            self.send(**answer)

    def let_go(self) -> None:
        """Send what was held back."""
        for answer in self.held:
            self.send(**answer)
        self.held.clear()

    def send(self, **message: Any) -> None:
        assert self.socket is not None
        self.socket.send(json.dumps(message))

    def close(self, code: int, reason: str = "") -> None:
        assert self.socket is not None
        self.socket.close(code=code, reason=reason)


class Pages:
    """Pages of a test beside those of the service: its origin and its policy, a folder each."""

    _TYPES = {"html": b"text/html", "css": b"text/css", "js": b"text/javascript"}  # noqa: RUF012

    def __init__(self, service: Live) -> None:
        self._files: dict[str, str] = {}
        config = service.server.config
        self._inner: Any = config.loaded_app
        config.loaded_app = self

    def put(self, files: Mapping[str, str]) -> str:
        """Serve files from a new folder; its path."""
        folder = f"/test/{len(self._files)}/"
        self._files |= {folder + name: text for name, text in files.items()}
        return folder

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        text = self._files.get(scope.get("path", ""))
        if text is None or scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        kind = self._TYPES[scope["path"].rpartition(".")[2]]
        headers = [
            (b"content-type", kind + b"; charset=utf-8"),
            (b"content-security-policy", gate._PAGE_POLICY),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text.encode()})


class Site:
    """Makes pages with fields; one browser context each."""

    def __init__(self, browser: Browser, service: Live, pages: Pages) -> None:
        self._browser, self.service, self._pages = browser, service, pages
        self._contexts: list[BrowserContext] = []
        self.faults: list[str] = []
        self.frames: list[dict[str, Any]] = []  # messages to the real service
        self.origin = f"http://127.0.0.1:{service.port}"

    def open(
        self,
        body: str = _TEXTAREA,
        *,
        css: str = "",
        script: str = "",
        fields: str = ".field",
        options: Mapping[str, Any] | None = None,
        lang: str = "en",
        scripted: Scripted | None = None,
        faults: bool = True,
        **context: Any,
    ) -> Page:
        """A page with `body`; what matches `fields` is attached with `options`."""
        made = self._browser.new_context(**{"viewport": {"width": 800, "height": 600}} | context)
        self._contexts.append(made)
        page = made.new_page()
        page.set_default_timeout(20_000)
        page.on("websocket", self._watch)
        if faults:
            page.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
            page.on("pageerror", lambda error: self.faults.append(str(error)))
        if scripted is not None:
            page.route_web_socket("**/v1/session", scripted.enter)
        asked = json.dumps(fields), json.dumps(options or {})
        where = self._pages.put(
            {
                "page.html": _PAGE.format(body=body, lang=lang),
                "page.css": _STYLE + css,
                "page.js": _SCRIPT.format(fields=asked[0], options=asked[1], script=script),
            }
        )
        page.goto(f"{self.origin}{where}page.html")
        page.wait_for_function("window.isReady === true")
        return page

    def _watch(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda raw: self.frames.append(json.loads(raw)))

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture(scope="session")
def pages(service: Live) -> Pages:
    return Pages(service)


@pytest.fixture
def site(browser: Browser, service: Live, pages: Pages) -> Iterator[Site]:
    found = Site(browser, service, pages)
    yield found
    found.close()
    assert found.faults == []


def ghost(page: Page, text: str | None = None) -> str:
    """What is shown behind the caret; waits until it is `text`, or until something is."""
    if text is None:
        page.wait_for_function("() => window.handle.state.suggestion !== ''")
    else:
        until(page, "(text) => window.handle.state.suggestion === text", text)
    found = page.evaluate("() => window.handle.state.suggestion")
    assert isinstance(found, str)
    return found


def until(page: Page, holds: str, arg: object = None) -> None:
    """Wait until an expression of the page is true."""
    page.wait_for_function(holds, arg=arg)


def heard(page: Page, scripted: Scripted, count: int) -> None:
    """Wait until the scripted service has had so many messages."""
    for _ in range(2_000):
        if len(scripted.received) >= count:
            return
        page.evaluate("() => new Promise((done) => setTimeout(done, 5))")
    raise AssertionError(scripted.kinds())


def events(page: Page, name: str) -> list[dict[str, Any]]:
    """What fired, oldest first."""
    found: list[dict[str, Any]] = page.evaluate(
        "(name) => window.events.filter((event) => event.name === name)", name
    )
    return found


def settled(page: Page) -> None:
    """Wait until the browser has drawn what it was told, twice over."""
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def value(page: Page, selector: str = ".field") -> str:
    found = page.locator(selector).input_value()
    assert isinstance(found, str)
    return found
