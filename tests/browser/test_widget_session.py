"""What the widget tells the service, and what it makes of the answers, on a scripted service."""

from __future__ import annotations

import random
from typing import Any

import pytest
from playwright.sync_api import Page

from browser.conftest import Scripted, Site, events, ghost, heard, settled, until, value

pytestmark = pytest.mark.browser


def fox(before: str) -> str | None:
    return " jumps over the dog" if before.endswith("fox") else None


def start(site: Site, scripted: Scripted, **options: Any) -> Page:
    page = site.open(scripted=scripted, options=options)
    page.locator(".field").focus()
    until(page, "() => window.handle.state.connection === 'open'")
    return page


def after_fox(site: Site) -> tuple[Page, Scripted]:
    """A field in which a fox is written, and what it does is shown."""
    scripted = Scripted(fox)
    page = start(site, scripted)
    page.keyboard.insert_text("the fox")
    assert ghost(page) == " jumps over the dog"
    return page, scripted


def test_an_answer_to_an_older_state_is_never_shown(site: Site) -> None:
    scripted = Scripted(lambda before: f" after {before}")
    page = start(site, scripted)
    scripted.is_held = True
    page.keyboard.type("ab")
    heard(page, scripted, 3)
    scripted.let_go()
    assert ghost(page) == " after ab"
    assert [each["text"] for each in events(page, "shown")] == [" after ab"]


def test_within_a_state_what_is_shown_is_only_extended(site: Site) -> None:
    scripted = Scripted(lambda before: {"text": " one", "settled": False} if before else None)
    page = start(site, scripted)
    page.keyboard.type("a")
    assert ghost(page) == " one"
    revision = scripted.revision
    for text in (" two", "", " one more", " one"):
        scripted.send(type="suggestion", revision=revision, text=text, words=[4], settled=True)
    assert ghost(page, " one more")
    settled(page)
    assert [each["text"] for each in events(page, "shown")] == [" one", " one more"]


def test_the_rest_stays_until_the_service_has_answered(site: Site) -> None:
    page, scripted = after_fox(site)
    scripted.is_held = True
    page.keyboard.type(" ju")
    assert ghost(page) == "mps over the dog"
    heard(page, scripted, 5)  # each is told, because nothing was said of silence
    assert scripted.text == "the fox ju"
    page.keyboard.type("x")
    assert ghost(page, "") == ""


def test_nothing_is_shown_on_deletion_and_what_is_known_when_asked_for(site: Site) -> None:
    page, scripted = after_fox(site)
    page.keyboard.type("y")
    assert ghost(page, "") == ""
    scripted.is_held = True
    asked = len(scripted.received)
    page.keyboard.press("Backspace")
    settled(page)
    assert ghost(page, "") == ""
    assert len(scripted.received) == asked
    page.evaluate("() => window.handle.update({ suggestOnDelete: true })")
    page.keyboard.type("y")
    page.keyboard.press("Backspace")
    assert ghost(page) == " jumps over the dog"
    page.keyboard.press("Backspace")
    page.keyboard.type("x")  # and again what was deleted
    assert ghost(page) == " jumps over the dog"


def test_escape_sends_away_until_the_text_changes(site: Site) -> None:
    page, scripted = after_fox(site)
    page.keyboard.press("Escape")
    assert ghost(page, "") == ""
    heard(page, scripted, 3)
    assert scripted.received[-1] == {"type": "dismiss", "revision": scripted.revision}
    scripted.answer()
    settled(page)
    assert ghost(page, "") == ""
    assert [each["text"] for each in events(page, "dismissed")] == [" jumps over the dog"]
    page.keyboard.insert_text(" and the fox")
    assert ghost(page)


BUSY: dict[str, Any] = {"type": "refused", "code": "overloaded", "retry_after_ms": 5}


