"""The widget against the real service: show, type through, take, take back, come back."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from browser.conftest import FUTURE, Pages, Site, events, ghost, until, value
from serve.serving import live

pytestmark = pytest.mark.browser

_EDITABLE = '<div class="field" contenteditable role="textbox" aria-label="Text"></div>'


def write(page: Page) -> str:
    """Put the text in by one key, and wait for what the service says of it.

    Something else stands there when the session opens: before an empty text the fake engine says
    all of it at once, and what is typed of that is not told.
    """
    page.keyboard.insert_text("x")
    until(page, "() => window.events.findLast((event) => event.before === 'x')?.settled")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(FUTURE)
    last = "(text) => window.events.findLast((event) => event.before === text)?.settled"
    until(page, last, FUTURE)
    return ghost(page)


def test_typing_shows_and_tab_takes_as_one_step(site: Site) -> None:
    page = site.open()
    page.locator(".field").focus()
    shown = write(page)
    assert shown.startswith(" of the")
    assert value(page) == FUTURE
    page.keyboard.press("Tab")
    assert value(page) == FUTURE + shown
    (accepted,) = events(page, "accepted")
    assert (accepted["text"], accepted["savedKeys"]) == (shown, len(shown) - 1)
    assert accepted["source"] in {"model", "typed", "known"}
    assert events(page, "saved")[-1]["keys"] == len(shown) - 1
    page.keyboard.press("Control+z")
    assert value(page) == FUTURE
    page.keyboard.press("Control+y")
    assert value(page) == FUTURE + shown


def test_editable_content_is_taken_and_taken_back_as_one_step(site: Site) -> None:
    page = site.open(_EDITABLE)
    field = page.locator(".field")
    field.focus()
    shown = write(page)
    assert field.evaluate("(field) => field.innerHTML") == FUTURE
    page.keyboard.press("Tab")
    taken = FUTURE + shown
    assert field.evaluate("(field) => field.textContent").replace("\u00a0", " ") == taken
    page.keyboard.press("Control+z")
    assert field.evaluate("(field) => field.textContent") == FUTURE


def test_what_may_be_typed_in_silence_is_told_at_once_afterwards(site: Site) -> None:
    page = site.open()
    page.locator(".field").focus()
    shown = write(page)
    quiet = events(page, "answer")[-1]["quiet"]
    gone = FUTURE + shown[:quiet] + "x"
    assert quiet > 1
    frames = len(site.frames)
    for count in range(quiet):
        page.keyboard.type(shown[count])
        assert ghost(page, shown[count + 1 :])
    assert len(site.frames) == frames
    page.keyboard.type("x")
    until(page, "(text) => window.events.findLast((event) => event.before === text)", gone)
    (edit,) = (each for each in site.frames[frames:] if each["type"] == "edit")
    assert (edit["start"], edit["text"]) == (len(FUTURE), shown[:quiet] + "x")


def test_word_by_word(site: Site) -> None:
    page = site.open()
    page.locator(".field").focus()
    shown = write(page)
    page.keyboard.press("Control+ArrowRight")
    assert value(page) == FUTURE + " of"
    assert ghost(page).startswith(shown.removeprefix(" of").rstrip())
    page.keyboard.press("Control+ArrowRight")
    assert value(page) == FUTURE + " of the"
    assert [each["part"] for each in events(page, "accepted")] == ["word", "word"]
    assert [each["type"] for each in site.frames].count("accept") == 2


def test_what_was_typed_in_silence_comes_before_what_is_taken(site: Site) -> None:
    page = site.open()
    page.locator(".field").focus()
    shown = write(page)
    page.keyboard.type(shown[0])
    page.keyboard.press("Tab")
    assert value(page) == FUTURE + shown
    assert [each["type"] for each in site.frames[-2:]] == ["edit", "accept"]
    assert [each["text"] for each in site.frames[-2:]] == [shown[0], shown[1:]]


def test_a_restarted_service_is_taken_up_again(browser: Browser) -> None:
    with live() as first:
        port = first.port
        site = Site(browser, first, Pages(first))
        page = site.open(faults=False)  # a browser logs every connection that is refused
        page.locator(".field").focus()
        shown = write(page)
    until(page, "() => window.handle.state.connection === 'waiting'")
    page.keyboard.type(" x")
    for _ in range(2):
        page.keyboard.press("Backspace")
    with live(port=port):
        until(page, "() => window.handle.state.connection === 'open'")
        page.keyboard.type(shown[:3])
        assert ghost(page).startswith(shown[3:])
        openings = [each for each in site.frames if each["type"] == "open"]
        assert [each["text"] for each in openings[1:]] == [FUTURE]
        site.close()


def test_a_key_lets_in_and_none_is_told_of_once(browser: Browser) -> None:
    with live(asks_for_keys=True) as service:
        site = Site(browser, service, Pages(service))
        page = site.open()
        page.locator(".field").focus()
        until(page, "() => window.handle.state.connection === 'stopped'")
        page.keyboard.type(FUTURE[:-1])
        page.locator(".field").blur()
        page.locator(".field").focus()
        (refused,) = events(page, "refused")
        assert (refused["code"], refused["isFinal"]) == ("key", True)
        assert len(site.frames) == 1
        page.evaluate("(key) => window.handle.update({ key })", service.key())
        until(page, "() => window.handle.state.connection === 'open'")
        page.keyboard.type(FUTURE[-1])
        assert ghost(page).startswith(" of the")
        site.close()
        assert site.faults == []
