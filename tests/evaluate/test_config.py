from __future__ import annotations

from pathlib import Path

import pytest

from tecla.errors import ConfigError
from tecla.evaluate.config import load_config
from tecla.predict.base import Budget

GOOD = """
seed = 3
ways = ["ghost"]
[budgets.ghost]
max_words = 4
[[systems]]
name = "words"
spec = "frequency:en"
[[systems]]
name = "log"
spec = "querylog:x.log"
corpora = ["questions.test"]
min_chars = 50
[[corpora]]
name = "talk"
kind = "dialogue"
split = "dev"
files = ["talk.txt"]
min_chars = 100
[[corpora]]
name = "questions"
kind = "queries"
split = "test"
files = ["questions.txt"]
log = ["log.txt"]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text)
    return path


def test_a_whole_configuration(tmp_path: Path) -> None:
    found = load_config(written(tmp_path, GOOD))
    talk, questions = found.corpora
    assert talk.files == (tmp_path / "talk.txt",)
    assert questions.log == (tmp_path / "log.txt",)
    assert found.budgets["ghost"] == Budget(n=1, max_words=4)
    assert found.budgets["list"] == Budget(n=6, max_words=1)
    assert [(corpus.title, system.name) for corpus, system in found.pairs()] == [
        ("talk.dev", "words"),
        ("questions.test", "words"),
        ("questions.test", "log"),
    ]
    assert found.ways_of(talk) == ("ghost",)
    words, log = found.systems
    assert [found.least_chars(talk, each) for each in (words, log)] == [100, 50]
    assert [found.least_chars(questions, each) for each in (words, log)] == [None, 50]
    assert found.ways_of(questions) == ("query",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 3", "sed = 3", "did you mean 'seed'"),
        ("seed = 3", "seed = 'x'", "seed is 'x'"),
        ("seed = 3", "seed = -1", "0 or more"),
        ("seed = 3", "coverages = [0.0]", "above 0"),
        ("max_words", "max_word", "did you mean 'max_words'"),
        ("max_words = 4", "max_words = 0", "max_words is 0"),
        ("budgets.ghost", "budgets.gost", "did you mean 'ghost'"),
        ('"ghost"', '"gost"', "did you mean 'ghost'"),
        ('"dialogue"', '"dialog"', "did you mean 'dialogue'"),
        ('split = "dev"', 'split = "deb"', "did you mean 'dev'"),
        ('files = ["talk.txt"]', 'files = "talk.txt"', "must be a list"),
        ('files = ["talk.txt"]', "", "lacks 'files'"),
        ("min_chars", "min_char", "did you mean 'min_chars'"),
        ('name = "log"', 'name = "words"', "two systems"),
        ('["questions.test"]', '["questions.tst"]', "did you mean 'questions.test'"),
        ("[[systems]]", "[[system]]", "did you mean 'systems'"),
        ("seed = 3", "seed =", "not TOML"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, GOOD.replace(old, new)))
    assert said in str(caught.value)
    assert "run.toml" in str(caught.value)


def test_texts_may_lie_elsewhere(tmp_path: Path) -> None:
    found = load_config(written(tmp_path, GOOD), tmp_path / "texts")
    assert found.corpora[0].files == (tmp_path / "texts" / "talk.txt",)
    assert found.corpora[1].log == (tmp_path / "texts" / "log.txt",)


def test_no_file_and_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_config(tmp_path / "nowhere.toml")
    with pytest.raises(ConfigError, match="no systems"):
        load_config(written(tmp_path, ""))