@pytest.mark.parametrize(
    "first",
    [
        BUSY,
        {"silence": "unsure", "source": "classical", "without_model": "overloaded"},
        {"text": " jumps", "source": "classical", "partial": True, "without_model": "late"},
    ],
    ids=["refused", "overloaded", "late"],
)
def test_a_model_that_had_no_time_is_asked_again_when_nobody_types(
    site: Site, first: dict[str, Any]
) -> None:
    answers = [first, first]
    scripted = Scripted(
        lambda before: (answers.pop(0) if answers else fox(before)) if before else None
    )
    page = start(site, scripted)
    page.keyboard.insert_text("the fox")
    assert ghost(page, " jumps over the dog")
    told = [each for each in scripted.received if each["type"] == "edit"]
    assert [each["text"] for each in told] == ["the fox", "", ""]
    assert scripted.text == "the fox"
    page.wait_for_timeout(1_000)
    assert len(scripted.received) == 4  # what was answered is not asked again


def test_what_is_typed_or_sent_away_is_not_asked_again(site: Site) -> None:
    late = {"text": " jumps", "source": "classical", "partial": True, "without_model": "late"}
    scripted = Scripted(lambda before: late if before.endswith("fox") else None)
    page = start(site, scripted)
    page.keyboard.insert_text("the fox")
    assert ghost(page) == " jumps"
    page.keyboard.press("Escape")
    page.keyboard.insert_text(" and a fox")
    assert ghost(page) == " jumps"
    page.keyboard.insert_text("y one")
    assert ghost(page, "") == ""
    page.wait_for_timeout(1_000)
    edits = [each["text"] for each in scripted.received if each["type"] == "edit"]
    assert edits == ["the fox", " and a fox", "y one"]


def test_a_service_that_stays_busy_is_asked_ever_less_often(site: Site) -> None:
    scripted = Scripted(lambda before: BUSY if before else None)
    page = start(site, scripted)
    page.clock.install()
    page.keyboard.insert_text("the fox")
    for _ in range(60):
        page.clock.run_for(1_000)
    edits = [each for each in scripted.received if each["type"] == "edit"]
    assert len(edits) == 1 + 6
    assert len(events(page, "refused")) == 7


ASKED = "async () => (await window.handle.alternatives()).map((item) => item.text)"


def test_nothing_of_one_user_is_left_for_another(site: Site) -> None:
    said = {"ana": " and her plan", "ben": None}
    users: list[str] = []
    scripted = Scripted(lambda before: said[users[-1]] if before.endswith("fox") else None)

    def become(user: str) -> None:
        users.append(user)
        scripted.items = [{"text": said[user] or " of ben", "probability": 0.5}]

    become("ana")
    page = start(site, scripted, user="ana")
    page.keyboard.insert_text("the fox")
    assert ghost(page) == " and her plan"
    assert page.evaluate(ASKED) == [" and her plan"]
    page.keyboard.type("y")
    assert ghost(page, "") == ""
    page.keyboard.press("Backspace")
    become("ben")
    page.evaluate("() => window.handle.update({ user: 'ben' })")
    assert page.evaluate("() => window.handle.state.suggestion") == ""
    until(page, "() => window.handle.state.connection === 'open'")
    page.keyboard.press("Backspace")
    page.keyboard.type("x")
    settled(page)
    assert ghost(page, "") == ""
    assert page.evaluate(ASKED) == [" of ben"]
    assert value(page) == "the fox"


def test_a_list_that_was_not_there_is_asked_for_again(site: Site) -> None:
    busy = {"silence": "unsure", "without_model": "overloaded"}
    answers: list[dict[str, str]] = [busy]
    scripted = Scripted(
        lambda before: (answers.pop() if answers else fox(before)) if before else None
    )
    page = start(site, scripted)
    page.keyboard.insert_text("the fox")
    heard(page, scripted, 2)
    assert page.evaluate(ASKED) == []
    scripted.items = [{"text": " jumps", "probability": 0.5}]
    assert ghost(page) == " jumps over the dog"
    assert page.evaluate(ASKED) == [" jumps"]
    page.evaluate(ASKED)
    assert scripted.kinds().count("list") == 2


