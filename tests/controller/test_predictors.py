"""Opening predictors by what a person writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tecla.classic.dictionary_file import save_dictionary
from tecla.classic.frequency import Frequency
from tecla.classic.querylog import QueryLog
from tecla.controller.predictors import model_file, open_predictor, predictor_maker
from tecla.errors import OptionError, UnknownModelError
from tecla.predict.base import Budget, Predictor
from tecla.suggest.suggester import Suggester
from tecla.text.context import Context


def first(predictor: Predictor, before: str) -> str:
    found = predictor.predict(Context(before), Budget())[0].text
    predictor.close()
    predictor.close()
    return found


@pytest.mark.slow
def test_words_by_language() -> None:
    assert first(open_predictor("frequency"), "th") == "e"
    assert first(open_predictor("frequency:es"), "hol") == "a"


@pytest.mark.slow
def test_a_list_is_read_once_for_all_that_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    make = predictor_maker("frequency:fr")
    monkeypatch.delattr("tecla.classic.frequency.listed")
    one, other = make(), make()
    assert isinstance(one, Frequency)
    one.counts.count("bonsoir", 100_000)
    assert first(one, "bon") == "soir"
    assert first(other, "bon") == "ne"


@pytest.mark.slow
def test_a_dictionary_by_language_is_built_once(home: Path) -> None:
    predictor = open_predictor("dictionary:es")
    assert predictor.name == "dictionary:es"
    assert first(predictor, "un arb") == "árbol"
    built = model_file("dictionary:es")
    assert built is not None
    assert built.is_relative_to(home)
    stamp = built.stat().st_mtime_ns
    assert first(open_predictor("dictionary:es"), "una cancin") == "ón"
    assert built.stat().st_mtime_ns == stamp


def test_files(tmp_path: Path) -> None:
    save_dictionary(tmp_path / "words", {"tecla": 1.0})
    QueryLog.create(tmp_path / "log").record("how to type")
    assert first(open_predictor(f"dictionary:{tmp_path / 'words'}"), "te") == "cla"
    assert first(open_predictor(f"querylog:{tmp_path / 'log'}"), "how to t") == "ype"


@pytest.mark.slow
def test_a_model_that_is_open_already(default_suggester: Suggester) -> None:
    predictor = open_predictor("neural", suggester=default_suggester)
    assert first(predictor, "I am looking forw") == "ard"
    assert default_suggester.healthy
    with pytest.raises(OptionError, match="leave one out"):
        open_predictor("neural:other", suggester=default_suggester)


@pytest.mark.slow
def test_options_of_a_model(default_suggester: Suggester) -> None:
    spec = "neural:?max_tokens=1&min_probability=0.5"
    predictor = open_predictor(spec, suggester=default_suggester)
    found = predictor.predict(Context("Thank you very much for your"), Budget(n=1, max_words=9))
    assert len(found[0].words) <= 1
    with pytest.raises(OptionError, match="did you mean 'min_p'"):
        open_predictor("neural:?min_prob=1", suggester=default_suggester)
    wrong = open_predictor("neural:?max_tokens=many", suggester=default_suggester)
    with pytest.raises(OptionError, match="max_tokens is 'many'"):
        wrong.predict(Context("Thank"), Budget())


@pytest.mark.slow
def test_a_model_of_its_own_is_closed_with_it() -> None:
    predictor = open_predictor("neural:default")
    assert predictor.name == "neural:default"
    assert first(predictor, "I am looking forw") == "ard"


@pytest.mark.parametrize(
    ("spec", "kind", "message"),
    [
        ("frequencie:en", OptionError, "did you mean 'frequency'?"),
        ("", OptionError, "there are frequency, dictionary, ngram, querylog, neural"),
        ("dictionary", OptionError, "write dictionary:PATH"),
        ("querylog:", OptionError, "write querylog:PATH"),
        ("querylog:none", UnknownModelError, "there is no file 'none'"),
        ("dictionary:none", UnknownModelError, "there is no file 'none'"),
        ("dictionary:xx", UnknownModelError, "no word list for language 'xx'"),
        ("frequency:xx", UnknownModelError, "no word list for language 'xx'"),
        ("neural:no-such-model", UnknownModelError, "no-such-model"),
        ("writer:?usr=x", OptionError, "there is no option 'usr'; did you mean 'user'?"),
        ("writer:?xyz=1", OptionError, "beside, .*collection, .*filters, .*sure, .*user, weight"),
    ],
)
def test_what_names_nothing_is_said(spec: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        open_predictor(spec)
