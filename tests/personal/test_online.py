"""What grows while somebody writes: after any edits it says what counting says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from personal.naive import Naive, plain
from personal.rows import SMALL, question, row
from tecla.errors import OptionError
from tecla.personal.base import BOUNDARY
from tecla.personal.online import Online
from tecla.personal.segment import Row, Segment
from tecla.personal.vocabulary import Vocabulary

VOCABULARY = Vocabulary(SMALL)


class Writing(RuleBasedStateMachine):
    """Documents that are begun, written, corrected and replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.online = Online(VOCABULARY)
        self.rows: list[list[int]] = [[]]

    @rule(added=row)
    def extend(self, added: list[int]) -> None:
        self.online.extend(added)
        self.rows[-1] += added

    @rule(repeated=st.integers(1, 80), part=row)
    def extend_by_much(self, repeated: int, part: list[int]) -> None:
        self.extend(part * repeated)

    @rule(n_tokens=st.integers(0, 100))
    def trim(self, n_tokens: int) -> None:
        self.online.trim(n_tokens)
        del self.rows[-1][n_tokens:]

    @rule(n_same=st.integers(0, 30), then=row)
    def follow(self, n_same: int, then: list[int]) -> None:
        wanted = self.rows[-1][:n_same] + then
        self.online.follow(wanted)
        self.rows[-1] = wanted

    @rule()
    def begin(self) -> None:
        self.online.begin()
        if self.rows[-1]:
            self.rows.append([])

    @rule(asked=question, most=st.integers(1, 9))
    def ask(self, asked: list[int], most: int) -> None:
        expected = Naive(self.rows).matches(asked, most)
        assert plain(self.online.matches(asked, most)) == plain(expected)

    @rule(most=st.integers(1, 9))
    def ask_for_itself(self, most: int) -> None:
        end = self.rows[-1][-40:]
        expected = Naive(self.rows).matches(end, most)
        assert plain(self.online.matches(end, most)) == plain(expected)

    @invariant()
    def holds(self) -> None:
        assert self.online.n_newest == len(self.rows[-1])
        assert len(self.online) == sum(map(len, self.rows))
        self.online.check_integrity()


TestWriting = Writing.TestCase
TestWriting.settings = settings(max_examples=25, stateful_step_count=20)
TestWriting = pytest.mark.slow(TestWriting)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, SMALL - 1), max_size=30), max_size=20))
def test_memory_is_bounded_and_the_newest_is_kept(parts: list[list[int]]) -> None:
    online = Online(VOCABULARY, limit_tokens=20)
    written: list[int] = []
    for number, part in enumerate(parts):
        if number % 3 == 0:
            online.begin()
            online.check_integrity()
        online.extend(part)
        written += part
        assert len(online) <= 20
        online.check_integrity()
        newest = written[len(written) - min(len(online), 9) :]
        assert Naive([written]).behind(newest[:-1]) or len(newest) < 2
        if len(newest) > 1 and online.n_newest >= len(newest):
            assert online.matches(newest[:-1], 1)[0].length >= len(newest) - 1


def test_what_is_dropped_is_not_held() -> None:
    online = Online(Vocabulary(100), limit_tokens=16)
    online.extend(range(10))
    online.begin()
    online.extend(range(20, 26))
    assert online.matches([0, 1]) == []
    assert plain(online.matches([20, 21])) == [(2, 1, {22: 1})]
    assert plain(online.matches([BOUNDARY])) == [(1, 1, {20: 1})]


@pytest.mark.slow
def test_a_segment_says_the_same() -> None:
    chooser = np.random.default_rng(3)
    found = [chooser.integers(0, 3, 300).tolist() for _ in range(5)]
    online, vocabulary = Online(Vocabulary(70_000)), Vocabulary(70_000)
    for each in found:
        online.begin()
        for start in range(0, 300, 25):
            online.extend(each[start : start + 25])
    segment = Segment.of([Row(number, each) for number, each in enumerate(found)], vocabulary)
    for place in range(300):
        asked = found[place % 5][: place + 1]
        assert plain(online.matches(asked)) == plain(segment.matches(asked))


def test_generation_differs_after_every_change() -> None:
    online = Online(VOCABULARY)
    seen = {online.generation, Online(VOCABULARY).generation}
    for change in (
        lambda: online.extend([1, 2]),
        online.begin,
        lambda: online.extend([1]),
        lambda: online.trim(0),
        lambda: online.follow([2]),
    ):
        change()
        assert online.generation not in seen
        seen.add(online.generation)
    for nothing in (online.begin, lambda: online.extend([]), lambda: online.follow([])):
        online.trim(0)
        before = online.generation
        nothing()
        assert online.generation == before


@pytest.mark.parametrize("tokens", [[SMALL], [-1], [BOUNDARY, 1]], ids=str)
def test_what_is_no_id_changes_nothing(tokens: list[int]) -> None:
    online = Online(VOCABULARY)
    online.extend([1, 2, 1])
    before = online.generation
    with pytest.raises(OptionError, match=r"does not exist; ids are 0 to 3"):
        online.extend(tokens)
    with pytest.raises(OptionError, match=r"does not exist; ids are 0 to 3"):
        online.follow(tokens)
    assert (online.generation, online.n_newest) == (before, 3)


def test_a_limit_that_is_none() -> None:
    with pytest.raises(OptionError, match="limit_tokens is 3; it must be 16 or more"):
        Online(VOCABULARY, limit_tokens=3)