@pytest.mark.parametrize(
    "attributes",
    [
        "type=password",
        "autocomplete=cc-number",
        "autocomplete=one-time-code",
        "type=email",
        "readonly",
        "disabled",
    ],
)
def test_fields_that_are_left_alone(site: Site, attributes: str) -> None:
    scripted = Scripted(lambda before: " more")
    page = site.open(f'<input class="field" aria-label="x" {attributes}>', scripted=scripted)
    field = page.locator(".field")
    field.evaluate("(field) => field.focus()")
    page.keyboard.type("the fox")
    settled(page)
    assert scripted.received == []
    assert page.evaluate("() => window.handle.state.suggestion") == ""


def test_a_password_that_is_made_readable_stays_one(site: Site) -> None:
    scripted = Scripted(lambda before: " more")
    page = site.open('<input class="field" aria-label="x" type="text">', scripted=scripted)
    page.locator(".field").evaluate("(field) => { field.type = 'password'; }")
    page.locator(".field").focus()
    page.keyboard.type("se")
    page.locator(".field").evaluate("(field) => { field.type = 'text'; }")
    page.keyboard.type("cret")
    settled(page)
    assert "secret"[:2] not in "".join(each.get("text", "") for each in scripted.received)
    assert page.evaluate("() => window.handle.state.suggestion") == ""


def test_a_selection_hides_what_is_shown(site: Site) -> None:
    page, _ = after_fox(site)
    page.keyboard.press("Shift+Home")
    assert ghost(page, "") == ""
    page.keyboard.press("ArrowRight")
    settled(page)
    assert ghost(page, "") == ""  # the caret moved; nothing was typed


def test_composed_text_is_told_when_it_is_there(site: Site) -> None:
    scripted = Scripted(lambda before: "です" if before.endswith("日本") else None)
    page = start(site, scripted)
    input_method = page.context.new_cdp_session(page)
    for text in ("に", "にほ", "にほん", "日本"):
        caret = {"selectionStart": len(text), "selectionEnd": len(text)}
        input_method.send("Input.imeSetComposition", {"text": text, **caret})
    settled(page)
    assert value(page) == "日本"
    assert scripted.kinds() == ["open"]
    assert ghost(page, "") == ""
    input_method.send("Input.insertText", {"text": "日本"})
    assert ghost(page) == "です"
    assert scripted.text == "日本"
    page.keyboard.press("Tab")
    assert value(page) == "日本です"


def test_the_service_stays_in_step_with_any_editing(site: Site) -> None:
    """Random keys, pastes of awkward characters, selections and undo; the two texts stay one."""
    scripted = Scripted(lambda before: " more" if len(before) % 3 == 0 else None)
    page = start(site, scripted, suggestOnDelete=True)
    chance = random.Random(7)
    pieces = ["a", "the ", "😀", "👩‍👩‍👧", "e\u0301", "\n", "שלום", "\t", "ab\nab\nab"]
    for _ in range(60):
        match chance.randrange(7):
            case 0 | 1:
                page.keyboard.insert_text(chance.choice(pieces))
            case 2:
                page.keyboard.press(chance.choice(["Backspace", "Delete"]))
            case 3:
                page.keyboard.press(chance.choice(["ArrowLeft", "Home", "End", "ArrowRight"]))
            case 4:
                page.keyboard.press("Shift+ArrowLeft")
                page.keyboard.insert_text(chance.choice(pieces))
            case 5:
                page.keyboard.press("Control+z")
            case 6:
                page.evaluate("() => window.handle.accept()")
        if chance.randrange(4) == 0:
            page.keyboard.insert_text("x")
            settled(page)
            assert scripted.text == value(page)
    assert page.evaluate("() => window.handle.state.connection") == "open"
    assert scripted.opened == 1


