"""The cache of answers: the same question or nothing, within its bytes and its time."""

from __future__ import annotations

import sys
import threading
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tecla.controller.cache import AnswerCache, Question
from tecla.controller.tree import Alternative
from tecla.errors import OptionError
from tecla.text.words import WordEnd


def answer(text: str) -> tuple[Alternative, ...]:
    return (Alternative(text, (WordEnd(len(text), 0.5, 0.4),)),)


def question(
    scope: str = "a",
    model: str = "m",
    settings: int = 1,
    language: str = "en",
    header: str = "h",
    before: str = "b",
    after: str = "c",
) -> Question:
    return Question.of(scope, model, settings, language, (header, before, after))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_same_question_gets_the_same_answer() -> None:
    cache = AnswerCache()
    cache.put(question(), answer("text"))
    assert cache.get(question()) == answer("text")
    assert (cache.hits, cache.misses, len(cache)) == (1, 0, 1)


@pytest.mark.parametrize(
    "other",
    [
        {"scope": "b"},
        {"model": "n"},
        {"settings": 2},
        {"language": "es"},
        {"header": ""},
        {"before": "bb"},
        {"after": ""},
        {"before": "bc", "after": ""},  # the same characters, cut elsewhere
        {"header": "hb", "before": ""},
    ],
)
def test_another_question_gets_nothing(other: dict[str, object]) -> None:
    cache = AnswerCache()
    cache.put(question(), answer("text"))
    assert cache.get(question(**other)) is None  # type: ignore[arg-type]


def test_an_answer_gets_too_old() -> None:
    clock = Clock()
    cache = AnswerCache(max_age_s=10, clock=clock)
    cache.put(question(), answer("text"))
    clock.now = 10.0
    assert cache.get(question()) is not None
    clock.now = 10.1
    assert cache.get(question()) is None
    assert (len(cache), cache.bytes) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 300)), max_size=60))
def test_its_bytes_are_counted_and_never_too_many(puts: list[tuple[int, int]]) -> None:
    cache = AnswerCache(max_bytes=4000)
    for number, length in puts:
        cache.put(question(settings=number), answer("x" * length))
        assert cache.bytes <= 4000
        assert cache.bytes == sum(size for _, size, _ in cache._kept.values())


def test_what_was_used_last_stays() -> None:
    cache = AnswerCache(max_bytes=2200)
    for number in range(3):
        cache.put(question(settings=number), answer("text"))
    assert cache.get(question(settings=0)) is not None
    cache.put(question(settings=9), answer("text"))
    assert cache.get(question(settings=0)) is not None
    assert cache.get(question(settings=1)) is None


def test_what_is_too_large_is_not_kept_and_replaces_nothing_else() -> None:
    cache = AnswerCache(max_bytes=1000)
    cache.put(question(), answer("text"))
    cache.put(question(settings=2), answer("x" * 1000))
    assert cache.get(question(settings=2)) is None
    assert cache.get(question()) is not None
    with pytest.raises(OptionError, match="max_bytes is -1"):
        AnswerCache(max_bytes=-1)


def test_a_scope_is_forgotten_whole() -> None:
    cache = AnswerCache()
    for scope in "ab":
        for number in range(3):
            cache.put(question(scope, settings=number), answer(scope))
    cache.forget(lambda scope: scope == "a")
    assert [cache.get(question("a", settings=number)) for number in range(3)] == [None] * 3
    assert cache.get(question("b")) == answer("b")


def test_sizes_are_about_what_is_held() -> None:
    found = tuple(Alternative("x" * 40, tuple(WordEnd(at, 0.5, 0.4) for at in range(1, 5)))
                  for _ in range(6))  # fmt: skip
    held = sum(
        sys.getsizeof(each) + sum(sys.getsizeof(getattr(each, f.name)) for f in fields(each))
        + sum(sys.getsizeof(w) + 2 * sys.getsizeof(0.5) for w in each.words)
        for each in found
    )  # fmt: skip
    cache = AnswerCache()
    cache.put(question(), found)
    assert held / 2 < cache.bytes < 2 * held


def test_many_threads() -> None:
    cache = AnswerCache(max_bytes=5000)
    wrong: list[object] = []

    def work(own: int) -> None:
        for turn in range(300):
            number = (own * 7 + turn) % 12
            cache.put(question(settings=number), answer(str(number)))
            found = cache.get(question(settings=number))
            if found is not None and found != answer(str(number)):
                wrong.append(found)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cache.bytes == sum(size for _, size, _ in cache._kept.values())
