"""`tecla train` and `tecla compare`, run in this process without a model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.calling import Ran, caller
from tecla.classic.dictionary import Dictionary
from tecla.classic.querylog import QueryLog
from tecla.controller import predictors
from tecla.errors import UnknownModelError
from tecla.predict.base import Budget, Predictor
from tecla.text.context import Context

Tecla = Callable[..., Ran]


@pytest.fixture
def tecla(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Tecla:
    """Run `tecla` with arguments and standard input, in an empty folder 80 columns wide."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    return caller(monkeypatch, capsys)


def texts(predictor: Predictor, before: str) -> list[str]:
    found = [each.text for each in predictor.predict(Context(before), Budget(max_words=5))]
    predictor.close()
    return found


def test_a_dictionary_of_files_and_standard_input(tecla: Tecla) -> None:
    Path("a.csv").write_text("word,weight\nárbol,5\n", encoding="utf-8")
    Path("b.txt").write_text("arbusto\nárbol\t1\n", encoding="utf-8")
    ran = tecla("train", "dictionary", "a.csv", "b.txt", "-", "-o", "words", stdin=b"arbolito\n")
    assert ran.status == 0, ran.err
    assert ran.out.startswith("wrote words: 3 entries, ")
    assert ran.err == ""
    assert texts(Dictionary.open("words"), "arb")[0] == "árbol"


def test_a_query_log_is_made_and_added_to(tecla: Tecla) -> None:
    Path("log.tsv").write_text("how to cook\t2\nhow to tie\n", encoding="utf-8")
    ran = tecla("train", "querylog", "log.tsv", "-o", "log")
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.startswith("wrote log: 2 queries added, ")
    assert texts(QueryLog.open("log"), "how ") == ["to cook", "to tie"]
    ran = tecla("train", "querylog", "-", "-o", "log", "--update", stdin=b"how to tie\t5\n")
    assert ran.out.startswith("wrote log: 1 query added, ")
    assert texts(QueryLog.open("log"), "how ") == ["to tie", "to cook"]
    tecla("train", "querylog", "log.tsv", "-o", "log")
    assert texts(QueryLog.open("log"), "how ") == ["to cook", "to tie"]


def test_what_fails_leaves_the_old_file(tecla: Tecla) -> None:
    Path("good").write_text("how to cook\n", encoding="utf-8")
    Path("bad").write_text("how to tie\nhow to fly\tmany\n", encoding="utf-8")
    for kind in ("querylog", "dictionary"):
        tecla("train", kind, "good", "-o", kind)
        before = Path(kind).read_bytes()
        ran = tecla("train", kind, "bad", "-o", kind)
        assert (ran.status, ran.out) == (2, "")
        assert "'bad' line 2: " in ran.err
        assert Path(kind).read_bytes() == before
    ran = tecla("train", "querylog", "bad", "-o", "querylog", "--update")
    assert ran.status == 2
    assert texts(QueryLog.open("querylog"), "how ") == ["to cook"]
    assert not list(Path().glob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["dictionary", "none", "-o", "x"], 2, "cannot read 'none': it does not exist"),
        (["dictionary", ".", "-o", "x"], 2, "cannot read '.': it is a folder"),
        (["dictionary", "-", "-", "-o", "x"], 2, "given twice"),
        (["dictionary", "-", "-o", "."], 2, "cannot write '.': it is a folder"),
        (["dictionary", "-", "-o", "no/x"], 2, "there is no folder 'no'"),
        (["dictionary", "-", "-o", "x"], 2, "there are no entries"),
        (["querylog", "-", "-o", "x", "--half-life-days", "0"], 2, "half_life_days is 0.0"),
        (["querylog", "-", "-o", "x", "--half-life-days", "3", "--update"], 2, "fixed when"),
        (["querylog", "-", "-o", "x", "--update"], 3, "there is no file 'x'"),
    ],
)
def test_bad_input_is_one_line(
    tecla: Tecla, arguments: list[str], status: int, message: str
) -> None:
    ran = tecla("train", *arguments)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.startswith("tecla: ")
    assert message in ran.err
    assert ran.err.count("\n") == 1


@pytest.fixture
def systems(tecla: Tecla) -> list[str]:
    """Options that name a dictionary and a query log."""
    tecla("train", "dictionary", "-", "-o", "words", stdin=b"cookery\t3\ncook\xc3\xa9\n")
    tecla("train", "querylog", "-", "-o", "log", stdin=b"how to cook rice\nhow to cook\n")
    return ["--system", "dictionary:words", "--system", "querylog:log"]


