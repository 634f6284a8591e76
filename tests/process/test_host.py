"""The engine's side of the line, on the fake engine in this process."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from serve.held import HeldEngine
from serve.serving import until
from tecla import Suggester
from tecla.decode.request import Completed
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, FakeTokenizer, saying
from tecla.errors import OptionError
from tecla.filters.options import FilterOptions
from tecla.models.info import ModelInfo
from tecla.process.child import Host
from tecla.process.link import Link
from tecla.process.messages import (
    Answered,
    Begin,
    CloseSession,
    Count,
    Filtering,
    LeaveCaret,
    Screened,
    Spliced,
)

TOKENIZER = FakeTokenizer()
OPTIONS = {"max_words": 2, "temperature": 0.0}
ASKED = Begin(
    1, 7, "ana", Spliced(0, "the future"), Spliced(0, ""), None, {**OPTIONS}, screened=None
)


class Line:
    """A host, and what comes back from it."""

    def __init__(self, suggester: Suggester, link: Link, there: Link) -> None:
        self.host = Host(there, suggester)
        self._answers = iter(link)

    def ask(self, message: Begin | Count) -> Completed | dict[str, int] | Exception:
        self.host.take(message)
        return self.answer(message.id)

    def answer(self, number: int = 1) -> Completed | dict[str, int] | Exception:
        found = next(self._answers)
        assert isinstance(found, Answered)
        assert found.id == number
        return found.answer

    def text(self, message: Begin) -> str:
        found = self.ask(message)
        assert isinstance(found, Completed)
        return found.continuations[0].text


@pytest.fixture
def line(fake_info: ModelInfo) -> Iterator[Line]:
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", " of the thin art"))
    ours, theirs = socket.socketpair()
    with (
        Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester,
        Link(ours) as link,
        Link(theirs) as there,
    ):
        yield Line(suggester, link, there)


def test_texts_grow_by_what_changed(line: Line) -> None:
    assert line.text(ASKED) == " of the"
    typed = replace(ASKED, id=2, before=Spliced(len("the future"), " of"))
    assert line.text(typed) == " the thin"
    assert line.text(replace(typed, id=3, before=Spliced(len("the future"), ""))) == " of the"


def test_an_answer_comes_without_what_was_looked_at(line: Line) -> None:
    found = line.ask(ASKED)
    assert isinstance(found, Completed)
    assert found.tree == type(found.tree)()


def test_what_is_screened_is_not_found(line: Line) -> None:
    line.host.take(Filtering(4, replace(FilterOptions.none(), deny=("the",))))
    found = line.ask(replace(ASKED, screened=Screened(4, "", None)))
    assert isinstance(found, Completed)
    assert all("the" not in each.text.split() for each in found.continuations)
    counted = line.ask(Count(9))
    assert isinstance(counted, dict)
    assert counted["screened"] > 0
    assert counted["requests"] == 1


def test_a_bad_question_is_answered_with_what_is_wrong(line: Line) -> None:
    found = line.ask(replace(ASKED, options={"n": 0}))
    assert isinstance(found, OptionError)
    assert line.text(ASKED) == " of the"


def test_a_deadline_that_has_passed_is_answered_all_the_same(line: Line) -> None:
    found = line.ask(replace(ASKED, deadline_at=time.monotonic() - 1.0))
    assert isinstance(found, Completed)


def test_a_caret_that_is_left_costs_no_more_steps(fake_info: ModelInfo) -> None:
    engine = HeldEngine()
    ours, theirs = socket.socketpair()
    with (
        Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester,
        Link(ours) as link,
        Link(theirs) as there,
    ):
        line = Line(suggester, link, there)
        engine.hold_after(1)
        line.host.take(ASKED)
        until(lambda: engine.steps == 2)
        line.host.take(LeaveCaret(99))
        line.host.take(LeaveCaret(ASKED.session))
        engine.let_go()
        found = line.answer()
        assert isinstance(found, Completed)
        assert (found.partial, engine.steps) == (True, 2)
        assert suggester.counters()["cancelled"] == 1
        assert line.text(replace(ASKED, id=2)) == " of the"


def test_a_closed_caret_begins_anew(line: Line) -> None:
    line.text(ASKED)
    line.host.take(CloseSession(7))
    line.host.take(CloseSession(7))
    assert line.text(ASKED) == " of the"
    with pytest.raises(TypeError, match="no message"):
        line.host.take("nonsense")
