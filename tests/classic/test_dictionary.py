"""Dictionaries: folding, slips, entries of several words, probabilities, bad files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tecla.classic.casing import fold
from tecla.classic.dictionary import UNKNOWN_SHARE, Dictionary
from tecla.classic.dictionary_file import DictionaryFile, save_dictionary
from tecla.classic.slips import LEFT_OUT, SLIP, SWAPPED, meant_by, right
from tecla.errors import InputError, ModelError, ModelFormatError, UnknownModelError
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context

Make = Callable[..., Dictionary]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make_dictionary(**weights: float) -> Dictionary:
        save_dictionary(
            tmp_path / "words", {word.replace("_", " "): each for word, each in weights.items()}
        )
        return Dictionary.open(tmp_path / "words")

    return make_dictionary


def ask(dictionary: Dictionary, before: str, n: int = 5, max_words: int = 1) -> list[Candidate]:
    return dictionary.predict(Context(before), Budget(n=n, max_words=max_words))


def written(before: str, candidate: Candidate) -> str:
    return before[: len(before) - candidate.replaces] + candidate.text


def all_written(dictionary: Dictionary, before: str, n: int = 5, max_words: int = 1) -> list[str]:
    return [written(before, each) for each in ask(dictionary, before, n, max_words)]


@pytest.mark.parametrize(
    ("before", "expected", "replaces"),
    [
        ("arb", "árbol", 3), ("árb", "árbol", 0), ("Arb", "Árbol", 3), ("ARB", "ÁRBOL", 3),
        ("un arb", "un árbol", 3), ("coraz", "corazón", 0), ("corazo", "corazón", 1),
        ("a\u0301rb", "árbol", 4), ("iphone", "iPhone", 5), ("stras", "straße", 1),
    ],
)  # fmt: skip
def test_case_and_accents_are_folded(make: Make, before: str, expected: str, replaces: int) -> None:
    found = ask(make(árbol=3, corazón=2, iPhone=1, straße=1), before)[0]
    assert written(before, found) == expected
    assert found.replaces == replaces


def test_an_accent_that_is_typed_is_meant(make: Make) -> None:
    dictionary = make(arbitro=9, árbol=1)
    assert all_written(dictionary, "arb") == ["arbitro", "árbol"]
    assert all_written(dictionary, "árb") == ["árbol", "arbitro"]


def test_probabilities_leave_room_for_unknown_words(make: Make) -> None:
    dictionary = make(no=3, nod=5, zoo=2)
    unknown = UNKNOWN_SHARE * 10 * 2 / 3  # as many types as begin so
    total = right("no") * (3 + 5) + unknown
    (found,) = ask(dictionary, "no")
    assert found.text == "d"
    assert found.probability == pytest.approx(5 * right("no") / total)


@pytest.mark.parametrize("typed", ["teh", "thr", "thhe", "rhe", "tge"])
def test_one_slip_is_taken_back(make: Make, typed: str) -> None:
    dictionary = make(then=50, zebra=1)
    assert all_written(dictionary, typed)[0] == "then"


def test_more_than_one_slip_is_not_looked_for(make: Make) -> None:
    dictionary = make(telephone=5)
    assert ask(dictionary, "tlepohne") == []
    assert ask(dictionary, "xx") == []


def test_a_slip_is_weighed_against_what_is_typed(make: Make) -> None:
    dictionary = make(form=1, fromage=99.0)
    assert all_written(dictionary, "for")[0] == "form"
    dictionary = make(form=0.001, fromage=99.0)
    assert all_written(dictionary, "for")[0] == "fromage"


def test_slips_have_the_probabilities_of_the_channel() -> None:
    kept = right("teh")
    found: dict[str, float] = {}
    for meant, share in meant_by("teh", "abc"):
        found[meant] = found.get(meant, 0.0) + share
        assert not meant.startswith("teh")
    assert found["the"] == pytest.approx(kept * SWAPPED)
    assert found["tceh"] == pytest.approx(kept * LEFT_OUT)
    assert "reh" in found
    assert "peh" not in found  # p is not beside t
    assert right("ab") == pytest.approx((1 - SLIP) ** 2)
    assert dict(meant_by("qa", "", "azerty")).keys() != dict(meant_by("qa", "", "qwerty")).keys()


@pytest.mark.parametrize(
    ("before", "max_words", "expected"),
    [
        ("in New", 1, "in New York"), ("in New ", 1, "in New York"), ("in New Y", 1, "in New York"),
        ("in new y", 1, "in New York"), ("San F", 1, "San Francisco"), ("S", 1, "San"),
        ("S", 2, "San Francisco"), ("S", 4, "San Francisco Bay Area"),
        ("San Francisco", 1, "San Francisco Bay"),
        ("san  francisco b", 2, "San Francisco Bay Area"),
    ],
)  # fmt: skip
def test_entries_of_several_words(make: Make, before: str, max_words: int, expected: str) -> None:
    dictionary = make(New_York=5, San_Francisco_Bay_Area=3, Yak=1, Yes=1)
    assert all_written(dictionary, before, max_words=max_words)[0] == expected


def test_entries_that_are_cut_alike_are_one(make: Make) -> None:
    dictionary = make(San_Francisco=3, San_Diego=2, sun=1)
    cut, whole = ask(dictionary, "S"), ask(dictionary, "S", max_words=2)
    assert [each.text for each in cut] == ["an", "un"]
    assert cut[0].probability == pytest.approx(sum(each.probability for each in whole[:2]))


def test_a_sentence_begins_with_a_capital(make: Make) -> None:
    assert all_written(make(word=1), "Yes. ")[0] == "Yes. Word"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.dictionaries(
        st.text("abcé ", min_size=1, max_size=6).map(str.strip).filter(bool),
        st.floats(0.1, 100),
        min_size=1,
        max_size=25,
    ),
    st.text("abcdé ", max_size=5),
)
def test_prefixes_are_as_a_scan_finds_them(
    tmp_path: Path, weights: dict[str, float], prefix: str
) -> None:
    save_dictionary(tmp_path / "words", weights)
    entries = DictionaryFile.open(tmp_path / "words")
    stretch = entries.beginning(fold(prefix))
    found = [] if stretch is None else [entries.entry(at) for at in range(*stretch)]
    assert sorted(found) == sorted(
        entry for entry in weights if fold(entry).startswith(fold(prefix))
    )
    alike = sum(each for entry, each in weights.items() if fold(entry) == fold(prefix))
    assert entries.weight(fold(prefix)) == pytest.approx(alike) or not prefix
    dictionary = Dictionary(entries)
    candidates = dictionary.predict(Context(prefix), Budget(n=30, max_words=3))
    assert sum(each.probability for each in candidates) <= 1 + 1e-9


def test_bad_files_are_refused(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(word=1)
    path = tmp_path / "words"
    whole = path.read_bytes()
    for bad in (b"", b"nonsense" * 20, whole[:-20], whole[: len(whole) // 2], b"x" + whole[1:]):
        path.write_bytes(bad)
        with pytest.raises(ModelFormatError, match="tecla train dictionary"):
            Dictionary.open(path)
    with pytest.raises(UnknownModelError, match="there is no file"):
        Dictionary.open(tmp_path / "none")
    with pytest.raises(InputError, match="there are no entries"):
        save_dictionary(path, {})
    with pytest.raises(InputError, match="a weight is not above 0"):
        save_dictionary(path, {"a": 1.0, "b": 0.0})
    with pytest.raises(ModelError, match="cannot write"):
        save_dictionary(tmp_path / "none" / "words", {"a": 1.0})
    path.write_bytes(whole)
    monkeypatch.setitem(sys.modules, "marisa_trie", None)
    with pytest.raises(ModelError, match=r"pip install 'tecla\[classic\]'"):
        Dictionary.open(path)
