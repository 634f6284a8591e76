"""The widget in a textarea, against the real service: show, type through, take, take back."""

from __future__ import annotations

import pytest

from browser.conftest import FUTURE, Site, events, ghost, value

pytestmark = pytest.mark.browser


def test_typing_shows_and_tab_takes(site: Site) -> None:
    page = site.open()
    page.locator(".field").focus()
    page.keyboard.type(FUTURE)
    shown = ghost(page)
    assert shown.startswith(" of the")
    page.keyboard.press("Tab")
    assert value(page) == FUTURE + shown
    print(shown, events(page, "accepted"), page.evaluate("handle.saved"))
    page.keyboard.press("Control+z")
    assert value(page) == FUTURE
