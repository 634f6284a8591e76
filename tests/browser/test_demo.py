"""The demo page and the reference, in a real browser on the real service."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from browser.conftest import FUTURE, SAID
from serve.serving import Live, live
from serve.test_compare import opening, threaded, word
from serve.test_learnt_suggestions import LEARNT, TYPED
from tecla.controller.systems import Systems

pytestmark = pytest.mark.browser
expect.set_options(timeout=15_000)
WIDE = {"width": 1240, "height": 900}
LONG = "a_name_without_a_break_" * 20
BELOW_LABEL = "at => at.getBoundingClientRect().top - at.labels[0].getBoundingClientRect().top"
SYSTEMS = ("Frequency", "Dictionary", "N-gram", "Neural", "Blend")
GHOST_IS_HIDDEN = "document.querySelector('tecla-overlay').shadowRoot.querySelector('.box').hidden"
GHOST_BEGINS = (
    "(text) => document.querySelector('tecla-overlay')?.shadowRoot"
    ".querySelector('.ghost')?.textContent.startsWith(text)"
)
KEEP_ANSWERS = """
window.answers = [];
document.addEventListener("tecla-answer", (event) => window.answers.push(event.detail));
"""


class Demo:
    """Opens pages of the service, and keeps what they ask for and complain of."""

    def __init__(self, browser: Browser, service: Live) -> None:
        self._browser, self.service = browser, service
        self._contexts: list[BrowserContext] = []
        self.origin = f"http://127.0.0.1:{service.port}"
        self.hosts: set[str] = set()
        self.faults: list[str] = []
        self.expected: tuple[str, ...] = ()

    def open(self, path: str = "/", **context: object) -> Page:
        made = self._browser.new_context(**({"viewport": WIDE} | context))  # type: ignore[arg-type]
        self._contexts.append(made)
        page = made.new_page()
        page.set_default_timeout(15_000)
        page.add_init_script(KEEP_ANSWERS)
        page.on("request", lambda asked: self.hosts.add(urlsplit(asked.url).netloc))
        page.on("websocket", lambda socket: self.hosts.add(urlsplit(socket.url).netloc))
        page.on(
            "console", lambda said: said.type in {"error", "warning"} and self._fault(said.text)
        )
        page.on("pageerror", lambda error: self._fault(str(error)))
        page.goto(self.origin + path)
        return page

    def _fault(self, text: str) -> None:
        if not any(each in text for each in self.expected):
            self.faults.append(text)

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        assert self.faults == []
        assert self.hosts <= {urlsplit(self.origin).netloc, ""}  # data: has no host


@pytest.fixture(scope="module")
def service() -> Iterator[Live]:
    """The service on the fake engine, and systems that are written down."""
    words = (word(" of", 0.6), word("al", 0.2, replaces=2))

    def systems() -> Systems:
        found = threaded(opening(*words))
        found.wait("")
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tecla.serve.app.Systems", systems)
        with live(said=SAID) as found:
            yield found


@pytest.fixture
def demo(browser: Browser, service: Live) -> Iterator[Demo]:
    found = Demo(browser, service)
    yield found
    found.close()


def write(page: Page, text: str = FUTURE) -> None:
    page.locator("#text").click()
    page.keyboard.type(text)


def shown(page: Page) -> str:
    """The ghost text; waits until there is some."""
    found = page.wait_for_function(
        "() => document.querySelector('tecla-overlay')?.shadowRoot"
        ".querySelector('.ghost')?.textContent"
    ).json_value()
    assert isinstance(found, str)
    return found


def widths(page: Page) -> tuple[int, int]:
    found = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return found[0], found[1]


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]


def test_typing_shows_and_taking_counts(demo: Demo) -> None:
    page = demo.open()
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#model")).to_have_text("fake")
    write(page)
    ghost = shown(page)
    assert SAID.startswith(ghost.rstrip())
    expect(page.locator("#typed")).to_have_text(str(len(FUTURE)))
    page.keyboard.press("Tab")
    expect(page.locator("#text")).to_have_value(FUTURE + ghost)
    expect(page.locator("#typed")).to_have_text(str(len(FUTURE) + 1))
    expect(page.locator("#saved")).to_have_text(str(len(ghost) - 1))
    share = round(100 * (len(ghost) - 1) / (len(FUTURE) + len(ghost)))
    expect(page.locator("#share")).to_have_text(f"{share}\u202f%")
    names = page.locator("#latency tbody th")
    expect(names.filter(has_text="model")).to_have_count(1)
    expect(page.locator("#latency svg").first).to_have_attribute(
        "aria-label", re.compile("answers")
    )
    page.locator("#reset").click()
    expect(page.locator("#text")).to_have_value("")
    expect(page.locator("#saved")).to_have_text("0")


def test_samples_are_put_in_and_undone_as_one_step(demo: Demo) -> None:
    page = demo.open()
    write(page, "mine")
    page.get_by_role("button", name="Letter").click()
    assert page.locator("#text").input_value().startswith("Dear Mrs Turner")
    expect(page.locator("#typed")).to_have_text("4")
    page.keyboard.press("Control+z")
    expect(page.locator("#text")).to_have_value("mine")
    page.locator("#sample-language").select_option("es")
    page.get_by_role("button", name="Carta").click()
    assert page.locator("#text").input_value().startswith("Querida Marta")
    expect(page.locator("#text")).to_have_attribute("lang", "es")


def test_eagerness_holds_for_the_text_as_it_stands(demo: Demo) -> None:
    page = demo.open()
    write(page)
    shown(page)
    page.locator("#eagerness").fill("0")
    expect(page.locator("#eagerness-value")).to_have_text("0.00")
    page.locator("#text").focus()
    page.wait_for_function("() => window.answers.at(-1).silence === 'unsure'")
    assert page.evaluate(GHOST_IS_HIDDEN)
    page.locator("#eagerness").fill("1")
    page.locator("#text").focus()
    assert SAID.startswith(shown(page).rstrip())


def test_levels_that_the_service_does_not_allow_are_no_choice(demo: Demo) -> None:
    page = demo.open()
    expect(page.locator("#state")).to_have_text("ready")
    levels = page.locator("#filters option:not([disabled])")
    expect(levels).to_have_text(["standard", "strict"])
    page.locator("#filters").select_option("strict")
    with page.expect_response("**/v1/compare") as asked:
        page.locator("#compare summary").click()
    assert asked.value.request.post_data_json["filters"] == "strict"


def test_the_panel_shows_what_each_system_says(demo: Demo) -> None:
    page = demo.open()
    write(page)
    shown(page)
    page.locator("#compare summary").click()
    systems = page.locator("#systems section")
    expect(systems).to_have_count(5)
    names = page.locator("#systems h3")
    expect(names).to_have_text([re.compile(f"^{each}") for each in SYSTEMS])
    first = systems.nth(0).locator("li").first
    expect(first).to_have_text("␣of60\u202f%")
    assert first.evaluate("each => each.style.getPropertyValue('--share')") == "60.00%"
    changed = systems.nth(1).locator("li").nth(1)
    expect(changed.locator("s")).to_have_text("re")
    expect(systems.nth(2)).to_contain_text("Not here: there is no n-gram model here")
    expect(systems.nth(4).locator(".shown")).to_contain_text("Shown: ␣of the")
    with page.expect_response("**/v1/compare") as asked:
        page.locator("#text").press("!")
    assert asked.value.request.post_data_json["before"] == FUTURE + "!"
    page.locator("#compare summary").click()
    asked_again: list[str] = []
    page.on("request", lambda request: asked_again.append(request.url))
    page.locator("#text").press("!")
    page.wait_for_function("() => window.answers.at(-1).before?.endsWith('!!')")
    assert not [url for url in asked_again if url.endswith("compare")]


def test_a_key_is_asked_for_where_keys_are(browser: Browser) -> None:
    with live(said=SAID, asks_for_keys=True) as service:
        demo = Demo(browser, service)
        demo.expected = ("401",)
        page = demo.open()
        expect(page.locator("#key-form")).to_be_visible()
        page.locator("#key").fill("nonsense")
        page.locator("#key").press("Enter")
        expect(page.locator("#key-note")).to_contain_text("none")
        key = service.key()
        page.locator("#key").fill(key)
        page.locator("#key").press("Enter")
        expect(page.locator("#key-form")).to_be_hidden()
        write(page)
        assert SAID.startswith(shown(page).rstrip())
        assert page.evaluate("JSON.stringify(localStorage)").find(key) < 0
        page.reload()
        expect(page.locator("#state")).to_have_text("ready")
        expect(page.locator("#key-form")).to_be_hidden()
        demo.close()


def test_without_keys_no_key_is_asked_for(demo: Demo) -> None:
    page = demo.open()
    expect(page.locator("#state")).to_have_text("ready")
    expect(page.locator("#key-form")).to_be_hidden()
    expect(page.locator("#server")).to_have_text(urlsplit(demo.origin).netloc)


def test_a_service_that_is_away_is_said_to_be(browser: Browser) -> None:
    with live(said=SAID) as service:
        demo = Demo(browser, service)
        demo.expected = ("ERR_CONNECTION_REFUSED", "WebSocket connection")
        page = demo.open()
        expect(page.locator("#state")).to_have_text("ready")
        write(page)
        shown(page)
        service.stop()
        expect(page.locator("#state")).to_have_text("not reachable")
        demo.close()


def teach(page: Page, text: str, name: str = "") -> None:
    page.locator("#learn-text").fill(text)
    page.locator("#learn-source").fill(name)
    page.get_by_role("button", name="Learn it").click()


@pytest.fixture
def taught(demo: Demo) -> Iterator[Page]:
    """The page with the panel of what is learnt open, for a user of its own."""
    page = demo.open()
    page.locator("#learn summary").click()
    page.locator("#learn-user").fill("ana")
    page.locator("#learn-user").press("Enter")
    expect(page.locator("#learn-empty")).to_be_visible()
    yield page
    if not page.locator("#learn-forget").is_disabled():
        page.locator("#learn-forget").click()
        page.locator("#learn-forget").click()
        expect(page.locator("#learn-empty")).to_be_visible()


def test_what_is_pasted_is_learnt_suggested_and_forgotten(taught: Page) -> None:
    teach(taught, f"{LEARNT}\n\n{LEARNT}", "letter")
    expect(taught.locator("#learn-note")).to_have_text("letter is learnt.")
    expect(taught.locator("#learn-known .source")).to_have_text("letter")
    expect(taught.locator("#learn-text")).to_have_value("")
    taught.locator("#eagerness").fill("1")
    taught.locator("#text").click()
    taught.keyboard.insert_text(TYPED)  # key by key, what earlier ones found might still stand
    taught.wait_for_function(GHOST_BEGINS, arg="rella of the", timeout=60_000)
    taught.get_by_role("button", name="Forget letter").click()
    expect(taught.locator("#learn-note")).to_have_text("letter is forgotten.")
    expect(taught.locator("#learn-empty")).to_be_visible()
    taught.locator("#text").press("Backspace")
    taught.locator("#text").press("b")
    taught.wait_for_function(f"(text) => !({GHOST_BEGINS})(text)", arg="rella of the")


def test_files_are_learnt_by_their_kind(taught: Page) -> None:
    files = [
        {"name": "a.txt", "mimeType": "text/plain", "buffer": b"One text of some words."},
        {"name": "b.html", "mimeType": "text/html", "buffer": b"<p>Two texts of some words.</p>"},
    ]
    taught.locator("#learn-files").set_input_files(files)  # type: ignore[arg-type]
    expect(taught.locator("#learn-known .source")).to_have_text(["a.txt", "b.html"])
    expect(taught.locator("#learn-known .number").nth(1)).to_have_text("24 characters")
    with taught.expect_download() as download:
        taught.locator("#learn-export").click()
    exported = download.value.path().read_text(encoding="utf-8")
    assert download.value.suggested_filename == "tecla.jsonl"
    assert "Two texts of some words." in exported
    assert "<p>" not in exported


def test_everything_is_forgotten_when_asked_twice(taught: Page) -> None:
    teach(taught, "One text of some words.")
    button = taught.locator("#learn-forget")
    expect(taught.locator("#learn-known li")).to_have_count(1)
    button.click()
    expect(button).to_have_text("Really forget everything?")
    taught.locator("#learn-text").focus()
    expect(button).to_have_text("Forget everything")
    button.click()
    button.click()
    expect(taught.locator("#learn-note")).to_have_text("Everything is forgotten.")
    expect(button).to_be_disabled()


def test_what_cannot_be_learnt_is_said(taught: Page) -> None:
    taught.get_by_role("button", name="Learn it").click()
    expect(taught.locator("#learn-note")).to_contain_text("There is no text yet")
    teach(taught, "My password is hunter2secret.", "keys")
    expect(taught.locator("#learn-note")).to_have_text("keys was not learnt: no text in it.")


def test_a_collection_is_learnt_for_itself(taught: Page) -> None:
    teach(taught, "One text of some words.", "mine")
    expect(taught.locator("#learn-known .source")).to_have_text("mine")
    taught.locator("#learn-collection").fill("team")
    taught.locator("#learn-collection").press("Enter")
    expect(taught.locator("#learn-empty")).to_be_visible()
    taught.locator("#learn-collection").fill("")
    taught.locator("#learn-collection").press("Enter")
    expect(taught.locator("#learn-known .source")).to_have_text("mine")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1240, 360, 320])
def test_it_is_accessible_and_fits(demo: Demo, scheme: str, width: int) -> None:
    page = demo.open(viewport={"width": width, "height": 800}, color_scheme=scheme)
    write(page)
    shown(page)
    page.locator("#compare summary").click()
    expect(page.locator("#systems section")).to_have_count(5)
    page.locator("#learn summary").click()
    teach(page, "One text of some words.", LONG)
    expect(page.locator("#learn-note")).to_contain_text(LONG)
    row = page.locator("#learn-known li, #learn-known .source")  # the name has lines of its own
    assert len({each.evaluate("each => each.clientWidth") for each in row.all()}) == 1
    fields = page.locator("#learn input:not(.unseen), #learn textarea")
    assert len({round(each.evaluate(BELOW_LABEL)) for each in fields.all()}) == 1
    page.locator("#text").focus()
    assert violations(page) == []
    scroll, inner = widths(page)
    assert scroll <= inner == width
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", paper))) < 60) == (scheme == "dark")
    assert len(page.screenshot(full_page=True)) > 10_000


def test_light_and_dark_are_chosen_and_remembered(demo: Demo) -> None:
    page = demo.open(color_scheme="light")
    button = page.locator("#theme")
    for name in ("light", "dark"):
        button.click()
        expect(button).to_have_attribute("aria-label", f"Appearance: {name}")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.reload()
    expect(button).to_have_attribute("aria-label", "Appearance: dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    button.click()
    expect(button).to_have_attribute("aria-label", "Appearance: as the system has it")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark


def test_everything_can_be_reached_with_the_keyboard(demo: Demo) -> None:
    page = demo.open()
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.id || document.activeElement.textContent")
        )
    for wanted in ("theme", "Letter", "sample-language", "text", "reset", "eagerness", "filters"):
        assert wanted in reached
    page.locator("#compare summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#compare")).to_have_attribute("open", "")


def test_the_reference_is_drawn_from_here_alone(demo: Demo) -> None:
    page = demo.open("/docs")
    for path in ("/v1/suggest", "/v1/compare", "/healthz"):
        expect(page.locator(f'[data-path="{path}"]').first).to_be_visible()
    page.locator('[data-path="/healthz"]').first.click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text("serving")
    assert demo.hosts <= {urlsplit(demo.origin).netloc, ""}
