"""What a collection chooses: levels, its own lists, and what is said about wrong ones."""

from __future__ import annotations

import pytest

from filters.cases import plain
from tecla.errors import OptionError
from tecla.filters.judge import Filters
from tecla.filters.options import FilterOptions
from tecla.filters.place import Surroundings

HERE = Surroundings("We saw", language="en")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"offensive": "strictt"}, "strict"),
        ({"offensive": True}, "level"),
        ({"gender": "yes"}, "gender is 'yes'"),
        ({"allow": ["word"]}, "tuple"),
        ({"deny": ("",)}, "deny_patterns"),
        ({"deny": ("...",)}, "no letter"),
        ({"deny_patterns": ("(",)}, "escape"),
        ({"allow_patterns": ("a*",)}, "empty text"),
        ({"deny": ("x",) * 10_001}, "10000"),
    ],
)
def test_wrong_options_are_refused_with_a_remedy(options: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        FilterOptions(**options)  # type: ignore[arg-type]


def test_surroundings_are_checked_and_never_quoted() -> None:
    with pytest.raises(OptionError, match="language is 'x1'"):
        Surroundings(language="x1")
    with pytest.raises(OptionError) as refused:
        Surroundings(before=b"my secret")  # type: ignore[arg-type]
    assert "secret" not in str(refused.value)


def test_denied_words_and_phrases_in_any_case_and_accent() -> None:
    judge = Filters(FilterOptions(deny=("Acme", "café azul")))
    assert judge.judge(" the ACME products", HERE).reason == "denied"
    assert judge.judge(" a Cafe  azul", HERE).reason == "denied"
    assert judge.judge(" the acmes there", HERE).action == "keep"
    assert judge.dead(" the acme", HERE) is None
    assert judge.dead(" the acme ", HERE) == "denied"


def test_allowed_words_pass_every_filter() -> None:
    judge = Filters(FilterOptions(allow=("support@acme.com", plain("fuvg"), "1984")))
    for text in (" support@acme.com there", plain(" fuvg gurer"), " 1984 there"):
        assert judge.judge(text, HERE).action == "keep"
        assert judge.dead(text, HERE) is None
        assert Filters().judge(text, HERE).action != "keep"
    assert judge.judge(plain(" ohyyfuvg gurer"), HERE).reason == "offensive"


def test_patterns_deny_and_allow() -> None:
    judge = Filters(
        FilterOptions(deny_patterns=(r"PRJ-\d+",), allow_patterns=(r"\b[a-z]+@acme\.com\b",))
    )
    assert judge.judge(" the PRJ-7 plan", HERE).reason == "denied"
    assert judge.judge(" joe@acme.com there", HERE).action == "keep"
    assert judge.judge(" joe@other.com there", HERE).reason == "personal"


def test_a_pattern_that_takes_too_long_shows_nothing() -> None:
    judge = Filters(FilterOptions(deny_patterns=(r"(.*a){12}$",)))
    verdict = judge.judge(" " + "ab" * 2000, HERE)
    assert (verdict.action, verdict.reason) == ("drop", "slow_pattern")


def test_a_word_is_an_offence_where_it_is_not_an_ordinary_word() -> None:
    ordinary = Surroundings("El gato es", language="es")
    assert Filters().judge(" negro y blanco", ordinary).action == "keep"
    alone = Filters(FilterOptions(language=False))
    assert alone.judge(" negro people", Surroundings("Those", language="en")).reason == "offensive"


def test_the_language_is_judged_by_the_text_if_none_is_given() -> None:
    spanish = Surroundings("Muchas gracias por la carta que nos envió usted. El gato es")
    assert Filters().judge(" negro y blanco", spanish).action == "keep"
    assert Filters().judge(" very happy to see you", spanish).reason == "language"
