"""`tecla keys`: made, listed with what is theirs, ended by their id."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from cli.calling import Ran, caller
from tecla.store.keys import make_key
from tecla.store.sqlite import SqliteStore


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run `tecla keys` with arguments."""
    run = caller(monkeypatch, capsys)
    return lambda *arguments: run("keys", *arguments)


def test_a_key_is_listed_with_limits_of_its_own(keys: Callable[..., Ran]) -> None:
    limits = ("--per-second", "2.5", "--concurrent", "3", "--chars", "1000000")
    made = keys("make", "web", *limits)
    (key_id,) = re.findall(r"tecla_([a-z0-9]+)_", made.out)
    assert keys("make", "plain").status == 0
    lines = keys("list").out.splitlines()
    told = f"{key_id}  web  learn,suggest  2.5 a second  3 at once  1000000 characters  good"
    assert told in lines
    assert any(line.endswith("  plain  learn,suggest  good") for line in lines)


@pytest.mark.parametrize("days", ["-1", "0", "nan", "36500.5", "3650000"])
def test_a_key_is_good_for_some_days(keys: Callable[..., Ran], days: str) -> None:
    ran = keys("make", "web", "--days", days)
    assert ran.status == 2
    assert "days is" in ran.err
    assert "expires_s" not in ran.err


def test_a_key_that_outlives_the_calendar_is_listed(keys: Callable[..., Ran]) -> None:
    assert "at most 36500; leave it out" in keys("make", "web", "--days", "36501").err
    assert keys("make", "long", "--days", "36500").status == 0
    for end_s in (3.2e11, 1e300):  # as could be made once
        with SqliteStore.open() as store:
            store.keys.add(make_key("old", ["suggest"], 0.0, expires_s=end_s).stored)
    listed = keys("list")
    assert listed.status == 0
    assert listed.out.count("  old  suggest  good until a year after 9999") == 2


def test_who_gives_a_name_is_told_the_id(keys: Callable[..., Ran]) -> None:
    (key_id,) = re.findall(r"tecla_([a-z0-9]+)_", keys("make", "web").out)
    ran = keys("revoke", "web")
    assert ran.status == 2
    assert f"its id is wanted, {key_id}" in ran.err
    keys("make", "web")
    assert "see `tecla keys list`" in keys("revoke", "web").err  # which of them?
    assert keys("revoke", key_id).out == f"revoked {key_id}\n"
    assert f"its id is wanted, {key_id}" not in keys("revoke", "web").err
    assert "see `tecla keys list`" in keys("revoke", "nobody").err
