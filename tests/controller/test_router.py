"""The router: it asks where asking has helped, and looks again now and then."""

from __future__ import annotations

import pytest

from controller.test_writer import PATIENT, SAID, TOKENIZER, Says, beside
from tecla import Suggester
from tecla.controller.asking import Asker
from tecla.controller.place import Place
from tecla.controller.router import Router, Situation, expected_keys
from tecla.controller.showing import Ghost
from tecla.controller.writer import Writer
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, saying
from tecla.errors import OptionError
from tecla.models.info import ModelInfo
from tecla.text.snapshot import Snapshot


def ghost(text: str, probability: float) -> Ghost:
    return Ghost(text, probability, probability, ())


HERE = Situation(0, 5)


def test_places_are_told_by_what_is_typed_and_by_how_sure_the_answer_is() -> None:
    assert Situation.of(Place(Snapshot("a thoro")), ghost("ugh", 1.0)) == Situation(5, 9)
    assert Situation.of(Place(Snapshot("a thoroughly")), ghost(" ", 0.25)) == Situation(5, 2)
    assert Situation.of(Place(Snapshot("a ")), None) == Situation(0, 0)
    assert Situation.of(Place(Snapshot("end.")), None) == Situation(-1, 0)


def test_it_asks_until_it_knows_and_then_looks_again_now_and_then() -> None:
    router = Router(0.1, explore_every=4)
    for _ in range(20):
        assert router.asks(HERE)
        router.learnt(HERE, ghost("word ", 0.5), ghost("word ", 0.51))
    asked = [router.asks(HERE) for _ in range(12)]
    assert asked == [False, False, False, True] * 3
    assert router.passed == 9
    assert router.asks(Situation(1, 5))  # a place of another kind


def test_it_begins_to_ask_again_where_asking_begins_to_help() -> None:
    router = Router(0.1)
    for _ in range(40):
        router.learnt(HERE, None, None)
    assert not router.asks(HERE)
    for _ in range(40):
        router.learnt(HERE, None, ghost("wording ", 0.5))
    assert router.asks(HERE)
    assert expected_keys(ghost("wording ", 0.5)) == 3.5
    with pytest.raises(OptionError, match="explore_every"):
        Router(0.1, explore_every=0)


def test_a_writer_settles_on_what_is_known_where_asking_does_not_pay(
    fake_info: ModelInfo,
) -> None:
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", SAID))
    router = Router(100.0)
    origins = []
    with Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester:
        for _ in range(22):
            sources = beside(Says("the future was", 0.3))
            with Writer(Asker(suggester.session(), router), sources, PATIENT) as writer:
                writer.update(Snapshot("the future"))
                found = writer.wait()
                origins.append(found.origin)
    assert origins == ["model"] * 20 + ["classical"] * 2
    assert found.settled
    assert found.ghost is not None
    assert found.ghost.text == " was "