def test_of_a_long_text_what_is_near_the_caret_is_told(site: Site) -> None:
    scripted = Scripted(fox, chars=400)
    page = start(site, scripted)
    page.keyboard.insert_text("word " * 1000)
    page.keyboard.insert_text("the fox")
    assert ghost(page) == " jumps over the dog"
    assert len(scripted.text) <= 400
    assert value(page).endswith(scripted.text)
    edits = len(scripted.received)
    page.keyboard.type(" runs away")
    heard(page, scripted, edits + 10)
    assert all(len(each["text"]) == 1 for each in scripted.received[edits:])
    page.keyboard.press("Control+Home")
    page.keyboard.insert_text("A fox")
    heard(page, scripted, edits + 11)
    assert scripted.text.startswith("A foxword word")
    assert len(scripted.text) <= 400


def test_an_opening_that_is_too_long_is_made_once_more_without_text(site: Site) -> None:
    scripted = Scripted(fox, chars=50)
    page = site.open(scripted=scripted)
    page.locator(".field").evaluate("(field) => { field.value = 'word '.repeat(60); }")
    page.locator(".field").focus()
    heard(page, scripted, 3)
    assert [len(each["text"]) for each in scripted.received[:2]] == [300, 0]
    assert len(scripted.text) <= 50
    page.keyboard.press("Control+End")
    page.keyboard.insert_text("the fox")
    assert ghost(page)


def test_a_lost_connection_is_taken_up_with_the_whole_text(site: Site) -> None:
    page, scripted = after_fox(site)
    scripted.close(1012)
    until(page, "() => window.handle.state.connection === 'waiting'")
    page.keyboard.insert_text(" and the fox")
    until(page, "() => window.handle.state.connection === 'open'")
    assert ghost(page) == " jumps over the dog"
    again = [each for each in scripted.received if each["type"] == "open"][1]
    assert (again["session"], again["text"]) == ("s", "the fox and the fox")
    assert again["revision"] > 2


@pytest.mark.parametrize(("code", "name"), [(4400, "nonsense"), (4401, "key")])
def test_what_cannot_get_better_is_told_and_not_tried_again(
    site: Site, code: int, name: str
) -> None:
    scripted = Scripted(fox)
    page = site.open(scripted=scripted)
    page.locator(".field").focus()
    until(page, "() => window.handle.state.connection === 'open'")
    scripted.close(code, "because")
    until(page, "() => window.handle.state.connection === 'stopped'")
    page.keyboard.type("the fox")
    page.locator(".field").blur()
    page.locator(".field").focus()
    page.keyboard.type("x")
    settled(page)
    assert scripted.opened == 1
    (refused,) = events(page, "refused")
    assert (refused["code"], refused["reason"], refused["isFinal"]) == (name, "because", True)


def test_leaving_before_the_connection_stands_is_no_fault(site: Site) -> None:
    page = site.open("", fields="#none")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    ends = page.evaluate(
        """async () => {
          const sockets = [];
          class Kept extends WebSocket {
            constructor(url) { super(url); sockets.push(this); }
          }
          const session = new window.Session({ WebSocket: Kept });
          session.connect();
          session.reconnect({ user: "ana" });
          session.close();
          await Promise.all(sockets.map((socket) => new Promise((done) => {
            socket.addEventListener("close", (event) => done(event.code));
          })));
          return sockets.map((socket) => socket.readyState);
        }"""
    )
    assert ends == [3, 3]
    assert said == []


def test_waiting_grows_and_is_spread(site: Site) -> None:
    """Attempts that fail come later and later, at the latest after half a minute."""
    page = site.open("", fields="#none")
    waits = page.evaluate(
        """() => {
          const waits = [];
          const real = window.setTimeout;
          window.setTimeout = (action, ms) => { waits.push(ms); queueMicrotask(action); return 0; };
          class Broken {
            constructor() { queueMicrotask(() => this.onclose?.({ code: 1006, reason: "" })); }
            close() {}
          }
          const session = new window.Session({ WebSocket: Broken, random: () => waits.length % 2 });
          return new Promise((done) => {
            session.addEventListener("state", () => waits.length > 11 && done(waits));
            session.connect();
          }).finally(() => { window.setTimeout = real; session.close(); });
        }"""
    )
    assert waits[:4] == [125, 500, 500, 2000]
    assert max(waits) <= 30_000
    assert min(waits[8:]) >= 15_000


