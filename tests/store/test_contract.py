"""One suite for every store: what goes in comes out, and what is to go is gone.

To add a store, add its factory to `KINDS` in made.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from store.made import KINDS, NO_LIMIT, NOW_S, Factory, Made, document, event
from tecla.errors import InvalidTextError, OptionError, StoreError
from tecla.store.base import PRUNE_EVERY, Owner, Store
from tecla.store.documents import OF_FEEDBACK
from tecla.store.events import (
    EventFilter,
    FeedbackEvent,
    Mark,
    Place,
    Retention,
    SuggestedText,
    Totals,
)
from tecla.store.keys import KeyLimits, make_key

TEXT = SuggestedText("Dear Ms Ok", "onkwo, thank")
AWKWARD = SuggestedText("\0\n\r\n\t\x1b", "👩\u200d💻é\u0301\ufeff\U0010ffff'\"%;--")
NAMES = ("ana", "Ana", "ana ", "añ", "an\u0303", "%", "_", "*", "a'; --", 'a"', "null", "猫", "😀")


@pytest.fixture(params=KINDS)
def factory(request: pytest.FixtureRequest) -> Factory:
    return KINDS[request.param]


@pytest.fixture
def made(factory: Factory, tmp_path: Path) -> Iterator[Made]:
    found = factory(tmp_path, NO_LIMIT)
    yield found
    found.store.close()
    found.store.close()


def test_an_empty_store(made: Made) -> None:
    store = made.store
    assert list(store.feedback.events()) == []
    assert store.feedback.totals() == [Totals((), 0, 0, 0, 0, 0, 0, 0, 0, 0)]
    assert store.feedback.totals(("user",)) == []
    assert store.consent.since_s("ana") is None
    assert store.settings.of(Owner("user", "ana")) == {}
    store.feedback.record([])
    store.settings.remove(Owner("user", "ana"), "eagerness")
    store.consent.withdraw("ana")
    store.forget_user("ana")
    store.forget_collection("letters")
    store.forget_everything()
    store.check()


def test_every_field_comes_back_in_the_order_of_recording(made: Made) -> None:
    full = event(
        "A-z_9", time_s=NOW_S + 0.125, user="ana", source="ngram", collection="letters",
        language="pt-BR", place=Place(3, 10), raw_probability=0.1 + 0.2,
        calibrated_probability=1e-300, shown_chars=12, shown_words=3,
    )  # fmt: skip
    given = [
        full,
        event("A-z_9", kind="part_accepted", accepted_chars=4, accepted_words=1, saved_keys=3),
        event("A-z_9", kind="accepted", accepted_chars=9, accepted_words=2, saved_keys=8),
        event("A-z_9", kind="deleted_again", accepted_chars=9, accepted_words=2, saved_keys=-9),
        event("other", kind="rejected", time_s=-1.5, raw_probability=0, calibrated_probability=1),
        event("other", place=Place(None, 0)),
        event("other", place=Place(0, None), source="a_later_kind"),
        event("left", kind="rejected", mark=Mark("0f" * 16, 0.5)),
        event("left", mark=Mark("00" * 16, 0)),
    ]
    made.store.feedback.record(given[:2])
    made.store.feedback.record(iter(given[2:]))
    assert list(made.store.feedback.events()) == given


def test_all_of_a_batch_or_nothing(made: Made) -> None:
    def failing() -> Iterator[FeedbackEvent]:
        yield event()
        raise RuntimeError("the caller's fault")

    with pytest.raises(RuntimeError):
        made.store.feedback.record(failing())
    assert list(made.store.feedback.events()) == []


def spread() -> list[FeedbackEvent]:
    """Events that differ in everything a filter can ask for."""
    return [
        event(
            f"s{at % 4}", time_s=NOW_S + at, user=("ana", "bo")[at % 2],
            collection=(None, "letters", "law")[at % 3], language=(None, "en")[at % 5 > 0],
            source=("ngram", "neural")[at % 7 > 3], kind=("shown", "rejected")[at % 11 > 5],
        )
        for at in range(40)
    ]  # fmt: skip


FILTERS: dict[str, tuple[EventFilter, Callable[[FeedbackEvent], bool]]] = {
    "user": (EventFilter(user="ana"), lambda each: each.user == "ana"),
    "unknown user": (EventFilter(user="anna"), lambda each: False),
    "collection": (EventFilter(collection="law"), lambda each: each.collection == "law"),
    "language": (EventFilter(language="en"), lambda each: each.language == "en"),
    "source": (EventFilter(source="ngram"), lambda each: each.source == "ngram"),
    "suggestion": (EventFilter(suggestion="s3"), lambda each: each.suggestion == "s3"),
    "kind": (EventFilter(kinds=("rejected",)), lambda each: each.kind == "rejected"),
    "two kinds": (EventFilter(kinds=("rejected", "shown")), lambda each: True),
    "no kind": (EventFilter(kinds=()), lambda each: False),
    "since": (EventFilter(since_s=NOW_S + 7), lambda each: each.time_s >= NOW_S + 7),
    "until": (EventFilter(until_s=NOW_S + 7), lambda each: each.time_s < NOW_S + 7),
    "all at once": (
        EventFilter(user="bo", language="en", since_s=NOW_S + 3, until_s=NOW_S + 30),
        lambda each: each in spread()[3:30] and each.user == "bo" and each.language == "en",
    ),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(made: Made, name: str) -> None:
    which, is_meant = FILTERS[name]
    made.store.feedback.record(spread())
    expected = [each for each in spread() if is_meant(each)]
    assert list(made.store.feedback.events(which)) == expected
    (sums,) = made.store.feedback.totals(which=which)
    assert sums.shown + sums.rejected == len(expected)


def test_totals(made: Made) -> None:
    made.store.feedback.record([
        event("1"),
        event("1", kind="part_accepted", accepted_chars=4, accepted_words=1, saved_keys=3),
        event("1", kind="accepted", shown_chars=5, accepted_chars=5, saved_keys=4),
        event("1", kind="deleted_again", accepted_chars=5, saved_keys=-6),
        event("2", user="bo", collection="law"),
        event("2", user="bo", collection="law", kind="rejected"),
    ])  # fmt: skip
    ana = Totals(("ana",), 1, 1, 1, 0, 1, 9, 9, 5, 1)
    bo = Totals(("bo",), 1, 0, 0, 1, 0, 9, 0, 0, 0)
    assert made.store.feedback.totals(("user",)) == [ana, bo]
    assert made.store.feedback.totals() == [Totals((), 2, 1, 1, 1, 1, 18, 9, 5, 1)]
    groups = made.store.feedback.totals(("collection", "user"))
    assert [each.group for each in groups] == [(None, "ana"), ("law", "bo")]
    with pytest.raises(OptionError, match="did you mean 'user'"):
        made.store.feedback.totals(("usr",))  # type: ignore[arg-type]


def test_many_events_come_page_by_page_while_others_come_and_go(made: Made) -> None:
    made.store.feedback.record(event(f"s{at}") for at in range(1234))
    reading = made.store.feedback.events()
    first = next(reading)
    made.store.feedback.record([event("late")])
    others = [next(reading) for _ in range(700)]
    made.store.forget_everything()
    rest = list(reading)
    names = [each.suggestion for each in (first, *others, *rest)]
    assert names == [f"s{at}" for at in range(len(names))]
    assert list(made.store.feedback.events()) == []


def test_what_is_recorded_while_reading_is_not_in_it(made: Made) -> None:
    made.store.feedback.record(event(f"s{at}") for at in range(600))
    reading = made.store.feedback.events()
    next(reading)
    made.store.feedback.record(event("late") for _ in range(600))
    assert [each.suggestion for each in reading] == [f"s{at}" for at in range(1, 600)]


def test_gaps_do_not_matter(made: Made) -> None:
    made.store.feedback.record(
        event(f"s{at}", user=("ana", "bo", "cy")[at % 3]) for at in range(2400)
    )
    made.store.forget_user("bo")
    expected = [f"s{at}" for at in range(2400) if at % 3 != 1]
    assert [each.suggestion for each in made.store.feedback.events()] == expected
    of_cy = made.store.feedback.events(EventFilter(user="cy"))
    assert [each.suggestion for each in of_cy] == [f"s{at}" for at in range(2, 2400, 3)]


# --- consent --------------------------------------------------------------------------------------


def texts_of(store: Store) -> list[SuggestedText | None]:
    return [each.text for each in store.feedback.events()]


def test_text_is_kept_only_with_consent(made: Made) -> None:
    store = made.store
    store.feedback.record([event(text=TEXT)])
    assert texts_of(store) == [None]
    store.consent.give("bo")
    store.feedback.record([event(text=TEXT), event(text=TEXT, user="bo"), event(user="bo")])
    assert texts_of(store) == [None, None, TEXT, None]


def test_awkward_text_comes_back(made: Made) -> None:
    made.store.consent.give("ana")
    longest = SuggestedText("x" * 2000, "猫" * 2000)
    made.store.feedback.record([event(text=AWKWARD), event(text=longest)])
    assert texts_of(made.store) == [AWKWARD, longest]


def test_consent_does_not_look_back(made: Made) -> None:
    store = made.store
    made.clock.now = NOW_S + 10
    store.consent.give("ana")
    made.clock.now = NOW_S + 20
    store.consent.give("ana")
    assert store.consent.since_s("ana") == NOW_S + 10
    store.feedback.record(event(text=TEXT, time_s=NOW_S + at) for at in (9.9, 10, 15))
    assert texts_of(store) == [None, TEXT, TEXT]


def test_withdrawing_erases_text_and_nothing_else(made: Made) -> None:
    store = made.store
    for user in ("ana", "bo"):
        store.consent.give(user)
        store.feedback.record([event(text=TEXT, user=user, kind="rejected")])
    store.consent.withdraw("ana")
    assert store.consent.since_s("ana") is None
    assert store.consent.since_s("bo") == NOW_S
    kept = [event(user="ana", kind="rejected"), event(user="bo", kind="rejected", text=TEXT)]
    assert list(store.feedback.events()) == kept
    store.feedback.record([event(text=TEXT)])
    assert texts_of(store) == [None, TEXT, None]


# --- settings -------------------------------------------------------------------------------------


def test_settings_of_users_and_collections(made: Made) -> None:
    settings = made.store.settings
    values: dict[str, Any] = {
        "eagerness": 0.3, "count": 10**15, "on": True, "off": False, "zero": 0, "one": 1.0,
        "text": "👍\0'", "empty": "", "a.b_c": -1,
    }  # fmt: skip
    for key, value in values.items():
        settings.put(Owner("user", "ana"), key, value)
    settings.put(Owner("collection", "ana"), "eagerness", 1)
    found = settings.of(Owner("user", "ana"))
    assert found == values
    assert {key: type(value) for key, value in found.items()} == {
        key: type(value) for key, value in values.items()
    }
    assert list(found) == sorted(values)
    assert settings.of(Owner("collection", "ana")) == {"eagerness": 1}
    settings.put(Owner("user", "ana"), "eagerness", 0.4)
    settings.remove(Owner("user", "ana"), "on")
    settings.remove(Owner("user", "bo"), "on")
    found = settings.of(Owner("user", "ana"))
    assert (found["eagerness"], "on" in found) == (0.4, False)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("", 1), ("A", 1), ("a b", 1), ("a" * 65, 1), (None, 1), ("a", None), ("a", []),
        ("a", "x" * 2001), ("a", float("nan")), ("a", float("inf")), ("a", 10**400), ("a", b""),
    ],
)  # fmt: skip
def test_what_is_no_setting_is_refused(made: Made, key: str, value: Any) -> None:
    with pytest.raises(OptionError):
        made.store.settings.put(Owner("user", "ana"), key, value)
    with pytest.raises(InvalidTextError):
        made.store.settings.put(Owner("user", "ana"), "a", "\ud800")
    assert made.store.settings.of(Owner("user", "ana")) == {}


# --- keys -----------------------------------------------------------------------------------------


def test_keys_come_back_the_oldest_first(made: Made) -> None:
    keys = made.store.keys
    limits = KeyLimits(per_second=2.5, concurrent=3, chars=1000)
    second = make_key("Büro 2", ["learn", "suggest"], NOW_S + 1).stored
    first = make_key("web", ["admin"], NOW_S, limits=limits, expires_s=NOW_S + 60).stored
    keys.add(second)
    keys.add(first)
    assert keys.all() == [first, second]
    assert keys.get(first.id) == first
    assert keys.get("nonesuch") is None
    with pytest.raises(OptionError, match="already"):
        keys.add(replace(first, name="another"))
    assert keys.all() == [first, second]


def test_a_revoked_key_serves_no_more(made: Made) -> None:
    keys = made.store.keys
    key = make_key("web", ["suggest"], NOW_S).stored
    keys.add(key)
    made.clock.now = NOW_S + 5
    assert keys.revoke(key.id)
    found = keys.get(key.id)
    assert found == replace(key, revoked_s=NOW_S + 5)
    assert not found.serves(NOW_S)
    assert not keys.revoke(key.id)
    assert not keys.revoke("nonesuch")
    made.store.forget_everything()
    assert keys.all() == []


# --- forgetting -----------------------------------------------------------------------------------


def fill(store: Store) -> None:
    for user in ("ana", "bo"):
        store.consent.give(user)
        store.settings.put(Owner("user", user), "eagerness", 1)
        store.settings.put(Owner("collection", user), "eagerness", 2)
    store.feedback.record([
        event("1", user="ana", collection="bo", text=TEXT),
        event("2", user="bo", collection="ana", text=TEXT),
        event("3", user="bo", text=TEXT),
    ])  # fmt: skip


def what_is_left(store: Store) -> dict[str, Any]:
    return {
        "events": [each.suggestion for each in store.feedback.events()],
        "consents": [user for user in ("ana", "bo") if store.consent.since_s(user) is not None],
        "users": [name for name in ("ana", "bo") if store.settings.of(Owner("user", name))],
        "collections": [
            name for name in ("ana", "bo") if store.settings.of(Owner("collection", name))
        ],
    }


def test_forgetting_a_user(made: Made) -> None:
    fill(made.store)
    made.store.forget_user("bo")
    assert what_is_left(made.store) == {
        "events": ["1"], "consents": ["ana"], "users": ["ana"], "collections": ["ana", "bo"],
    }  # fmt: skip
    made.store.feedback.record([event("4", user="bo", text=TEXT)])
    assert texts_of(made.store) == [TEXT, None]


def test_forgetting_a_collection(made: Made) -> None:
    fill(made.store)
    made.store.forget_collection("bo")
    assert what_is_left(made.store) == {
        "events": ["2", "3"], "consents": ["ana", "bo"], "users": ["ana", "bo"],
        "collections": ["ana"],
    }  # fmt: skip


def test_forgetting_everything(made: Made) -> None:
    fill(made.store)
    made.store.forget_everything()
    assert not any(what_is_left(made.store).values())
    fill(made.store)
    assert what_is_left(made.store)["events"] == ["1", "2", "3"]


@pytest.mark.parametrize("forgotten", NAMES)
def test_names_that_look_alike_are_apart(made: Made, forgotten: str) -> None:
    store = made.store
    for name in NAMES:
        store.consent.give(name)
        store.settings.put(Owner("user", name), "eagerness", 1)
    store.feedback.record(event(user=name, collection=name, text=TEXT) for name in NAMES)
    store.consent.withdraw(forgotten)
    assert [each.user for each in store.feedback.events() if each.text is None] == [forgotten]
    (found,) = store.feedback.events(EventFilter(user=forgotten))
    assert found.collection == forgotten
    store.forget_user(forgotten)
    assert [each.user for each in store.feedback.events()] == [
        name for name in NAMES if name != forgotten
    ]
    assert [name for name in NAMES if not store.settings.of(Owner("user", name))] == [forgotten]


# --- retention ------------------------------------------------------------------------------------


def test_pruning_by_age_and_by_number(made: Made) -> None:
    feedback = made.store.feedback
    feedback.record(event(f"s{at}", time_s=NOW_S + at) for at in range(10))
    made.clock.now = NOW_S + 100
    assert feedback.prune(NO_LIMIT) == 0
    assert feedback.prune(Retention(max_age_s=97, max_events=None)) == 3
    assert feedback.prune(Retention(max_age_s=None, max_events=7)) == 0
    assert feedback.prune(Retention(max_age_s=96, max_events=5)) == 2
    assert [each.suggestion for each in feedback.events()] == ["s5", "s6", "s7", "s8", "s9"]
    assert feedback.prune(Retention(max_age_s=None, max_events=0)) == 5
    assert list(feedback.events()) == []


def test_a_store_keeps_to_its_own_limits(factory: Factory, tmp_path: Path) -> None:
    made = factory(tmp_path, Retention(max_age_s=50, max_events=300))
    with made.store as store:  # type: ignore[attr-defined]
        for start in range(0, 3 * PRUNE_EVERY, 100):
            store.feedback.record(event(f"s{start + at}") for at in range(100))
            (sums,) = store.feedback.totals()
            assert sums.shown <= 300 + PRUNE_EVERY
        last = [each.suggestion for each in store.feedback.events()][-300:]
        assert last == [f"s{at}" for at in range(3 * PRUNE_EVERY - 300, 3 * PRUNE_EVERY)]
        made.clock.now = NOW_S + 51
        store.feedback.record(event(time_s=NOW_S + 51) for _ in range(PRUNE_EVERY))
        (sums,) = store.feedback.totals(which=EventFilter(until_s=NOW_S + 51))
        assert sums.shown == 0


# --- threads, closing, and opening again ----------------------------------------------------------


@pytest.mark.slow
def test_threads_write_and_read_at_once(made: Made) -> None:
    store = made.store
    faults: list[BaseException] = []

    def write(name: str) -> None:
        try:
            for at in range(20):
                store.feedback.record([event(f"{name}-{at}-{part}") for part in range(3)])
                store.settings.put(Owner("user", name), "count", at)
        except BaseException as fault:
            faults.append(fault)

    def read() -> None:
        try:
            for _ in range(30):
                (sums,) = store.feedback.totals()
                assert sums.shown % 3 == 0
                for _ in store.feedback.events():
                    pass
        except BaseException as fault:
            faults.append(fault)

    threads = [threading.Thread(target=write, args=(f"w{at}",)) for at in range(4)]
    threads += [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    found = [each.suggestion for each in store.feedback.events()]
    assert len(set(found)) == len(found) == 240
    for name in ("w0", "w3"):
        mine = [each for each in found if each.startswith(f"{name}-")]
        assert mine == [f"{name}-{at}-{part}" for at in range(20) for part in range(3)]
    store.check()


CALLS: dict[str, Callable[[Store], object]] = {
    "record": lambda store: store.feedback.record([event()]),
    "events": lambda store: list(store.feedback.events()),
    "totals": lambda store: store.feedback.totals(),
    "prune": lambda store: store.feedback.prune(NO_LIMIT),
    "since": lambda store: store.consent.since_s("ana"),
    "give": lambda store: store.consent.give("ana"),
    "withdraw": lambda store: store.consent.withdraw("ana"),
    "of": lambda store: store.settings.of(Owner("user", "ana")),
    "put": lambda store: store.settings.put(Owner("user", "ana"), "a", 1),
    "remove": lambda store: store.settings.remove(Owner("user", "ana"), "a"),
    "add key": lambda store: store.keys.add(make_key("web", ["suggest"], NOW_S).stored),
    "get key": lambda store: store.keys.get("web"),
    "all keys": lambda store: store.keys.all(),
    "revoke": lambda store: store.keys.revoke("web"),
    "forget user": lambda store: store.forget_user("ana"),
    "forget collection": lambda store: store.forget_collection("law"),
    "forget everything": lambda store: store.forget_everything(),
    "check": lambda store: store.check(),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_closed_store_says_so(made: Made, name: str) -> None:
    made.store.close()
    with pytest.raises(StoreError, match="closed"):
        CALLS[name](made.store)


def test_what_was_kept_is_there_when_it_is_opened_again(made: Made) -> None:
    if made.open_again is None:
        pytest.skip("what is in memory ends with its store")
    fill(made.store)
    before = (what_is_left(made.store), list(made.store.feedback.events()))
    made.store.close()
    again = made.open_again()
    assert (what_is_left(again), list(again.feedback.events())) == before
    again.check()
    again.close()


def test_a_place_that_is_open_twice_is_one(made: Made) -> None:
    if made.open_again is None:
        pytest.skip("what is in memory has one owner")
    other = made.open_again()
    made.store.consent.give("ana")
    other.feedback.record([event("1", text=TEXT)])
    assert texts_of(made.store) == [TEXT]
    made.store.consent.withdraw("ana")
    other.feedback.record([event("2", text=TEXT)])
    assert texts_of(other) == [None, None]
    other.close()
    assert len(texts_of(made.store)) == 2


@pytest.mark.parametrize("name", ["", "a\nb", "\0", "x" * 201])
def test_what_is_no_name_is_refused_and_not_shown(made: Made, name: str) -> None:
    for call in (
        made.store.forget_user, made.store.forget_collection, made.store.consent.give,
        made.store.consent.withdraw, made.store.consent.since_s, lambda it: Owner("user", it),
        lambda it: event(user=it), lambda it: EventFilter(collection=it),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=r"characters; it must be 1 to 200") as caught:
            call(name)
        assert not name.strip() or name not in str(caught.value)


def test_a_mark_goes_with_its_event(made: Made) -> None:
    log = made.store.feedback
    for user, number in (("ana", 1), ("ben", 2)):
        for at in range(3):
            log.record([event(f"s{at}", user=user, mark=Mark(f"{number}{at}" * 16, 1.0))] * 2)
    made.store.consent.give("ana")
    made.store.consent.withdraw("ana")
    assert [each.mark for each in log.events(EventFilter(user="ana"))][:1] == [Mark("10" * 16, 1)]
    made.store.forget_user("ana")
    log.prune(Retention(max_age_s=None, max_events=2))
    assert [each.mark for each in log.events()] == [Mark("22" * 16, 1.0)] * 2
    made.store.check()


def test_withdrawn_consent_takes_what_was_learnt_of_feedback(made: Made) -> None:
    ana, ben = Owner("user", "ana"), Owner("user", "ben")
    books = made.store.documents
    for owner in (ana, ben):
        books.put([
            document(owner, "letter", "Dear Ms Okonkwo"),
            document(owner, "day", "thank you ever so much", kind=OF_FEEDBACK),
        ])  # fmt: skip
    before = books.version(ana), books.version(ben)
    made.store.consent.withdraw("ana")
    assert [each.source for each in books.all([ana])] == ["letter"]
    assert books.by_words("ever", [ana]) == []
    assert len(books.ids(ben)) == 2
    assert (books.version(ana) != before[0], books.version(ben)) == (True, before[1])
    made.store.documents.remove(ana, ["letter"])
    made.store.consent.withdraw("ana")
    assert books.owners() == [ben]
    made.store.check()
