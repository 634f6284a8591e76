"""The widget for everybody: screen readers, contrast, forced colours, less motion, axe."""

from __future__ import annotations

import json
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from browser.conftest import Scripted, Site, ghost, settled, until

pytestmark = pytest.mark.browser

_ITEMS = [{"text": " jumps", "probability": 0.6}, {"text": " is red", "probability": 0.3}]
_EDITABLE = '<div class="field" contenteditable role="textbox" aria-label="Text"></div>'
_PLAIN = '<div class="field" contenteditable aria-label="Text"></div>'
_INPUT = '<label for="text">Text</label><input id="text" class="field">'


def fox(before: str) -> str | None:
    return " jumps over the dog" if before.endswith("fox") else None


def shown(site: Site, body: str = "", **more: Any) -> Page:
    page = site.open(
        **({"body": body} if body else {}), scripted=Scripted(fox, items=_ITEMS), **more
    )
    page.locator(".field").focus()
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    return page


def still(page: Page) -> None:
    """From now on time passes only where a test says so."""
    page.clock.install(time=0)
    page.clock.pause_at(1_000)


def style(page: Page, name: str) -> str:
    """A computed property of what is drawn."""
    found = page.evaluate(
        """(name) => {
          const { shadowRoot } = document.querySelector("tecla-overlay");
          return getComputedStyle(shadowRoot.querySelector(".ghost"))[name];
        }""",
        name,
    )
    assert isinstance(found, str)
    return found


def luminance(channels: list[float]) -> float:
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in (value / 255 for value in channels)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Of two colours as a browser tells them, by the definition of WCAG 2."""
    first, second = (
        luminance([float(value) for value in each.split("(")[1].rstrip(")").split(",")[:3]])
        for each in (one, other)
    )
    return (max(first, second) + 0.05) / (min(first, second) + 0.05)


def faults(page: Page) -> list[str]:
    found = Axe().run(page, options=json.loads('{"resultTypes": ["violations"]}'))
    return [
        f"{each['id']}: {node['html'][:120]}"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("body", ["", _INPUT, _EDITABLE])
def test_axe_finds_no_fault_with_ghost_text_and_list(site: Site, body: str) -> None:
    page = shown(site, body)
    assert faults(page) == []
    page.keyboard.press("Control+Space")
    page.get_by_role("option").first.wait_for()
    assert faults(page) == []


def test_axe_finds_no_fault_in_the_dark_and_with_a_tip(site: Site) -> None:
    css = "body { background: #14161a; color: #ddd; } .field { background: #222; color: #eee; }"
    page = shown(site, css=css)
    page.keyboard.insert_text(" hides")
    for _ in range(6):
        page.keyboard.press("ArrowLeft")
    page.keyboard.insert_text(" the fox")
    assert ghost(page)
    assert page.evaluate("() => window.handle.state.isTip")
    assert faults(page) == []


def test_only_a_text_box_has_what_text_boxes_have(site: Site) -> None:
    page = shown(site, _PLAIN)
    field = page.locator(".field")
    assert field.get_attribute("aria-autocomplete") is None
    page.keyboard.press("Control+Space")
    page.get_by_role("option").first.wait_for()
    assert field.get_attribute("aria-activedescendant") is None
    page.get_by_role("status").get_by_text("jumps, 1 of 2").wait_for(state="attached")
    page.keyboard.press("ArrowDown")
    page.get_by_role("status").get_by_text("is red, 2 of 2").wait_for(state="attached")


def test_what_stands_is_said_once(site: Site) -> None:
    page = site.open(scripted=Scripted(fox))
    page.locator(".field").focus()
    until(page, "() => window.handle.state.connection === 'open'")
    still(page)
    said = """() => {
      window.said = [];
      const status = document.querySelector("tecla-live");
      new MutationObserver(() => status.textContent && window.said.push(status.textContent))
        .observe(status, { childList: true, characterData: true, subtree: true });
    }"""
    page.evaluate(said)
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.clock.run_for(300)
    page.keyboard.type(" jum")  # typed before it was said: there is nothing to say
    page.clock.run_for(2_000)
    assert page.evaluate("() => window.said") == []
    page.keyboard.insert_text(" and the fox")
    page.clock.run_for(2_000)
    page.clock.run_for(2_000)
    first = "Suggestion: jumps over the dog. Tab takes it, Escape sends it away."
    assert page.evaluate("() => window.said") == [first]
    page.keyboard.type(" ")
    page.clock.run_for(2_000)
    assert page.evaluate("() => window.said") == [first]
    page.keyboard.insert_text("x fox")
    page.clock.run_for(2_000)
    assert page.evaluate("() => window.said") == [first, "Suggestion: jumps over the dog."]


def test_it_can_be_silent(site: Site) -> None:
    page = site.open(scripted=Scripted(fox), options={"announce": False})
    page.locator(".field").focus()
    until(page, "() => window.handle.state.connection === 'open'")
    still(page)
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.clock.run_for(5_000)
    assert page.get_by_role("status").inner_text() == ""


@pytest.mark.parametrize(
    ("ink", "paper"),
    [
        ("rgb(0, 0, 0)", "rgb(255, 255, 255)"),
        ("rgb(51, 51, 51)", "rgb(250, 250, 250)"),
        ("rgb(220, 220, 220)", "rgb(24, 26, 30)"),
        ("rgb(20, 60, 40)", "rgb(255, 240, 200)"),
    ],
)
def test_it_is_faint_and_can_be_read(site: Site, ink: str, paper: str) -> None:
    page = shown(site, css=f".field {{ color: {ink}; background: {paper}; }}")
    colour = style(page, "color")
    assert contrast(colour, paper) >= 4.5
    assert contrast(colour, paper) < 0.8 * contrast(ink, paper)


def test_more_contrast_where_it_is_asked_for(site: Site) -> None:
    page = shown(site, css=".field { color: #000; background: #fff; }", contrast="more")
    assert contrast(style(page, "color"), "rgb(255, 255, 255)") >= 7
    assert "underline" in style(page, "textDecorationLine")


def test_forced_colours_tell_it_from_text(site: Site) -> None:
    page = shown(site, forced_colors="active")
    assert "underline" in style(page, "textDecorationLine")
    field = page.locator(".field").evaluate("(field) => getComputedStyle(field).color")
    assert style(page, "color") != field


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
def test_nothing_moves_where_less_motion_is_asked_for(site: Site, motion: str, moves: bool) -> None:
    script = """
    window.animated = 0;
    const animate = Element.prototype.animate;
    Element.prototype.animate = function (...how) {
      window.animated += 1;
      return animate.apply(this, how);
    };
    """
    page = shown(site, script=script, reduced_motion=motion)
    assert (page.evaluate("() => window.animated") > 0) == moves


def test_pages_that_style_everything_do_not_reach_it(site: Site) -> None:
    css = """* { margin: 7px; letter-spacing: 3px; transition: all 1s; }
    div, span { color: red; display: flex; border: 5px solid red; }
    main > * + * { margin-top: 40px; }"""
    page = shown(site, css=css)
    settled(page)
    field, drawn = page.evaluate(
        """() => {
          const { shadowRoot } = document.querySelector("tecla-overlay");
          return [window.handle.element, shadowRoot.querySelector(".box")].map((each) => {
            const { left, top, width, height } = each.getBoundingClientRect();
            return [left, top, width, height];
          });
        }"""
    )
    assert drawn == pytest.approx(field, abs=0.05)
    assert style(page, "display") == "inline"
    assert style(page, "color") != "rgb(255, 0, 0)"
