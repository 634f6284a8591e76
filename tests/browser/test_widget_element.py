"""`<tecla-textarea>`: a textarea to its form, its label and its page, with ghost text."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from browser.conftest import Scripted, Site, until
from browser.test_widget_access import faults

pytestmark = pytest.mark.browser

_FORM = """<form id="form"><label for="text">Letter</label>
<tecla-textarea id="text" name="letter" {attributes}>Dear</tecla-textarea>
<button>Send</button></form>"""
_SHOWN = "() => document.querySelector('tecla-textarea').handle.state.suggestion"


def start(site: Site, attributes: str = "", says: str = " Sir") -> tuple[Page, Scripted]:
    scripted = Scripted(lambda before: says if before else None)
    page = site.open(_FORM.format(attributes=attributes), scripted=scripted)
    return page, scripted


def in_form(page: Page) -> Any:
    return page.evaluate("() => Object.fromEntries(new FormData(document.querySelector('form')))")


def test_it_takes_part_in_its_form(site: Site) -> None:
    page, scripted = start(site)
    assert in_form(page) == {"letter": "Dear"}
    page.get_by_label("Letter").click()
    page.keyboard.press("Control+End")
    page.keyboard.type(",")
    until(page, f"() => ({_SHOWN})() === ' Sir'")
    page.keyboard.press("Tab")
    assert in_form(page) == {"letter": "Dear, Sir"}
    assert scripted.text == "Dear, Sir"
    names = page.evaluate("() => window.events.map((event) => event.name)")
    assert {"shown", "accepted", "saved"} <= set(names)
    page.evaluate("() => document.querySelector('form').reset()")
    assert in_form(page) == {"letter": "Dear"}
    page.evaluate("() => { document.querySelector('tecla-textarea').value = 'Hello'; }")
    assert in_form(page) == {"letter": "Hello"}


def test_attributes_are_those_of_a_textarea_and_of_the_widget(site: Site) -> None:
    page, scripted = start(
        site,
        'placeholder="Write" required maxlength="20" eagerness="0.3" max-words="2"'
        ' language="es" collection="mail"',
    )
    element = page.locator("tecla-textarea")
    inner = page.locator("tecla-textarea textarea")
    assert inner.get_attribute("placeholder") == "Write"
    inner.focus()
    until(page, "() => window.events.some((event) => event.state === 'open')")
    opening = scripted.received[0]
    assert (opening["eagerness"], opening["max_words"]) == (0.3, 2)
    assert (opening["language"], opening["collection"]) == ("es", "mail")
    element.evaluate("(element) => element.setAttribute('eagerness', '0.9')")
    page.keyboard.insert_text("x")
    until(page, f"() => ({_SHOWN})() !== ''")
    assert [each.get("eagerness") for each in scripted.received if each["type"] == "wish"] == [0.9]
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    assert not element.evaluate("(element) => element.checkValidity()")
    assert element.evaluate("(element) => element.validity.valueMissing")
    page.keyboard.type("x")
    assert element.evaluate("(element) => element.checkValidity()")


def test_a_disabled_form_disables_it(site: Site) -> None:
    scripted = Scripted(lambda before: " more")
    page = site.open(
        '<form><fieldset disabled><tecla-textarea name="a" aria-label="a"></tecla-textarea>'
        "</fieldset></form>",
        scripted=scripted,
    )
    inner = page.locator("tecla-textarea textarea")
    assert inner.is_disabled()
    assert in_form(page) == {}
    page.evaluate("() => { document.querySelector('fieldset').disabled = false; }")
    assert inner.is_enabled()
    assert in_form(page) == {"a": ""}


def test_taken_out_of_the_page_it_leaves(site: Site) -> None:
    page, _ = start(site)
    page.locator("tecla-textarea textarea").focus()
    page.keyboard.type("x")
    until(page, f"() => ({_SHOWN})() !== ''")
    page.evaluate(
        """() => {
          const element = document.querySelector("tecla-textarea");
          window.element = element;
          element.remove();
        }"""
    )
    assert page.evaluate("() => window.element.handle") is None
    page.evaluate("() => document.querySelector('form').prepend(window.element)")
    page.locator("tecla-textarea textarea").focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("y")
    until(page, f"() => ({_SHOWN})() !== ''")
    assert in_form(page)["letter"].endswith("y")


def test_axe_finds_no_fault_in_it(site: Site) -> None:
    page, _ = start(site)
    page.locator("tecla-textarea textarea").focus()
    page.keyboard.type("x")
    until(page, f"() => ({_SHOWN})() !== ''")
    assert faults(page) == []