def test_a_comparison_is_a_table(tecla: Tecla, systems: list[str]) -> None:
    ran = tecla("compare", "how to cooke", *systems)
    assert (ran.status, ran.err) == (0, "")
    rows = [line.split() for line in ran.out.splitlines() if line.strip()]
    assert rows[0] == ["system", "suggestion", "probability", "ms"]
    assert rows[2][:2] == ["dictionary:words", "ry"]
    assert 0 < float(rows[2][2]) < 1
    assert any(row[:3] == ["cooke", "→", "cooké"] for row in rows)
    assert ["querylog:log", "nothing", "to", "say"] in [row[:4] for row in rows]
    assert all(len(line) <= 80 for line in ran.out.splitlines())


def test_a_comparison_as_json(tecla: Tecla, systems: list[str]) -> None:
    ran = tecla("compare", "-", *systems, "--json", "-n", "1", stdin=b"how to\n")
    words, log = json.loads(ran.out)["systems"]
    assert set(log) == {"system", "elapsed_ms", "suggestions"}
    assert log["system"] == "querylog:log"
    assert log["elapsed_ms"] > 0
    (found,) = log["suggestions"]
    assert (found["text"], found["replaces"], found["source"]) == (" cook", 0, "querylog")
    assert words["suggestions"] == []
    ran = tecla("compare", "how to", *systems, "--json", "-n", "1", "--max-words", "1")
    assert json.loads(ran.out)["systems"][1]["suggestions"][0]["text"] == " cook"


def test_without_systems_those_that_open_are_shown(
    tecla: Tecla, systems: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = predictors.open_predictor

    def open_predictor(spec: str) -> Predictor:
        if spec == "frequency:en":
            return opened("dictionary:words")
        raise UnknownModelError(f"no {spec} here")

    monkeypatch.setattr(predictors, "open_predictor", open_predictor)
    ran = tecla("compare", "coo")
    assert ran.status == 0
    assert "kery" in ran.out
    assert "no neural here" in ran.out
    document = json.loads(tecla("compare", "coo", "--json").out)
    assert document["systems"][-1] == {"system": "neural", "error": "no neural here"}


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["x", "--system", "frequencie:en"], 2, "did you mean 'frequency'?"),
        (["x", "--system", "querylog:none"], 3, "there is no file 'none'"),
        (["x", "-n", "0"], 2, "n is 0"),
        (["x", "--max-words", "0"], 2, "max_words is 0"),
        (["ab\udcff"], 2, "char offset 2"),
    ],
)
def test_what_cannot_be_compared_is_said(
    tecla: Tecla, arguments: list[str], status: int, message: str
) -> None:
    ran = tecla("compare", *arguments)
    assert (ran.status, ran.out) == (status, "")
    assert message in ran.err


def test_an_ngram_model_of_files_and_standard_input(tecla: Tecla) -> None:
    Path("a.txt").write_text("Thank you for the\nflowers.\n\nIt is late.\n", encoding="utf-8")
    Path("b.jsonl").write_text('{"body": "Thank you for the fish.", "n": 1}\n', encoding="utf-8")
    ran = tecla("train", "ngram", "a.txt", "-", "b.jsonl", "--field", "body", "-o", "m.ngram",
                "--order", "3", "--wrapped", stdin=b"Thank you for the fish.\n")  # fmt: skip
    assert (ran.status, ran.err) == (0, "")
    assert "wrote m.ngram: 18 words read in" in ran.out
    ngram = predictors.open_predictor("ngram:m.ngram")
    assert ngram.name == "ngram:m.ngram"
    assert texts(ngram, "Thank you for the fl") == ["owers."]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none.txt"], "cannot read 'none.txt'"),
        (["a.jsonl"], "say which fields are text with --field"),
        (["a.jsonl", "--field", "title"], "'a.jsonl' line 1 has no text in 'title'"),
        (["a.txt", "--order", "0"], "order is 0"),
        (["a.txt", "--language", "tlh"], "no word list for language 'tlh'"),
        (["bad.txt"], "'bad.txt' line 2 is not UTF-8"),
        (["empty.txt"], "the training text is empty"),
    ],
)
def test_what_no_ngram_model_can_be_made_of(tecla: Tecla, arguments: list[str], said: str) -> None:
    Path("a.txt").write_text("Thank you.\n", encoding="utf-8")
    Path("a.jsonl").write_text('{"body": "Thank you."}\n', encoding="utf-8")
    Path("bad.txt").write_bytes(b"one\n\xff\n")
    Path("empty.txt").write_text("", encoding="utf-8")
    ran = tecla("train", "ngram", *arguments, "-o", "m.ngram")
    assert ran.status == 2
    assert said in ran.err
    assert not Path("m.ngram").exists()