def test_out_of_step_is_mended_and_not_for_ever(site: Site) -> None:
    scripted = Scripted(fox)
    page = site.open(scripted=scripted)
    page.evaluate("() => { window.handle.update({ random: () => 0, session: 'letter' }); }")
    scripted.refuses = (4409, "this session is open in another connection")
    page.clock.install()
    page.locator(".field").focus()
    for _ in range(200):
        page.clock.run_for(500)  # less than what a silent connection is given
        if page.evaluate("() => window.handle.state.connection") == "stopped":
            break
    names = [each.get("session", "") for each in scripted.received]
    assert names == ["letter"] * 3 + [""] * 4
    assert page.evaluate("() => window.handle.state.connection") == "stopped"


def test_refused_for_now_shows_nothing_and_goes_on(site: Site) -> None:
    scripted = Scripted(fox)
    page = start(site, scripted)
    scripted.is_held = True
    page.keyboard.type("a")
    heard(page, scripted, 2)
    scripted.held.clear()
    scripted.send(
        type="refused", revision=2, code="overloaded", message="later", retry_after_ms=500
    )
    scripted.is_held = False
    until(page, "() => window.events.some((event) => event.name === 'refused')")
    (refused,) = events(page, "refused")
    assert (refused["code"], refused["retryAfterMs"], refused["isFinal"]) == (
        "overloaded",
        500,
        False,
    )
    page.keyboard.insert_text(" fox")
    assert ghost(page)


def test_options_are_wishes(site: Site) -> None:
    scripted = Scripted(fox)
    page = start(
        site, scripted, eagerness=0.4, maxWords=3, deadlineMs=200, user="u", collection="c"
    )
    (opening,) = scripted.received
    assert (opening["eagerness"], opening["max_words"], opening["deadline_ms"]) == (0.4, 3, 200)
    assert (opening["user"], opening["collection"], opening["language"]) == ("u", "c", "en")
    page.evaluate("() => window.handle.update({ eagerness: 1 })")
    heard(page, scripted, 2)
    assert scripted.received[1]["type"] == "wish"
    assert scripted.received[1]["eagerness"] == 1
    page.evaluate("() => window.handle.update({ user: 'v' })")
    heard(page, scripted, 3)
    assert (scripted.received[2]["type"], scripted.received[2]["user"]) == ("open", "v")


def test_a_silent_connection_is_given_up(site: Site) -> None:
    scripted = Scripted(fox)
    page = site.open(scripted=scripted)
    page.clock.install()
    page.locator(".field").focus()
    page.clock.run_for(100)
    until(page, "() => window.handle.state.connection === 'open'")
    scripted.is_held = True
    page.keyboard.type("a")
    page.clock.run_for(10_100)
    assert page.evaluate("() => window.handle.state.connection") in {"waiting", "connecting"}


def test_a_field_that_is_not_used_gives_its_connection_back(site: Site) -> None:
    scripted = Scripted(fox)
    page = site.open(scripted=scripted)
    assert scripted.received == []
    page.clock.install()
    page.locator(".field").focus()
    page.clock.run_for(10)
    until(page, "() => window.handle.state.connection === 'open'")
    page.locator(".field").blur()
    page.clock.run_for(61_000)
    assert page.evaluate("() => window.handle.state.connection") == "closed"
    page.locator(".field").focus()
    page.clock.run_for(10)
    until(page, "() => window.handle.state.connection === 'open'")


def test_detached_it_leaves_the_field_as_it_was(site: Site) -> None:
    scripted = Scripted(fox)
    page = site.open(scripted=scripted)
    page.locator(".field").focus()
    page.keyboard.insert_text("the fox")
    assert ghost(page)
    page.evaluate("() => window.handle.detach()")
    assert page.locator("tecla-overlay").count() == 0
    names = page.locator(".field").evaluate("(field) => field.getAttributeNames()")
    assert names == ["id", "class"]
    received = len(scripted.received)
    page.keyboard.type(" and")
    page.keyboard.press("Tab")
    settled(page)
    assert len(scripted.received) == received
    assert value(page) == "the fox and"
