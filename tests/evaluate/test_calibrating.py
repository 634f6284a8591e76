"""Curves from typing: what would have been shown, and was it right."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.test_writer import PATIENT, TOKENIZER
from tecla import Suggester
from tecla.controller.asking import Asker
from tecla.controller.calibration import Event, Kind
from tecla.controller.lived import fitted
from tecla.controller.writer import Writer
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, saying
from tecla.errors import OptionError
from tecla.evaluate.calibrating import events_of
from tecla.evaluate.corpora import Passage
from tecla.models.info import ModelInfo

SAID = " of the thin art and help"


@pytest.fixture
def writer(fake_info: ModelInfo) -> Iterator[Writer]:
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", SAID))
    with (
        Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester,
        Writer(Asker(suggester.session()), manner=PATIENT) as writer,
    ):
        yield writer


def test_every_key_with_a_ghost_text_is_an_event(writer: Writer) -> None:
    typed: list[int] = []
    passage = Passage("p:1", "lines", "", "the future", " of the thin art and help")
    found = list(events_of(writer, [passage], typed.append))
    assert typed == [len(passage.text)]
    kinds, events = zip(*found, strict=True)
    assert events[0].right  # " of the thin art " is what is typed
    assert {kind.source for kind in kinds} == {"neural"}
    assert {kind.in_word for kind in kinds} == {True, False}
    wrong = Passage("p:2", "lines", "", "the future", " was")
    _, first = next(iter(events_of(writer, [wrong], typed.append)))
    assert not first.right
    assert first.probability == events[0].probability


def test_kinds_with_few_events_share_the_curve_of_broader_ones() -> None:
    often = [(Kind("neural", "en", in_word=True), Event(n / 600, n % 3 == 0)) for n in range(600)]
    seldom = [(Kind("neural", "es", in_word=True), Event(0.5, True)) for _ in range(30)]
    curves = fitted(often + seldom, least=100)
    assert Kind("neural", "en", in_word=True).key in curves
    assert Kind("neural", "es", in_word=True).key not in curves
    assert curves[Kind().key].events == 630
    assert curves[Kind("neural").key].events == 630
    with pytest.raises(OptionError, match="30 suggestions came up"):
        fitted(seldom, least=100)
