"""A writer as a predictor: the ghost text it would show, or its list of words."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from controller.test_writer import PATIENT, SAID, TOKENIZER
from tecla import Suggester
from tecla.controller.asking import Asker
from tecla.controller.manner import Search
from tecla.controller.predictors import open_predictor
from tecla.controller.writer import Writer
from tecla.controller.written import Written
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, saying
from tecla.models.info import ModelInfo
from tecla.predict.base import Budget
from tecla.text.context import Context
from tecla.text.snapshot import Snapshot

Make = Callable[[], Writer]


@pytest.fixture
def suggester(fake_info: ModelInfo) -> Iterator[Suggester]:
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", SAID))
    with Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as opened:
        yield opened


@pytest.fixture
def make(suggester: Suggester) -> Make:
    return lambda: Writer(Asker(suggester.session()), manner=PATIENT)


def test_one_candidate_is_the_ghost_text(make: Make) -> None:
    predictor = Written(make())
    with make() as writer:
        for at in range(len("the future"), len("the future of the thin")):
            text = ("the future" + SAID)[:at]
            writer.update(Snapshot(text))
            ghost = writer.wait().ghost
            found = predictor.predict(Context(text), Budget(n=1))
            assert [each.text for each in found] == ([] if ghost is None else [ghost.text])
    predictor.close()


def test_several_are_a_list_of_words_however_unlikely(make: Make) -> None:
    predictor = Written(make())
    for text in ("the future", "the future ", "the future of"):
        found = predictor.predict(Context(text), Budget(n=6, max_words=1))
        assert len({each.text for each in found}) == 6
        assert [each.probability for each in found] == sorted(
            (each.probability for each in found), reverse=True
        )
        assert found[0].probability > 100 * found[1].probability
        assert predictor.work.steps > 0
    predictor.close()


def test_a_spec_sets_the_manner_and_closes_what_it_opened(suggester: Suggester) -> None:
    spec = "writer:?preamble=&filters=off&calibration=off&eagerness=1.0&alternatives=3"
    predictor = open_predictor(spec, suggester=suggester)
    found = predictor.predict(Context("the future"), Budget(n=1))
    assert SAID.startswith(found[0].text.rstrip())
    predictor.close()
    assert suggester.session() is not None  # the caller's model is left open


def test_more_is_followed_where_text_stands_behind_the_caret() -> None:
    search = Search(alternatives=2, between=4)
    assert search.followed(" the end") == 4
    assert [search.followed(after) for after in ("", "\nNext.", "  ")] == [2, 2, 2]
    assert Search(alternatives=2, fits=False).followed(" the end") == 2
