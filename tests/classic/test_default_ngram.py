"""The n-gram models that come with tecla."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tecla.classic import default_ngram
from tecla.classic.default_ngram import frequencies, languages
from tecla.classic.ngram import Ngram
from tecla.errors import OptionError, UnknownModelError
from tecla.predict.base import Budget
from tecla.text.context import Context


@pytest.fixture
def sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of data with a few sentences in place of the shipped ones."""
    monkeypatch.setattr(default_ngram, "DATA", tmp_path)
    text = "Thank you for your letter.\n\nI am looking forward to it.\n\n"
    (tmp_path / "sample.en.txt.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def test_english_and_spanish_are_there() -> None:
    assert languages() == ["en", "es"]


@pytest.mark.slow
def test_a_model_is_built_once_and_again_when_its_text_changes(sampled: Path) -> None:
    cache = sampled / "cache"
    path = default_ngram.default_ngram("en", cache)
    stamp = path.stat().st_mtime_ns
    assert default_ngram.default_ngram("en", cache) == path
    assert path.stat().st_mtime_ns == stamp
    (sampled / "sample.en.txt.gz").write_bytes(gzip.compress(b"Other words."))
    assert default_ngram.default_ngram("en", cache) != path


@pytest.mark.slow
def test_sentences_are_the_samples_and_words_the_languages(sampled: Path) -> None:
    predictor = Ngram.open(default_ngram.default_ngram("en", sampled / "cache"))

    def best(before: str) -> list[str]:
        found = predictor.predict(Context(before), Budget(n=3))
        return [each.text for each in found]

    assert best("I am looking ")[0] == "forward"
    assert "ernment" in best("The gov")
    assert best("We live in Lond")[0] == "on"


def test_other_languages_are_refused(sampled: Path) -> None:
    with pytest.raises(UnknownModelError, match="no default n-gram model for language 'tlh'"):
        default_ngram.default_ngram("tlh", sampled)
    with pytest.raises(OptionError, match="no word list for language 'tlh'"):
        frequencies("tlh")


def test_words_stand_as_in_a_text() -> None:
    found = frequencies("es")
    assert found["de"] > found["casa"] > found["Casa"] > 0
    assert all(word == word.strip() for word in found)
