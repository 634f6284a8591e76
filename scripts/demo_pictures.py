"""Take the pictures of the demo page in `docs/pictures/`: real typing on a service that runs.

    tecla serve
    python scripts/demo_pictures.py http://127.0.0.1:8757

A text is typed key by key in Chromium (CHROMIUM names another browser), and Tab is pressed where
what is shown is how it goes on; so the figures on the pictures are those of that typing, on this
machine. Take them when nothing else runs.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "pictures"
KEY_MS: Final = 200.0
SETTLES_MS: Final = 1500.0
OPENS_MS: Final = 4000.0
MOST_TRIES: Final = 8
MOST_BYTES: Final = 200_000
LETTER: Final = (
    "Dear Mrs Turner,\n\nThank you very much for your letter of last week. I am sorry that it took "
    "me so long to answer. We would be very happy to see you in the spring, and I am looking forw"
)
CARTA: Final = (
    "Hola, Luis:\nel tren llega con retraso otra vez, así que estaré en la estación un poco "
    "después de las seis. Muchas gracias por tu ayu"
)
MESSAGE: Final = (
    "Hi Sam,\nthe train is late again, so I will be at the station a little after six. Please let "
    "me kn"
)
SHOWN: Final = """() => {
  const drawn = document.querySelector("tecla-overlay")?.shadowRoot;
  if (!drawn || drawn.querySelector(".box").hidden) return "";
  return drawn.querySelector(".ghost").textContent;
}"""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: what is typed, and how the page is looked at."""

    name: str
    text: str
    language: str = "en"
    is_dark: bool = False
    is_phone: bool = False


PICTURES: Final = (
    Picture("demo-light", LETTER),
    Picture("demo-dark", CARTA, "es", is_dark=True),
    Picture("demo-phone", MESSAGE, is_phone=True),
)


def main() -> int:
    """All of them, from the service at the address given."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found)
        for picture in PICTURES:
            size = take(browser, sys.argv[1], picture)
            print(f"{picture.name}: {size} bytes")
            if size > MOST_BYTES:
                return 1
        browser.close()
    return 0


def take(browser: Browser, address: str, picture: Picture) -> int:
    """Type, and take the picture; its size in bytes."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}
        if picture.is_phone
        else {"width": 1160, "height": 860},
        device_scale_factor=2 if picture.is_phone else 1,
        has_touch=picture.is_phone,
        is_mobile=picture.is_phone,
        color_scheme="dark" if picture.is_dark else "light",
    )
    page = context.new_page()
    page.goto(address)
    page.select_option("#sample-language", picture.language)
    write(page, picture.text)
    page.wait_for_timeout(SETTLES_MS)
    if not picture.is_phone:
        compare(page)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{picture.name}.png"
    page.screenshot(path=path, full_page=not picture.is_phone)
    context.close()
    return path.stat().st_size


def write(page: Page, text: str) -> None:
    """Type a text, and take every suggestion of more than two characters that it goes on with."""
    page.locator("#text").click()
    page.wait_for_timeout(SETTLES_MS)
    at = 0
    while at < len(text):
        shown = str(page.evaluate(SHOWN))
        if len(shown) > 2 and text.startswith(shown, at):
            page.keyboard.press("Tab")
            at += len(shown)
        else:
            page.keyboard.press("Enter") if text[at] == "\n" else page.keyboard.type(text[at])
            at += 1
        page.wait_for_timeout(KEY_MS)


def compare(page: Page) -> None:
    """Open the panel, and wait until every system has answered."""
    details = page.locator("#compare")
    for _ in range(MOST_TRIES):
        details.evaluate("each => { each.open = false; each.open = true; }")
        page.wait_for_timeout(OPENS_MS)
        if page.locator("#systems .blend").count() and "Not here" not in details.inner_text():
            return
    raise SystemExit("a system does not answer; is the machine at rest?")


if __name__ == "__main__":
    raise SystemExit(main())
