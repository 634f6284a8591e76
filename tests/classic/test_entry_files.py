"""Lists of entries and query logs as people have them."""

from __future__ import annotations

import pytest

from tecla.classic.entry_files import (
    Entry,
    Form,
    added_up,
    form_of,
    read_entries,
)
from tecla.classic.query_lines import read_queries
from tecla.classic.querylog_file import Asked
from tecla.errors import InputError


def read(text: str, form: Form) -> list[Entry]:
    return list(read_entries(text.split("\n"), "list", form))


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("text", "one\ntwo words\t3\n\n  \nthree", [("one", 1), ("two words", 3), ("three", 1)]),
        ("text", "word\tweight\none\t2", [("one", 2)]),
        ("text", "word\none", [("one", 1)]),
        ("text", "score\none", [("score", 1), ("one", 1)]),
        ("csv", 'one,2\n"two, or three",0.5', [("one", 2), ("two, or three", 0.5)]),
        ("csv", "Word,Count\none,2", [("one", 2)]),
        ("csv", "id,count,term\n7,2,one", [("one", 2)]),
        ("csv", "English,how often\none,2", [("one", 2)]),
        ("csv", '"two\nlines",2', [("two lines", 2)]),
        ("tsv", "one\t1e-3\nspaced   out \t4", [("one", 0.001), ("spaced out", 4)]),
        ("text", "e\u0301t\u00a0e", [("ét e", 1)]),
        ("text", "", []),
    ],
)
def test_forms(form: Form, text: str, expected: list[tuple[str, float]]) -> None:
    assert read(text, form) == [Entry(*each) for each in expected]


@pytest.mark.parametrize(
    ("form", "text", "message"),
    [
        ("text", "one\t1\ntwo\tmany", "list line 2: weight is 'many'"),
        ("csv", "one,1\n\ntwo,-1", "list line 3: weight is '-1'"),
        ("tsv", "one\t0", "list line 1: weight is '0'"),
        ("tsv", "one\tinf", "weight is 'inf'"),
        ("text", "one\n" + "x" * 201, "list line 2: the entry has 201 characters"),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(form: Form, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(text, form)


def test_forms_go_by_the_name() -> None:
    assert [form_of(name) for name in ("a.CSV", "a.tsv", "a.tab", "a.txt", "csv/a")] == [
        "csv", "tsv", "tsv", "text", "text",
    ]  # fmt: skip


def test_weights_of_equal_entries_are_added() -> None:
    assert added_up([Entry("a", 1), Entry("b", 2), Entry("a", 3)]) == {"a": 4, "b": 2}


def test_queries_with_counts_and_times() -> None:
    lines = ["one", "", "two  words\t3", "three\t\t2026-11-23", "four\t2\t1700000000.5"]
    assert list(read_queries(lines, "log", 5.0)) == [
        Asked("one", 5.0),
        Asked("two words", 5.0, 3),
        Asked("three", 1_795_392_000.0),
        Asked("four", 1_700_000_000.5, 2),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("one\tmany", "log line 1: count is 'many'"),
        ("one\t0", "count is '0'"),
        ("one\t1\tyesterday", "log line 1: time is 'yesterday'"),
        ("one\t1\tnan", "time is 'nan'"),
        ("one\t1\t2\t3", "log line 1 has 4 cells"),
        ("x" * 1001, "log line 1: a query has 1001 characters"),
        ("\t3", "a query has 0 characters"),
    ],
)
def test_queries_that_cannot_be_read_are_named_by_their_line(line: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(read_queries([line], "log", 5.0))
