"""Predictors by language: which serve, when their files are opened, how they are mixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.test_writer import Says, beside
from tecla.controller.place import Languages, Place
from tecla.controller.sources import ANY, Shelf, Sources
from tecla.errors import OptionError
from tecla.predict.base import Budget
from tecla.text.context import Context
from tecla.text.snapshot import Snapshot

ENGLISH = "The weather has been very nice these days, and we walked to the river."
SPANISH = "Esta mañana hemos ido al mercado para comprar pan y algo de fruta."
BUDGET = Budget(n=3)


def test_each_language_has_its_own_and_the_others_share() -> None:
    english, spanish = Says("the end", 0.5), Says("the fin", 0.5)
    with Sources({ANY: [lambda: english], "es": [lambda: spanish]}) as sources:
        assert sources.heard(Context("the "), "fr", BUDGET)[0].text == "end"
        assert sources.heard(Context("the "), "es", BUDGET)[0].text == "fin"
    assert (english.asked, spanish.asked) == (1, 1)


def test_several_have_the_same_weight() -> None:
    found = beside(Says("the end", 0.9), Says("the fin", 0.3), Says("the end", 0.6)).heard(
        Context("the "), "", BUDGET
    )
    shares = {each.text: each.probability for each in found}
    assert shares == pytest.approx({"end": 0.5, "fin": 0.1})


def test_what_spells_the_typed_text_anew_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("árbol\narbolado\n")
    from tecla.classic.dictionary_file import save_dictionary

    save_dictionary(tmp_path / "d", {"árbol": 3.0, "arbolado": 1.0}, lambda _: None)
    with Shelf({ANY: [f"dictionary:{tmp_path / 'd'}"]}) as shelf, Sources(shelf) as sources:
        found = sources.heard(Context("un arb"), "", BUDGET)
    assert [each.text for each in found] == ["olado"]


def test_a_shelf_opens_a_language_beside_the_work() -> None:
    with Shelf({ANY: ["frequency:en"], "es": ["frequency:es"]}) as shelf:
        assert shelf.serving("fr") == ANY
        shelf.wait("es")
        assert shelf.serving("es") == "es"
        with Sources(shelf) as sources:
            assert sources.names("es") == ("frequency:es",)
            assert sources.names("fr") == ("frequency:en",)


def test_what_cannot_be_opened_is_told_at_once_or_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(OptionError, match="frequency"):
        Shelf({ANY: ["frequenci:en"]})
    with Shelf({"es": ["frequency:xx"]}) as shelf, Sources(shelf) as sources:
        shelf.wait("es")
        assert sources.heard(Context("a"), "es", BUDGET) == ()
    assert "frequency:xx is left out" in caplog.text


def test_the_language_is_that_of_the_paragraph() -> None:
    languages = Languages()
    assert languages.at("", "en") == "en"
    assert languages.at("Si", "en") == "en"
    assert languages.at("Si", "es") == "es"  # another wish holds at once
    assert languages.at(SPANISH + " Y", "en") == "es"
    assert languages.at(f"{SPANISH}\n{ENGLISH} And", "en") == "en"
    assert languages.at(f"{ENGLISH}\n\n{SPANISH}", "en") == "es"
    assert languages.at(f"{ENGLISH}\n\n{SPANISH}\n\n- Pan", "en") == "es"  # too short to tell
    assert languages.at("42") == ""


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("今日はとても天", "ja"),  # no space, so no word is over
        (f"{SPANISH}\n今日は", "ja"),
        (f"{SPANISH}\n今日", ""),  # Japanese or Chinese, and not Spanish
        ("今日はいい。\n明日", "ja"),
        ("한국어를", "ko"),
        (f"{SPANISH}\nПривет", ""),
        (f"{SPANISH} Un 日本", "es"),
        ("今日はいい。\nI am", "en"),
        (f"今日はいい。\n{SPANISH} Y", "es"),
        ("日本は OK です", "ja"),
        ("😀😀 ñandú", "en"),
    ],
)
def test_a_script_tells_its_language_or_that_it_is_another(text: str, language: str) -> None:
    assert Languages().at(text, "en") == language


@pytest.mark.parametrize(
    ("before", "typed"),
    [("", 0), ("a ", 0), ("an arb", 3), ("don't", 5), ("end.", None), ("東京", 1)],
)
def test_how_much_of_a_word_is_typed(before: str, typed: int | None) -> None:
    assert Place(Snapshot(before)).typed_chars == typed
