"""Events of suggestions: shown once, accepted in parts, left, taken back, unsettled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from controller.test_writer import PATIENT, TOKENIZER
from tecla import Suggester
from tecla.controller.asking import Asker
from tecla.controller.feedback import Feedback
from tecla.controller.lived import lived
from tecla.controller.rejected import AWAY, PAST
from tecla.controller.sources import ANY, Sources
from tecla.controller.writer import Writer
from tecla.engines.factory import LoadedModel
from tecla.engines.fake import FakeEngine, saying
from tecla.models.info import ModelInfo
from tecla.predict.base import Budget, Candidate
from tecla.store.events import FeedbackEvent
from tecla.text.context import Context
from tecla.text.snapshot import Snapshot
from tecla.text.words import WordEnd

SAID = " of the thin art and help"


@pytest.fixture
def events() -> list[FeedbackEvent]:
    return []


@pytest.fixture
def writer(fake_info: ModelInfo, events: list[FeedbackEvent]) -> Iterator[Writer]:
    engine = FakeEngine(TOKENIZER, bias=saying(TOKENIZER, "the future", SAID))
    feedback = Feedback(events.append, user="u", collection="c", clock=lambda: 5.0)
    with (
        Suggester(LoadedModel(engine, TOKENIZER, fake_info)) as suggester,
        Writer(Asker(suggester.session()), manner=PATIENT, feedback=feedback) as writer,
    ):
        yield writer


def test_typing_through_is_one_suggestion_that_is_not_rejected(
    writer: Writer, events: list[FeedbackEvent]
) -> None:
    writer.update(Snapshot("the future"))
    assert events == []
    ghost = writer.wait().ghost
    assert ghost is not None
    for key in ghost.text[:8]:
        writer.typed(key)
        writer.wait()
    assert [each.kind for each in events] == ["shown"]
    (shown,) = events
    assert (shown.user, shown.collection, shown.time_s) == ("u", "c", 5.0)
    assert shown.shown_chars == len(ghost.text)
    assert shown.shown_words == len(ghost.words)
    assert shown.raw_probability == ghost.raw
    assert shown.text is None


def test_the_same_text_told_again_rejects_nothing(
    writer: Writer, events: list[FeedbackEvent]
) -> None:
    writer.update(Snapshot("the future"))
    ghost = writer.wait().ghost
    assert writer.update(Snapshot("the future")).ghost == ghost
    writer.wait()
    writer.accept()
    assert [each.kind for each in events][:2] == ["shown", "accepted"]


def test_words_then_all_then_taken_back(writer: Writer, events: list[FeedbackEvent]) -> None:
    writer.update(Snapshot("the future"))
    ghost = writer.wait().ghost
    assert ghost is not None
    taken = writer.accept("word")
    rest = writer.accept("all")
    assert taken + rest == ghost.text
    writer.wait()
    kinds = [each.kind for each in events]
    assert kinds[:3] == ["shown", "part_accepted", "accepted"]
    assert len({each.suggestion for each in events[:3]}) == 1
    part, whole = events[1:3]
    assert (part.accepted_chars, part.saved_keys) == (len(taken), len(taken) - 1)
    assert (whole.accepted_chars, whole.shown_chars) == (len(rest), len(rest))
    assert sum(each.accepted_words for each in events) == len(ghost.words)
    writer.deleted(2)
    writer.deleted(1)
    writer.typed("x")
    again = next(each for each in events if each.kind == "deleted_again")
    assert again.accepted_chars == 3
    assert again.saved_keys == -3


@pytest.mark.parametrize("how", ["typed", "dismissed", "moved"])
def test_what_is_left_is_rejected_once(
    writer: Writer, events: list[FeedbackEvent], how: str
) -> None:
    writer.update(Snapshot("the future"))
    assert writer.wait().ghost is not None
    if how == "typed":
        writer.typed("z")
    elif how == "dismissed":
        writer.dismiss()
        writer.typed("z")
    else:
        writer.update(Snapshot("the", " future"))
    writer.typed("z")
    first = [each.kind for each in events if each.suggestion == events[0].suggestion]
    assert first == ["shown", "rejected"]


def test_a_change_of_mind_after_typing_is_no_deletion_of_what_was_accepted(
    writer: Writer, events: list[FeedbackEvent]
) -> None:
    writer.update(Snapshot("the future"))
    writer.wait()
    writer.accept()
    writer.typed("z")
    writer.deleted(3)
    writer.close()
    assert "deleted_again" not in [each.kind for each in events]


class Table:
    """A classical predictor that knows what follows a few texts."""

    name = "table"

    def __init__(self, *known: tuple[str, str, float]) -> None:
        """Texts, each with a word behind it and the probability of that."""
        self._known = known

    def predict(self, context: Context, budget: Budget) -> list[Candidate]:
        return [
            Candidate(word, probability, "ngram", (WordEnd(len(word), probability),))
            for before, word, probability in self._known
            if before == context.before
        ]

    def close(self) -> None:
        pass


def writer_of(events: list[FeedbackEvent], *known: tuple[str, str, float]) -> Writer:
    """A writer without a model, whose marks are texts and not digests of them."""
    feedback = Feedback(events.append, digest=lambda before, text: text.encode().hex().zfill(32))
    manner = replace(PATIENT, likely=0.3, sure=0.9)
    return Writer(None, Sources({ANY: [lambda: Table(*known)]}), manner, feedback=feedback)


def told(events: list[FeedbackEvent]) -> list[tuple[int, str]]:
    """Which suggestion, by the order they came in, and what happened to it."""
    ids = list(dict.fromkeys(each.suggestion for each in events))
    return [(ids.index(each.suggestion), each.kind) for each in events]


def right(events: list[FeedbackEvent]) -> list[bool]:
    return [each.right for _, each in lived(events)]


def test_what_vanished_is_left_by_what_is_typed_on(events: list[FeedbackEvent]) -> None:
    known = (("I saw the ", "house", 0.03), ("I saw the her ", "mother", 0.5))
    with writer_of(events, *known) as writer:
        assert writer.update(Snapshot("I saw the ")).ghost is not None
        assert writer.typed("h").ghost is None
        assert told(events) == [(0, "shown")]
        writer.typed("e")
        assert told(events) == [(0, "shown"), (0, "rejected")]
        assert events[1].mark is None
        writer.typed("r")
        writer.typed(" ")
        assert writer.accept() == "mother "
        assert told(events)[2:] == [(1, "shown"), (1, "accepted")]
    assert right(events) == [False, True]


@pytest.mark.parametrize("back", ["ouse", "ouse of"])
def test_what_vanished_and_comes_back_is_the_same(events: list[FeedbackEvent], back: str) -> None:
    known = (("I saw the ", "house", 0.03), ("I saw the ho", back.removeprefix("o"), 0.5))
    with writer_of(events, *known) as writer:
        assert writer.update(Snapshot("I saw the ")).ghost is not None
        assert writer.typed("h").ghost is None
        assert writer.typed("o").ghost is not None
        writer.accept()
        assert told(events) == [(0, "shown"), (0, "accepted")]


def test_what_vanished_and_is_typed_is_right(events: list[FeedbackEvent]) -> None:
    with writer_of(events, ("I saw the ", "house", 0.03)) as writer:
        assert writer.update(Snapshot("I saw the ")).ghost is not None
        for key in "house.":
            assert writer.typed(key).ghost is None
    assert told(events) == [(0, "shown")]
    assert right(events) == [True]


@pytest.mark.parametrize("key", [" ", "."])
def test_all_of_the_word_typed_by_hand_is_typed_through(
    events: list[FeedbackEvent], key: str
) -> None:
    """Nobody has left a suggestion whose space alone is not typed yet."""
    with writer_of(events, ("I saw the ", "house", 0.8)) as writer:
        ghost = writer.update(Snapshot("I saw the ")).ghost
        assert ghost is not None
        assert ghost.text == "house "
        for typed in f"house{key}":
            writer.typed(typed)
    assert told(events) == [(0, "shown")]
    assert right(events) == [True]


def test_another_at_the_next_key_takes_no_ones_name(events: list[FeedbackEvent]) -> None:
    known = (("I saw the ", "house", 0.03), ("I saw the h", "orizon", 0.5))
    with writer_of(events, *known) as writer:
        assert writer.update(Snapshot("I saw the ")).ghost is not None
        writer.typed("h")
        assert writer.accept() == "orizon "
    assert told(events) == [(0, "shown"), (0, "rejected"), (1, "shown"), (1, "accepted")]
    assert events[1].mark is None
    assert right(events) == [False, True]


def test_a_word_taken_without_its_space_is_settled(events: list[FeedbackEvent]) -> None:
    known = (("I saw the ", "house", 0.8), ("I saw the house ", "again", 0.5))
    with writer_of(events, *known) as writer:
        writer.update(Snapshot("I saw the "))
        assert writer.take(5) == "house"
        assert writer.typed(" ").ghost is not None
        writer.typed("x")
    first, second = [(0, "shown"), (0, "part_accepted")], [(1, "shown"), (1, "rejected")]
    assert told(events) == first + second
    assert events[3].mark is not None
    assert events[3].mark.weight == PAST
    assert right(events) == [True, False]


def test_what_is_open_at_the_end_is_neither_right_nor_wrong(events: list[FeedbackEvent]) -> None:
    with writer_of(events, ("see you ", "tomorrow", 0.5)) as writer:
        writer.update(Snapshot("see you "))
        writer.typed("t")
    writer.close()
    assert told(events) == [(0, "shown"), (0, "unsettled")]
    assert right(events) == []


@pytest.mark.parametrize(
    ("act", "happened", "weight"),
    [
        (Writer.accept, "accepted", 0.0),
        (Writer.dismiss, "rejected", AWAY),
        (lambda writer: writer.typed("x"), "rejected", PAST),
    ],
)
def test_nothing_is_concluded_of_what_is_paged_away_from(
    events: list[FeedbackEvent],
    act: Callable[[Writer], object],
    happened: str,
    weight: float,
) -> None:
    with writer_of(events, ("see you ", "tomorrow", 0.5), ("see you ", "soon", 0.3)) as writer:
        first = writer.update(Snapshot("see you ")).ghost
        second = writer.other().ghost
        assert first != second
        act(writer)
    assert told(events) == [(0, "shown"), (0, "unsettled"), (1, "shown"), (1, happened)]
    assert events[1].mark is None
    assert events[3].mark is not None
    assert events[3].mark.weight == weight
    assert right(events) == [happened == "accepted"]
