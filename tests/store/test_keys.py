"""Keys: what is given out, and what is kept of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tecla.errors import InvalidTextError, OptionError
from tecla.store.keys import KeyLimits, id_of, make_key

NOW_S = 1_700_000_000.0


def test_a_key_is_told_by_its_text_and_by_nothing_else() -> None:
    new = make_key("web", ["suggest"], NOW_S)
    other = make_key("web", ["suggest"], NOW_S)
    assert id_of(new.text) == new.stored.id
    assert new.stored.is_of(new.text)
    for text in (other.text, new.text[:-1], new.text + "A", new.text.upper(), "", "é\ud800"):
        assert not new.stored.is_of(text)


def test_what_is_kept_does_not_spell_the_key() -> None:
    text, stored = make_key("web", ["suggest"], NOW_S)
    secret = text.removeprefix(f"tecla_{stored.id}_")
    assert len(secret) == 43
    assert secret not in repr(stored)
    assert secret.encode() not in stored.digest
    assert repr(stored.digest) not in repr(stored)


@pytest.mark.parametrize(
    "text", ["", "tecla_", "tecla_abc_def", "sk-" + "a" * 50, "tecla_abcdefghij_" + "a" * 42, "é"]
)
def test_what_can_be_no_key_has_no_id(text: str) -> None:
    assert id_of(text) is None


def test_it_serves_until_it_expires_or_is_revoked() -> None:
    key = make_key("web", ["suggest"], NOW_S, expires_s=NOW_S + 10).stored
    assert key.serves(NOW_S + 9)
    assert not key.serves(NOW_S + 10)
    assert not replace(key, revoked_s=NOW_S + 1).serves(NOW_S + 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": ""}, "printable"),
        ({"name": "a" * 101}, "1 to 100"),
        ({"name": "a\nb"}, "printable"),
        ({"scopes": []}, "needs a scope"),
        ({"scopes": ["sugest"]}, "no scope 'sugest'; did you mean 'suggest'"),
        ({"scopes": ["x"]}, "scopes are suggest, learn, admin"),
        ({"expires_s": NOW_S}, "later than now"),
    ],
)
def test_what_a_key_cannot_be(options: dict[str, Any], message: str) -> None:
    asked: dict[str, Any] = {"name": "web", "scopes": ["suggest"], "now_s": NOW_S, **options}
    with pytest.raises(OptionError, match=message):
        make_key(**asked)


def test_a_name_is_text() -> None:
    with pytest.raises(InvalidTextError):
        make_key("\ud800", ["suggest"], NOW_S)


@pytest.mark.parametrize(
    "limits",
    [
        {"per_second": 0},
        {"per_second": float("nan")},
        {"concurrent": 0},
        {"concurrent": 1.5},
        {"chars": 0},
    ],
)
def test_limits_have_ranges(limits: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        KeyLimits(**limits)
