"""Fields of every kind, what a page sees of what is taken, the list."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page

from browser.conftest import Scripted, Site, events, ghost, heard, settled, until, value

pytestmark = pytest.mark.browser

_EDITABLE = '<div class="field" contenteditable role="textbox" aria-label="Text"></div>'
_KINDS = [
    '<textarea class="field" aria-label="Text"></textarea>',
    '<input class="field" aria-label="Text">',
    _EDITABLE,
]
_ITEMS = [
    {"text": " jumps over the dog", "probability": 0.6},
    {"text": " is red", "probability": 0.3},
    {"text": " hides", "probability": 0.1},
]


def fox(before: str) -> str | None:
    return " jumps over the dog" if before.endswith("fox") else None


def start(site: Site, scripted: Scripted, body: str = "", **more: Any) -> Page:
    page = site.open(**({"body": body} if body else {}), scripted=scripted, **more)
    page.locator(".field").first.focus()
    until(page, "() => window.handle.state.connection === 'open'")
    return page


def middle(page: Page) -> tuple[float, float]:
    """The middle of what is drawn."""
    settled(page)
    found = page.evaluate(
        """() => {
          const shadow = document.querySelector("tecla-overlay").shadowRoot;
          const name = window.handle.state.isTip ? ".tip" : ".ghost";
          const { left, top, width, height } = shadow.querySelector(name).getBoundingClientRect();
          return [left + width / 2, top + height / 2];
        }"""
    )
    return found[0], found[1]


def test_tab_moves_the_focus_where_nothing_is_shown(site: Site) -> None:
    body = (
        '<input id="one" aria-label="1"><textarea class="field" aria-label="2"></textarea>'
        '<input id="three" aria-label="3">'
    )
    page = start(site, Scripted(fox), body)
    focused = "() => document.activeElement.id"
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "three"
    page.locator(".field").focus()
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(focused) == "one"
    assert value(page) == "the fox"
    page.locator(".field").focus()
    page.keyboard.press("End")
    page.keyboard.insert_text(" and the fox")
    assert ghost(page)
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "three"


def test_in_the_middle_of_a_line_it_is_shown_apart(site: Site) -> None:
    page = start(site, Scripted(fox))
    page.keyboard.insert_text("the  sleeps")
    page.keyboard.press("Home")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.keyboard.insert_text("fox")
    assert ghost(page) == " jumps over the dog"
    assert page.evaluate("() => window.handle.state.isTip")
    page.keyboard.press("Tab")
    assert value(page) == "the fox jumps over the dog sleeps"
    caret = page.locator(".field").evaluate("(field) => field.selectionStart")
    assert caret == len("the fox jumps over the dog")
    page.keyboard.press("Control+z")
    assert value(page) == "the fox sleeps"


@pytest.mark.parametrize(
    ("before", "after", "says", "is_tip"),
    [
        ("fox", "", " one\ntwo", False),
        ("fox", "\nmore", " one\ntwo", True),  # its second line would stand on other text
        ("fox", "\nmore", " one two", False),
        ("fox", "\n", " one\ntwo", False),
        ("one\n" * 5 + "fox", "", " one\ntwo\nthree", True),  # beyond the lower edge
    ],
)
def test_where_several_lines_are_shown(
    site: Site, before: str, after: str, says: str, is_tip: bool
) -> None:
    css = ".field { font: 16px/20px sans-serif; width: 400px; height: 124px; padding: 2px; }"
    page = start(site, Scripted(lambda text: says if text.endswith("fox") else None), css=css)
    page.locator(".field").evaluate(
        "(field, [before, after]) => { field.value = before.slice(0, -1) + after;"
        " field.setSelectionRange(before.length - 1, before.length - 1); }",
        [before, after],
    )
    page.keyboard.insert_text("x")
    assert ghost(page) == says
    assert page.evaluate("() => window.handle.state.isTip") == is_tip
    page.keyboard.press("Tab")
    assert value(page) == before + says + after


def test_a_centred_line_would_move_so_it_is_shown_apart(site: Site) -> None:
    page = start(site, Scripted(fox), css=".field { text-align: center; }")
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    assert page.evaluate("() => window.handle.state.isTip")


def test_no_more_than_fits(site: Site) -> None:
    body = '<input class="field" aria-label="Text" maxlength="13">'
    page = start(site, Scripted(lambda before: " jumps\nover" if before else None), body)
    page.keyboard.insert_text("the fox")
    assert ghost(page) == " jumps"
    page.keyboard.press("Control+a")
    page.keyboard.insert_text("the fox ran")
    assert ghost(page) == " j"


def test_nothing_of_it_is_in_editable_content_before_it_is_taken(site: Site) -> None:
    page = start(site, Scripted(fox), _EDITABLE)
    page.keyboard.insert_text("one")
    page.keyboard.press("Enter")
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    field = page.locator(".field")
    assert "jumps" not in field.evaluate("(field) => field.innerHTML")
    page.keyboard.press("Control+a")
    assert "jumps" not in page.evaluate("() => getSelection().toString()")
    assert ghost(page, "") == ""


def test_the_text_of_editable_content_is_told_as_it_reads(site: Site) -> None:
    scripted = Scripted(lambda before: " more")
    page = start(site, scripted, _EDITABLE)
    page.locator(".field").evaluate(
        """(field) => {
          const line = (...parts) => { const div = document.createElement("div");
            div.append(...parts); return div; };
          const bold = document.createElement("b");
          bold.append("bold\\u00a0");
          const br = () => document.createElement("br");
          field.append("first", line("second ", bold, "x"), line(br()), line("a", br(), "b"));
          getSelection().collapse(bold.firstChild, 5);
        }"""
    )
    page.keyboard.insert_text("y")
    heard(page, scripted, 2)
    assert scripted.text == "first\nsecond bold yx\n\na\nb"
    assert scripted.caret == len("first\nsecond bold y")


def test_a_page_that_watches_its_input_sees_what_is_taken(site: Site) -> None:
    """A page that sets the value by itself after each event, as frameworks do."""
    script = """
    const field = document.querySelector(".field");
    window.seen = [];
    const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
    field.addEventListener("input", (event) => {
      window.seen.push([event.inputType, event.data, field.value, event.isTrusted]);
      set.call(field, field.value);
    });
    """
    scripted = Scripted(fox)
    page = start(site, scripted, script=script)
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.keyboard.press("Tab")
    taken = "the fox jumps over the dog"
    assert page.evaluate("() => window.seen.at(-1)") == [
        "insertText",
        " jumps over the dog",
        taken,
        True,
    ]
    heard(page, scripted, 3)
    assert scripted.kinds() == ["open", "edit", "accept"]
    assert scripted.text == taken


def test_a_page_that_makes_something_else_of_it_stays_in_step(site: Site) -> None:
    script = """
    const field = document.querySelector(".field");
    field.addEventListener("input", () => {
      if (field.value.includes("dog")) field.value = field.value.toUpperCase();
    });
    """
    scripted = Scripted(fox)
    page = start(site, scripted, script=script)
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.keyboard.press("Tab")
    heard(page, scripted, 3)
    assert scripted.text == value(page) == "THE FOX JUMPS OVER THE DOG"
    assert events(page, "accepted") == []


def test_a_field_that_vanishes_takes_it_along(site: Site) -> None:
    page = start(site, Scripted(fox))
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.evaluate("() => window.handle.element.remove()")
    page.locator("tecla-overlay").wait_for(state="detached")
    assert page.evaluate("() => window.handle.state.connection") == "closed"
    page.evaluate("() => document.querySelector('main').append(window.handle.element)")
    page.locator(".field").focus()
    page.keyboard.press("End")
    page.keyboard.insert_text(" and the fox")
    assert ghost(page) == " jumps over the dog"


def test_without_the_browsers_own_command_text_is_put_in_all_the_same(site: Site) -> None:
    page = start(site, Scripted(fox), script="document.execCommand = undefined;")
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.keyboard.press("Tab")
    assert value(page) == "the fox jumps over the dog"
    assert len(events(page, "accepted")) == 1


def test_the_list_is_walked_by_keys(site: Site) -> None:
    scripted = Scripted(fox, items=_ITEMS)
    page = start(site, scripted)
    field = page.locator(".field")
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.keyboard.press("Control+Space")
    options = page.get_by_role("option")
    options.first.wait_for()
    assert options.all_inner_texts() == [
        f"{item['text'].strip()}\n{item['probability']:.0%}".replace("%", "\u202f%")
        for item in _ITEMS
    ]
    marked = "(field) => document.getElementById(field.ariaActiveDescendantElement.id).innerText"
    assert field.evaluate(marked).startswith("jumps")
    page.keyboard.press("ArrowUp")
    assert field.evaluate(marked).startswith("hides")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    assert value(page) == "the fox is red"
    assert options.count() == 0
    assert field.get_attribute("aria-activedescendant") is None
    heard(page, scripted, 4)
    assert scripted.received[-1]["type"] == "accept"
    assert events(page, "accepted")[0]["part"] == "list"
    page.keyboard.press("Control+z")
    assert value(page) == "the fox"


@pytest.mark.parametrize(("height", "is_above"), [(600, False), (330, True), (240, True)])
def test_the_list_opens_where_there_is_room(site: Site, height: int, is_above: bool) -> None:
    items = [{"text": f" word {count}", "probability": 0.1} for count in range(6)]
    css = ".field { height: 200px; width: 300px; }"
    size = {"width": 500, "height": height}
    page = start(site, Scripted(fox, items=items), css=css, viewport=size)
    page.keyboard.insert_text("\n" * 9 + "the fox")
    assert ghost(page)
    page.keyboard.press("Control+Space")
    page.get_by_role("option").first.wait_for()
    found = page.get_by_role("listbox").bounding_box()
    assert found is not None
    assert found["y"] >= 0
    assert found["y"] + found["height"] <= height
    caret = middle(page)[1]
    assert (found["y"] + found["height"] <= caret) == is_above
    assert (found["y"] >= caret) != is_above
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    last = page.get_by_role("option").last.bounding_box()
    assert last is not None
    assert last["y"] + last["height"] <= found["y"] + found["height"] + 1


def test_a_word_at_the_edge_is_broken_at_the_caret_alone(site: Site) -> None:
    body = _EDITABLE
    css = ".field { font: 16px 'DejaVu Sans Mono'; width: 400px; height: 90px; }"
    scripted = Scripted(lambda before: "cdefg next" if before.endswith("ab") else None)
    page = start(site, scripted, body, css=css)
    page.keyboard.insert_text("x" * 36 + " ab")  # 41 of these letters fit
    assert ghost(page) == "cdefg next"
    lines = page.evaluate(
        """() => {
          const { shadowRoot } = document.querySelector("tecla-overlay");
          return shadowRoot.querySelector(".ghost").getClientRects().length;
        }"""
    )
    assert not page.evaluate("() => window.handle.state.isTip")
    assert lines == 1


def test_the_list_closes_and_can_be_clicked(site: Site) -> None:
    page = start(site, Scripted(fox, items=_ITEMS))
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.keyboard.press("Alt+ArrowDown")
    options = page.get_by_role("option")
    options.first.wait_for()
    page.keyboard.press("Escape")
    assert options.count() == 0
    assert ghost(page) == " jumps over the dog"  # only the list was sent away
    page.keyboard.press("Alt+ArrowDown")
    options.nth(2).click()
    assert value(page) == "the fox hides"
    assert page.evaluate("() => document.activeElement.className") == "field"
    page.keyboard.type(".")
    assert value(page) == "the fox hides."


def test_alternatives_take_their_turn_in_place(site: Site) -> None:
    page = start(site, Scripted(fox, items=_ITEMS))
    page.keyboard.insert_text("the fox")
    assert ghost(page) == _ITEMS[0]["text"]
    for at in (1, 2, 0):
        page.keyboard.press("Alt+BracketRight")
        assert ghost(page, str(_ITEMS[at]["text"]))
    page.keyboard.press("Alt+BracketLeft")
    assert ghost(page, str(_ITEMS[2]["text"]))
    page.keyboard.type(" hi")
    assert ghost(page, "des")
    page.keyboard.press("Tab")
    assert value(page) == "the fox hides"


def test_keys_can_be_others(site: Site) -> None:
    keys = {"accept": ["Ctrl+Enter"], "word": [], "line": ["Alt+KeyL"]}
    page = start(site, Scripted(lambda before: " one\ntwo"), options={"keys": keys})
    page.keyboard.insert_text("x")
    assert ghost(page)
    page.keyboard.press("Control+ArrowRight")
    assert value(page) == "x"
    page.keyboard.press("Alt+KeyL")
    assert value(page) == "x one"
    assert ghost(page)
    page.keyboard.press("Control+Enter")
    assert value(page).startswith("x one\ntwo")


def spaced(before: str) -> str | None:
    return {"fox": " jumps ", "ps ": "over "}.get(before[-3:])


def start_spaced(site: Site, scripted: Scripted, body: str = _KINDS[0], **more: Any) -> Page:
    """A suggestion that ends with a space was taken."""
    page = start(site, scripted, body, **more)
    page.keyboard.insert_text("the fox")
    assert ghost(page) == " jumps "
    page.keyboard.press("Tab")
    assert ghost(page, "over ")
    assert written(page) == "the fox jumps "
    return page


def written(page: Page) -> str:
    """The text before the caret of a field of any kind, where nothing stands behind it."""
    found = page.evaluate("() => window.handle.session.place")
    shown = page.evaluate("() => window.handle.element.value ?? window.handle.element.innerText")
    assert found["after"] == ""
    assert found["before"] == shown.replace("\u00a0", " ")
    return str(found["before"])


@pytest.mark.parametrize("body", _KINDS)
@pytest.mark.parametrize(
    ("typed", "text"), [(" and", " and"), ("  x", "  x"), (", ", ", "), ("?", "?"), ("x", " x")]
)
def test_the_space_that_comes_with_a_suggestion_is_not_doubled(
    site: Site, body: str, typed: str, text: str
) -> None:
    scripted = Scripted(spaced)
    page = start_spaced(site, scripted, body)
    page.keyboard.type(typed)
    assert written(page) == "the fox jumps" + text
    settled(page)
    assert scripted.text == "the fox jumps" + text


@pytest.mark.parametrize("body", _KINDS)
def test_a_mark_in_place_of_a_space_is_one_step(site: Site, body: str) -> None:
    script = """
    window.seen = [];
    document.querySelector(".field").addEventListener("input", (event) => {
      window.seen.push([event.inputType, event.data, event.isTrusted]);
    });
    """
    scripted = Scripted(spaced)
    page = start_spaced(site, scripted, body, script=script)
    page.keyboard.press(" ")
    assert written(page) == "the fox jumps "
    assert page.evaluate("() => window.handle.state.suggestion") == "over "  # nothing changed
    assert len(page.evaluate("() => window.seen")) == 2
    page.keyboard.press("Control+z")
    assert written(page) == "the fox"
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Backspace")
    page.keyboard.press("Backspace")
    page.keyboard.insert_text("x fox")
    assert ghost(page) == " jumps "
    page.keyboard.press("Tab")
    page.keyboard.press(",")
    assert written(page).endswith(" fox jumps,")
    assert page.evaluate("() => window.seen.at(-1)") == ["insertText", ",", True]
    page.keyboard.press("Control+z")
    assert written(page).endswith(" fox jumps ")
    page.keyboard.press("Control+Shift+z")
    assert written(page).endswith(" fox jumps,")
    page.keyboard.press("Control+z")
    page.keyboard.press("a")
    assert written(page).endswith(" fox jumps a")
    settled(page)
    assert scripted.text == written(page)


@pytest.mark.parametrize("body", _KINDS)
@pytest.mark.parametrize(
    "between",
    [["ArrowLeft", "ArrowRight"], ["x", "Backspace"], ["Escape"], ["Control+z", "Control+Shift+z"]],
)
def test_a_space_of_ones_own_stays_before_a_mark(site: Site, body: str, between: list[str]) -> None:
    page = start_spaced(site, Scripted(spaced), body)
    for key in between:
        page.keyboard.press(key)
    page.keyboard.type(". ")
    assert written(page) == "the fox jumps . "


def test_a_space_is_left_where_the_page_moved_or_wrote(site: Site) -> None:
    page = start_spaced(site, Scripted(spaced))
    page.evaluate("() => window.handle.element.setSelectionRange(4, 4)")
    page.keyboard.type(",")
    assert value(page) == "the ,fox jumps "
    page.locator(".field").evaluate("(field) => { field.value = ''; }")
    page.keyboard.insert_text("a fox")
    assert ghost(page) == " jumps "
    page.keyboard.press("Tab")
    page.locator(".field").evaluate("(field) => { field.value = 'other text '; }")
    page.keyboard.type(",")
    assert value(page) == "other text ,"


@pytest.mark.parametrize(
    ("lang", "options", "text"),
    [
        ("en", {"spacing": False}, "the fox jumps  , ;"),
        ("fr", {}, "the fox jumps ; "),
        ("en", {"language": "fr"}, "the fox jumps ; "),
    ],
)
def test_spaces_can_be_left_alone(
    site: Site, lang: str, options: dict[str, Any], text: str
) -> None:
    page = start_spaced(site, Scripted(spaced), lang=lang, options=options)
    page.keyboard.type(text.removeprefix("the fox jumps "))
    assert written(page) == text


def test_what_is_composed_behind_a_space_leaves_it(site: Site) -> None:
    scripted = Scripted(spaced)
    page = start_spaced(site, scripted)
    keyboard = page.context.new_cdp_session(page)
    keyboard.send("Input.imeSetComposition", {"text": ",", "selectionStart": 1, "selectionEnd": 1})
    assert value(page) == "the fox jumps ,"
    keyboard.send("Input.insertText", {"text": "."})
    assert value(page) == "the fox jumps ."
    settled(page)
    assert scripted.text == value(page)


def test_keyboards_of_phones_tell_no_keys_and_close_the_space_too(site: Site) -> None:
    """They compose a word, and put a mark in without a key that has a name."""
    scripted = Scripted(spaced)
    page = start(site, scripted, has_touch=True, is_mobile=True)
    keyboard = page.context.new_cdp_session(page)
    for text in ("f", "fo", "fox"):
        caret = {"selectionStart": len(text), "selectionEnd": len(text)}
        keyboard.send("Input.imeSetComposition", {"text": text, **caret})
    keyboard.send("Input.insertText", {"text": "fox"})
    assert ghost(page) == " jumps "
    page.touchscreen.tap(*middle(page))
    until(page, "() => window.handle.element.value === 'fox jumps '")
    for text in (".", " "):
        nameless = {"windowsVirtualKeyCode": 229, "key": "Unidentified"}
        keyboard.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **nameless})
        keyboard.send("Input.insertText", {"text": text})
        keyboard.send("Input.dispatchKeyEvent", {"type": "keyUp", **nameless})
    assert value(page) == "fox jumps. "
    settled(page)
    assert scripted.text == value(page)


def test_a_page_that_forbids_a_mark_is_heard(site: Site) -> None:
    script = """
    document.querySelector(".field").addEventListener("beforeinput", (event) => {
      if (event.data === ",") event.preventDefault();
    }, true);
    """
    page = start_spaced(site, Scripted(spaced), script=script)
    page.keyboard.type(",.")
    assert value(page) == "the fox jumps ."


def test_without_the_browsers_own_command_a_mark_closes_the_space_too(site: Site) -> None:
    script, css = "document.execCommand = null;", ".field { white-space: pre-wrap; }"
    for body in _KINDS:
        page = start_spaced(site, Scripted(spaced), body, script=script, css=css)
        page.keyboard.type(")")
        assert written(page) == "the fox jumps)"
