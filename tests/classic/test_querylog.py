"""Query logs: popularity, fading, suffixes, words, files that survive."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tecla.classic.query_tables import QueryTables, cut
from tecla.classic.querylog import QueryLog
from tecla.classic.querylog_file import Asked, QueryLogFile
from tecla.errors import InputError, ModelError, ModelFormatError, OptionError, UnknownModelError
from tecla.predict.base import Budget, Candidate
from tecla.text.context import Context
from tecla.text.words import words

DAY = 86_400.0
NOW = 20_000 * DAY
Make = Callable[..., QueryLog]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def make_log(*queries: str, half_life_days: float | None = 30.0) -> QueryLog:
        path = tmp_path / "log"
        path.unlink(missing_ok=True)
        log = QueryLog.create(path, half_life_days=half_life_days, clock=lambda: NOW)
        log.record_all(Asked(query, NOW) for query in queries)
        return log

    return make_log


def ask(log: QueryLog, before: str, n: int = 5, max_words: int = 9) -> list[Candidate]:
    return log.predict(Context(before), Budget(n=n, max_words=max_words))


def written(log: QueryLog, before: str, **budget: int) -> list[str]:
    return [before + each.text for each in ask(log, before, **budget)]


def test_the_most_popular_comes_first(make: Make) -> None:
    log = make("how to cook", "how to tie a tie", "how to tie a tie", "hello")
    assert written(log, "how") == ["how to tie a tie", "how to cook"]
    assert written(log, "") == ["how to tie a tie", "hello", "how to cook"]
    assert written(log, "how to cook") == []


def test_probabilities_are_of_the_prefix_and_leave_room_for_new_queries(make: Make) -> None:
    log = make("how to cook", "how to tie a tie", "how to tie a tie", "hello")
    assert [each.probability for each in ask(log, "how")] == pytest.approx([2 / 6, 1 / 6])
    (only,) = ask(log, "how to c")
    assert only.probability == pytest.approx(1 / 3)


def test_popularity_fades(make: Make) -> None:
    log = make()
    log.record_all([Asked("old news", NOW - 90 * DAY, 7), Asked("older ways", NOW)])
    assert written(log, "o") == ["older ways", "old news"]
    assert [each.probability for each in ask(log, "o")] == pytest.approx(
        [1 / (1 + 7 / 8 + 3), (7 / 8) / (1 + 7 / 8 + 3)]
    )
    steady = make(half_life_days=None)
    steady.record_all([Asked("old news", NOW - 90 * DAY, 7), Asked("older ways", NOW)])
    assert written(steady, "o") == ["old news", "older ways"]


def test_an_old_log_is_less_sure(tmp_path: Path) -> None:
    with QueryLog.create(tmp_path / "log", clock=lambda: NOW) as log:
        log.record("how to cook")
        assert ask(log, "h")[0].probability == pytest.approx(1 / 3)
    with QueryLog.open(tmp_path / "log", clock=lambda: NOW + 30 * DAY) as later:
        assert ask(later, "h")[0].probability == pytest.approx(0.5 / 2.5)
        later.record("how to cook")
        assert ask(later, "h")[0].probability == pytest.approx(1.5 / 3.5)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("zürich cheap fl", ["zürich cheap flights"]),
        ("any old flights ", ["any old flights to rome"]),
        ("my to r", ["my to rome"]),
        ("zzz", []),
        ("zzz qqq", []),
        ("zzz ", []),
    ],
)
def test_unseen_prefixes_go_back_to_their_longest_known_end(
    make: Make, before: str, expected: list[str]
) -> None:
    log = make("berlin cheap flights", "london flights to rome", "a flying start")
    assert written(log, before)[:1] == expected
    assert sum(each.probability for each in ask(log, before)) <= 1


def test_queries_that_are_cut_alike_are_one(make: Make) -> None:
    log = make("how to cook rice", "how to cook", "how to tie", "how are you", "hows it")
    assert [(each.text, round(each.probability * 11)) for each in ask(log, "h", max_words=1)] == [
        ("ow", 4), ("ows", 1),
    ]  # fmt: skip
    two = ask(log, "how", max_words=2)
    assert [each.text for each in two] == [" to cook", " are you", " to tie", "s it"]
    assert two[0].probability == pytest.approx(2 * two[1].probability)
    assert written(log, "how to ", max_words=1) == ["how to cook", "how to tie"]


def test_word_ends_carry_the_probability_of_the_text_up_to_them(make: Make) -> None:
    log = make("how to cook rice", "how to cook", "how to tie")
    best = next(each for each in ask(log, "how ") if each.text == "to cook rice")
    assert [end.char_offset for end in best.words] == [2, 7, 12]
    assert [end.probability for end in best.words] == pytest.approx([3 / 7, 2 / 7, 1 / 7])


def test_case_and_spaces_do_not_matter_and_the_last_spelling_is_shown(make: Make) -> None:
    log = make("how to COOK", "How  to Cook ")
    assert len(log) == 1
    assert written(log, "HOW to C") == ["HOW to Cook"]
    assert [each.text for each in ask(log, "  how   to ")] == ["Cook"]
    assert [each.text for each in ask(log, "earlier\nhow to ")] == ["Cook"]


def test_nothing_is_said_before_other_text(make: Make) -> None:
    log = make("how to cook")
    assert log.predict(Context("how", " to"), Budget()) == []
    assert log.predict(Context("how", "\n"), Budget()) != []


def test_what_is_recorded_survives(make: Make, tmp_path: Path) -> None:
    log = make("how to cook")
    log.record("how to tie")
    log.record("how to tie", NOW - 5)
    with QueryLog.open(tmp_path / "log", clock=lambda: NOW) as other:
        assert ask(other, "how") == pytest.approx(ask(log, "how"))
        assert ask(other, "how")[0].text == " to tie"


def test_a_transaction_is_whole_or_nothing(make: Make, tmp_path: Path) -> None:
    log = make("how to cook")

    def broken() -> object:
        yield Asked("how to tie", NOW)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        log.record_all(broken())  # type: ignore[arg-type]
    with pytest.raises(InputError):
        log.record_all([Asked("how to tie", NOW), Asked(" ", NOW)])
    assert written(log, "how") == ["how to cook"]
    with QueryLog.open(tmp_path / "log", clock=lambda: NOW) as other:
        assert len(other) == 1


QUERIES = st.lists(
    st.tuples(st.text("ab ", min_size=1, max_size=7).filter(str.strip), st.integers(-300, 300)),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@pytest.mark.slow
@given(QUERIES, st.text("ab ", max_size=4), st.integers(1, 3))
def test_learning_one_by_one_is_reading_all_at_once(
    tmp_path: Path, asked: list[tuple[str, int]], before: str, max_words: int
) -> None:
    path = tmp_path / "log"
    path.unlink(missing_ok=True)
    with QueryLog.create(path, half_life_days=1.0, clock=lambda: NOW) as log:
        for query, days in asked:
            log.record(query, NOW + days * DAY)
        found = ask(log, before, n=30, max_words=max_words)
    with QueryLog.open(path, clock=lambda: NOW) as again:
        expected = ask(again, before, n=30, max_words=max_words)
    by_text = {each.text: each.probability for each in expected}
    assert {each.text: each.probability for each in found} == pytest.approx(by_text, abs=1e-9)
    assert sum(by_text.values()) <= 1 + 1e-9


@given(
    st.dictionaries(st.text("ab ", min_size=1, max_size=8).map(str.strip).filter(bool),
                    st.integers(1, 9).map(float), max_size=12),
    st.text("ab ", max_size=4).map(str.lstrip),
    st.integers(1, 3),
)  # fmt: skip
def test_tables_give_what_cutting_every_query_gives(
    weights: dict[str, float], prefix: str, max_words: int
) -> None:
    weights = {" ".join(query.split()): weight for query, weight in weights.items()}
    expected: dict[str, float] = {}
    for query, weight in weights.items():
        if query.startswith(prefix) and query != prefix:
            shown = cut_plainly(prefix, query, max_words)
            expected[shown] = expected.get(shown, 0.0) + weight
    found = QueryTables(weights).top(prefix, max_words, 100)
    assert dict(found) == pytest.approx(expected)
    assert all(cut(prefix, each.text, max_words) == each.text for each in found)


def cut_plainly(prefix: str, query: str, max_words: int) -> str:
    ends = [span.end for span in words(query) if span.end > len(prefix)]
    return query[: ends[max_words - 1]] if len(ends) > max_words else query


def test_weights_do_not_leave_the_range_of_numbers(make: Make) -> None:
    log = make("how to cook", half_life_days=0.001)
    log.record("how to tie", NOW + 400 * DAY)
    assert written(log, "how")[0] == "how to tie"
    assert ask(log, "how")[0].probability == pytest.approx(1 / 4)


def test_bad_input_is_refused(make: Make, tmp_path: Path) -> None:
    log = make("how to cook")
    for bad in ("", " \n", "x" * 1001, "half \ud800"):
        with pytest.raises(InputError):
            log.record(bad)
    with pytest.raises(OptionError, match="times is 0"):
        log.record_all([Asked("how to tie", NOW, 0)])
    with pytest.raises(OptionError, match="half_life_days is 0"):
        QueryLog.create(tmp_path / "other", half_life_days=0)
    with pytest.raises(ModelError, match="cannot write"):
        QueryLog.create(tmp_path / "none" / "log")
    with pytest.raises(ModelError, match="cannot write"):
        QueryLog.create(tmp_path / "log")
    log.close()
    log.close()
    with pytest.raises(ModelError, match="was closed"):
        log.record("how to tie")


def test_bad_files_are_refused(make: Make, tmp_path: Path) -> None:
    make("how to cook").close()
    path, bad = tmp_path / "log", tmp_path / "bad"
    whole = path.read_bytes()
    for data in (b"nonsense" * 200, whole[:4096] + b"\xff" * 4096, whole[:500], b""):
        bad.write_bytes(data)
        with pytest.raises(ModelFormatError, match="tecla train querylog"):
            QueryLogFile.open(bad)
    with pytest.raises(UnknownModelError, match="there is no file"):
        QueryLogFile.open(tmp_path / "none")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.commit()
    connection.close()
    with pytest.raises(ModelFormatError, match="is of version 9, this program reads 1"):
        QueryLogFile.open(path)
