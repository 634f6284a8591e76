"""Who may ask: keys read from the store, rates counted by the clock."""

from __future__ import annotations

import pytest

from running import Clock
from tecla.errors import ForbiddenError, RateLimitedError, StoreError, UnauthorizedError
from tecla.serve.gate import caller_of
from tecla.serve.guard import Caller, Guard
from tecla.settings import ServeSettings
from tecla.store.keys import KeyLimits, StoredKey, make_key
from tecla.store.memory import MemoryStore

NOW_S = 1_700_000_000.0


class Failing:
    """A book that cannot be read from some time on."""

    def __init__(self, book: MemoryStore) -> None:
        self._keys, self.fails = book.keys, False

    def add(self, key: StoredKey) -> None:
        self._keys.add(key)

    def get(self, key_id: str) -> StoredKey | None:
        if self.fails:
            raise StoreError("the disk is gone")
        return self._keys.get(key_id)

    def all(self) -> list[StoredKey]:
        if self.fails:
            raise StoreError("the disk is gone")
        return self._keys.all()

    def revoke(self, key_id: str) -> bool:
        return self._keys.revoke(key_id)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book() -> Failing:
    return Failing(MemoryStore())


@pytest.fixture
def guard(book: Failing, clock: Clock) -> Guard:
    return Guard(
        book, ServeSettings(), asks_for_keys=True, clock=clock, wall_clock=lambda: NOW_S + clock()
    )


def test_everybody_with_the_same_key_is_one_caller(book: Failing, guard: Guard) -> None:
    new = make_key("web", ["suggest"], NOW_S, limits=KeyLimits(per_second=3.0))
    book.add(new.stored)
    caller = guard.caller(new.text)
    assert caller is guard.caller(new.text)
    assert (caller.per_second, caller.chars) == (3.0, ServeSettings().chars)
    with pytest.raises(ForbiddenError, match="learn"):
        caller.check("learn")


def test_a_revoked_key_ends_within_a_second(book: Failing, guard: Guard, clock: Clock) -> None:
    new = make_key("web", ["suggest"], NOW_S)
    book.add(new.stored)
    caller = guard.caller(new.text)
    book.revoke(new.stored.id)
    clock.pass_ms(1001)
    assert not guard.still(caller)
    with pytest.raises(UnauthorizedError, match="revoked"):
        guard.caller(new.text)


@pytest.mark.parametrize(
    ("header", "key", "told"),
    [
        (None, "", "no key was given.*`key`"),
        (b"", "", "no key was given"),
        (b"Bearer ", "", "no Bearer key"),
        (b"Bearer nonsense", "", "this key is none"),
        (b"bearer tecla_", "", "this key is none"),
        (None, "nonsense", "this key is none"),
        (b"Basic YTpi", "", "Bearer"),
        (b"KEY", "", "Bearer"),
        (b"Basic YTpi", "KEY", None),
        (b"Bearer KEY", "nonsense", None),
    ],
)
def test_what_is_wrong_with_a_key_is_told(
    book: Failing, guard: Guard, header: bytes | None, key: str, told: str | None
) -> None:
    new = make_key("web", ["suggest"], NOW_S)
    book.add(new.stored)
    if told is None:
        header = None if header is None else header.replace(b"KEY", new.text.encode())
        assert caller_of(guard, header, key.replace("KEY", new.text)).key_id == new.stored.id
        return
    with pytest.raises(UnauthorizedError, match=told) as raised:
        caller_of(guard, header, key)
    assert len(str(raised.value).encode()) <= 123  # what a WebSocket can be closed with


def test_whoever_needs_no_key_may_send_any_header(book: Failing) -> None:
    guard = Guard(book, ServeSettings(), asks_for_keys=False)
    assert caller_of(guard, b"Basic YTpi").key_id == ""


def test_a_key_ends_when_it_says(book: Failing, guard: Guard, clock: Clock) -> None:
    new = make_key("web", ["suggest"], NOW_S, expires_s=NOW_S + clock() + 5)
    book.add(new.stored)
    assert guard.still(guard.caller(new.text))
    clock.pass_ms(5001)
    with pytest.raises(UnauthorizedError):
        guard.caller(new.text)


def test_what_was_read_last_holds_for_a_minute(book: Failing, guard: Guard, clock: Clock) -> None:
    new = make_key("web", ["suggest"], NOW_S)
    book.add(new.stored)
    guard.caller(new.text)
    book.fails = True
    clock.pass_ms(59_000)
    guard.caller(new.text)
    with pytest.raises(UnauthorizedError, match="cannot be checked"):
        guard.caller(make_key("other", ["suggest"], NOW_S).text)
    clock.pass_ms(2_000)
    with pytest.raises(UnauthorizedError, match="cannot be checked"):
        guard.caller(new.text)


def test_a_rate_is_kept_however_it_is_asked(clock: Clock) -> None:
    caller = Caller("web", frozenset({"suggest"}), per_second=10.0, most_concurrent=1, chars=1)
    taken, hints = 0, []
    for _ in range(1000):  # ten seconds of a hundred requests each
        clock.pass_ms(10)
        try:
            caller.count(clock())
        except RateLimitedError as error:
            hints.append(error.retry_after_ms)
        else:
            taken += 1
    assert min(hints) > 0
    assert max(hints) <= 100
    assert 100 <= taken <= 121  # what may be used up ahead of time is two seconds' worth


def test_so_many_at_once(clock: Clock) -> None:
    caller = Caller("web", frozenset({"suggest"}), per_second=10.0, most_concurrent=2, chars=1)
    refused = pytest.raises(RateLimitedError, match="2 requests")
    with caller.at_work(), caller.at_work(), refused, caller.at_work():
        pass
    with caller.at_work():
        assert caller.concurrent == 1


def test_new_settings_hold_for_those_who_are_in(book: Failing, guard: Guard) -> None:
    own = make_key("own", ["suggest"], NOW_S, limits=KeyLimits(chars=7))
    usual = make_key("usual", ["suggest"], NOW_S)
    for new in (own, usual):
        book.add(new.stored)
    callers = [guard.caller(own.text), guard.caller(usual.text)]
    guard.adopt(ServeSettings(chars=50))
    assert [each.chars for each in callers] == [7, 50]
