"""Ghost text stands where the text will stand: the same pixels before and after it is taken."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.image import imread, imsave
from playwright.sync_api import Page

from browser.conftest import Scripted, Site, ghost, settled

pytestmark = pytest.mark.browser

Pixels = npt.NDArray[np.float32]  # [height, width, 3]
_CSS = """
.field { font: 16px/1.4 'Liberation Sans', sans-serif; color: #111; background: #fff;
  caret-color: transparent; outline: none; width: 420px; height: 130px; border: 1px solid #888;
  --tecla-ghost-color: #111; }
input.field { height: 40px; }
"""
_FOX = "The quick brown fox jumps over the lazy dog, and then it does"
_SHORT = "The quick brown fox"
_HEBREW = "שלום לכולם, אני כותב כאן"
_ARABIC = "أهلا بكم في هذا"


def pixels(page: Page) -> Pixels:
    settled(page)
    found: Pixels = imread(io.BytesIO(page.locator("main").screenshot(animations="disabled")))[
        :, :, :3
    ]
    return found


def ink(one: Pixels, other: Pixels) -> int:
    """Pixels that differ so much that one sees it."""
    return int((np.abs(one - other).max(axis=2) > 0.25).sum())


def field(tag: str, attributes: str = "") -> str:
    if tag == "input":
        return f'<input class="field" aria-label="Text" {attributes}>'
    if tag == "div":
        attributes += ' contenteditable role="textbox" aria-label="Text"'
        return f'<div class="field" {attributes}></div>'
    return f'<textarea class="field" aria-label="Text" {attributes}></textarea>'


CASES = {
    "one line": ("textarea", "", "", _SHORT, " jumps over"),
    "wrapped": ("textarea", "", "", _FOX, " it all over again before it sleeps"),
    "inside a word": ("textarea", "", "", "The quick brown fo", "x jumps"),
    "ligature": ("textarea", "", "font-family: 'DejaVu Serif'", "of", " office and flight"),
    "kerning": ("textarea", "", "font: 34px 'DejaVu Sans'; height: 140px", "AV", "AVA To"),
    "monospace": ("textarea", "", "font-family: 'DejaVu Sans Mono'", _FOX, " it again"),
    "italic serif": (
        "textarea",
        "",
        "font: italic 21px/1.7 'Liberation Serif'",
        _SHORT,
        " jumps over",
    ),
    "padding and border": (
        "textarea",
        "",
        "padding: 7px 31px 3px 19.5px; border: solid 5px #888; border-left-width: 11px",
        _FOX,
        " it again and again",
    ),
    "content box": ("textarea", "", "box-sizing: content-box; padding: 10px", _FOX, " it again"),
    "spacing": (
        "textarea",
        "",
        "letter-spacing: 1.3px; word-spacing: 4px; text-indent: 33px",
        _FOX,
        " it once more",
    ),
    "capitals": ("textarea", "", "text-transform: uppercase", _SHORT, " jumps over"),
    "tabs": ("textarea", "", "tab-size: 3", "one\ttwo\n\tthree", "\tfour\tfive"),
    "blank lines": ("textarea", "", "", "one\n\n\ntwo", " three"),
    "many lines": ("textarea", "", "", "one", " two\nthree\n  four"),
    "scrolled": ("textarea", "", "", "\n".join(f"line {n}" for n in range(40)), " goes on"),
    "scrollbar and wrap": (
        "textarea",
        "",
        "height: 90px",
        "one\n" * 9 + _FOX,
        " it again",
    ),
    "right to left": ("textarea", "dir=rtl", "font-family: 'DejaVu Sans'", _HEBREW, " עוד מילים"),
    "arabic": ("textarea", "dir=rtl", "font: 20px 'Noto Naskh Arabic'", _ARABIC, " المكان الجميل"),
    "direction of the text": (
        "textarea",
        "dir=auto",
        "font-family: 'DejaVu Sans'",
        _HEBREW,
        " עוד",
    ),
    "rtl wrapped": (
        "textarea",
        "dir=rtl",
        "font-family: 'DejaVu Sans'",
        " ".join([_HEBREW] * 3),
        " עוד מילים רבות מאוד כאן היום",
    ),
    "devanagari": ("textarea", "", "font: 20px 'Noto Sans Devanagari'", "नमस्ते दुनि", "या में"),
    "emoji": ("textarea", "", "", "Well done 👍🏽", " everybody 🎉 here"),
    "input": ("input", "", "", _SHORT, " jumps over"),
    "tall input": ("input", "", "height: 71px; padding: 3px 17px 12px", _SHORT, " jumps over"),
    "rtl input": ("input", "dir=rtl", "font-family: 'DejaVu Sans'", _HEBREW, " עוד"),
    "transformed": (
        "textarea",
        "",
        "transform: scale(1.5); transform-origin: 0 0",
        _SHORT,
        " jumps",
    ),
    "zoomed page": ("textarea", "", "} body { zoom: 1.25;", _FOX, " it all over again"),
    "page zoomed twice": ("textarea", "", "} body { zoom: 2;", _SHORT, " jumps over"),
    "editable in a zoomed page": ("div", "", "} body { zoom: 1.25;", _FOX, " it all over again"),
    "editable": ("div", "", "", _SHORT, " jumps over"),
    "editable wrapped": (
        "div",
        "",
        "padding: 9px 14px",
        _FOX,
        " it all over again before it sleeps",
    ),
    "editable kerning": ("div", "", "font: 34px 'DejaVu Sans'", "AV", "AVA To"),
    "editable rtl": ("div", "dir=rtl", "font-family: 'DejaVu Sans'", _HEBREW, " עוד מילים"),
    "editable pre": ("div", "", "white-space: pre-wrap", "one  two   three", "  four"),
    "editable lines": ("div", "", "", "one\ntwo\nthree", " four"),
}


def compare(site: Site, case: str, tmp_path: Path, **context: object) -> None:
    tag, attributes, css, before, says = CASES[case]
    scripted = Scripted(lambda text: says if text == before else None)
    page = site.open(
        field(tag, attributes), css=f"{_CSS}\n.field {{ {css} }}", scripted=scripted, **context
    )
    target = page.locator(".field")
    target.focus()
    if tag == "div":
        for count, line in enumerate(before.split("\n")):
            if count:
                page.keyboard.press("Enter")
            page.keyboard.insert_text(line)
    else:
        page.keyboard.insert_text(before)
    assert ghost(page) == says
    assert not page.evaluate("handle.state.isTip")
    shown = pixels(page)
    page.keyboard.press("Tab")
    taken = pixels(page)
    page.keyboard.press("Control+z")
    bare = pixels(page)
    drawn = ink(bare, taken)
    off = ink(shown, taken)
    if off > drawn / 40:
        for name, found in (("shown", shown), ("taken", taken)):
            imsave(tmp_path / f"{name}.png", found)
    assert drawn > 50
    assert off <= drawn / 40, (off, drawn)


@pytest.mark.parametrize("case", CASES)
def test_taken_text_stands_where_the_ghost_text_stood(
    site: Site, case: str, tmp_path: Path
) -> None:
    compare(site, case, tmp_path)


@pytest.mark.parametrize("scale", [1.25, 2.0])
@pytest.mark.parametrize("case", ["wrapped", "scrollbar and wrap", "input", "editable wrapped"])
def test_at_other_scales(site: Site, case: str, scale: float, tmp_path: Path) -> None:
    compare(site, case, tmp_path, device_scale_factor=scale)
