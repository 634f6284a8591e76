"""Fingers: a tap and a swipe on what is drawn, phones that compose, and staying at the field."""

from __future__ import annotations

from typing import Any

import pytest

from browser.conftest import Scripted, Site, ghost, settled, until, value
from browser.test_widget_fields import fox, middle, start

pytestmark = pytest.mark.browser

_PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 700},
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
}


def test_a_tap_takes_all_of_it(site: Site) -> None:
    page = start(site, Scripted(fox), **_PHONE)
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.touchscreen.tap(*middle(page))
    assert value(page) == "the fox jumps over the dog"
    caret = page.locator(".field").evaluate("(field) => field.selectionStart")
    assert caret == len("the fox jumps over the dog")


def test_a_phone_that_composes_may_be_shown_something_all_the_same(site: Site) -> None:
    page = start(site, Scripted(fox), options={"suggestWhileComposing": True}, **_PHONE)
    keyboard = page.context.new_cdp_session(page)
    page.keyboard.insert_text("the ")
    for text in ("f", "fo", "fox"):
        caret = {"selectionStart": len(text), "selectionEnd": len(text)}
        keyboard.send("Input.imeSetComposition", {"text": text, **caret})
    assert ghost(page) == " jumps over the dog"
    page.touchscreen.tap(*middle(page))
    assert value(page) == "the fox jumps over the dog"


def test_a_tap_elsewhere_takes_nothing(site: Site) -> None:
    page = start(site, Scripted(fox), css=".field { width: 340px; height: 200px; }", **_PHONE)
    page.keyboard.insert_text("the fox")
    x, y = middle(page)
    page.touchscreen.tap(x, y + 100)
    settled(page)
    assert value(page) == "the fox"


def test_a_tap_on_the_tip_takes_it(site: Site) -> None:
    page = start(site, Scripted(fox), **_PHONE)
    page.keyboard.insert_text("the sleeps")
    for _ in range(7):
        page.keyboard.press("ArrowLeft")
    page.keyboard.insert_text(" fox")
    assert ghost(page)
    assert page.evaluate("() => window.handle.state.isTip")
    page.touchscreen.tap(*middle(page))
    until(page, "() => window.handle.element.value === 'the fox jumps over the dog sleeps'")


@pytest.mark.parametrize(("across", "taken"), [(60, " jumps"), (-60, "")])
def test_a_swipe_takes_a_word(site: Site, across: int, taken: str) -> None:
    page = start(site, Scripted(fox), **_PHONE)
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    x, y = middle(page)
    finger = page.context.new_cdp_session(page)
    for kind, dx in (("touchStart", 0), ("touchMove", across / 2), ("touchMove", across)):
        points = [{"x": x + dx, "y": y}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    settled(page)
    assert value(page) == "the fox" + taken


def test_it_stays_with_the_field_when_the_page_moves(site: Site) -> None:
    """In a scrolled box, in a scrolled page, after the field grew."""
    body = (
        '<div id="box"><p id="far">x</p><textarea class="field" aria-label="x"></textarea>'
        "<p>x</p></div>"
    )
    css = """#box { height: 300px; overflow: auto; } p { height: 400px; } main { height: 2000px; }
    .field { transition: none; width: 400px; }"""
    page = start(site, Scripted(fox), body, css=css)
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    apart = """() => {
      const field = window.handle.element.getBoundingClientRect();
      const shadow = document.querySelector("tecla-overlay").shadowRoot;
      const box = shadow.querySelector(".box").getBoundingClientRect();
      return [box.left - field.left, box.top - field.top, box.width - field.width];
    }"""
    moves = (
        "document.querySelector('#box').scrollTop += 37",
        "document.scrollingElement.scrollTop += 21",
        "document.querySelector('#far').style.height = '310.5px'; "
        "window.handle.element.style.width = '420px'",
    )
    for move in moves:
        page.evaluate(f"() => {{ {move}; }}")
        settled(page)
        assert page.evaluate(apart) == pytest.approx([0, 0, 0], abs=0.05)
